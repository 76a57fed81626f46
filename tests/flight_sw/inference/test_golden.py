"""The golden copy on storage: any three shards may go."""

import itertools

import numpy as np
import pytest

from flight_sw.inference.golden import DATA, FOLDER, PARITY, GoldenCopy
from flight_sw.inference.live_files import LoadError
from flight_sw.inference.manifest import WEIGHTS_FILE, read_manifest
from flight_sw.inference.store import ModelStore
from flight_sw.model_shelf import ModelShelf, _NativeCode


@pytest.fixture
def kept(damaged_copy):
    """A compiled model with its shards: (golden copy, manifest, right bytes)."""
    weights = (damaged_copy / WEIGHTS_FILE).read_bytes()
    golden = GoldenCopy(damaged_copy, _NativeCode())
    assert not golden.exists
    golden.mend(weights)
    return golden, read_manifest(damaged_copy), weights


def _spoil(golden, numbers, gone=False):
    for number in numbers:
        path = golden.part / FOLDER / f"{number:02d}.shard"
        if gone:
            path.unlink()
        else:
            data = np.fromfile(path, np.uint8)
            data[len(data) // 2] ^= 4
            data.tofile(path)


def test_what_is_written_comes_back_smaller_than_three_copies(kept):
    """Compressed, and half as much again for parity."""
    golden, manifest, weights = kept
    assert golden.read(manifest) == weights
    stored = sum(path.stat().st_size for path in (golden.part / FOLDER).iterdir())
    assert stored < 2 * len(weights)


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("lost", list(itertools.combinations((0, 3, 7, 8, 10), PARITY)))
def test_any_three_shards_may_be_lost_or_damaged(kept, lost, gone):
    """A damaged shard counts as lost: its own CRC says so."""
    golden, manifest, weights = kept
    _spoil(golden, lost, gone)
    assert golden.read(manifest) == weights


def test_one_shard_more_is_said_and_nothing_is_made_up(kept):
    """Four lost shards are too many."""
    golden, manifest, _ = kept
    _spoil(golden, range(PARITY + 1))
    with pytest.raises(LoadError, match=f"{DATA - 1} of {DATA} shards"):
        golden.read(manifest)


def test_shards_of_another_model_are_not_believed(kept, compiled):
    """The manifest's digest decides."""
    golden, _, _ = kept
    with pytest.raises(LoadError):
        golden.read(read_manifest(compiled("small-cnn")))


def test_weights_that_rot_on_storage_are_rebuilt_at_the_next_start(compiled, tmp_path):
    """A slot with a damaged file flies again, and the file is whole again."""
    store = ModelStore(tmp_path / "store")
    store.install(compiled("telemetry-anomaly"), 1)
    (first,) = ModelShelf(tmp_path / "store", tmp_path / "boot1").stage_all()
    file = store.directory(1) / WEIGHTS_FILE
    right = file.read_bytes()
    weights = np.frombuffer(right, np.uint8).copy()
    weights[100:200] ^= 255
    weights.tofile(file)
    (second,) = ModelShelf(tmp_path / "store", tmp_path / "boot2").stage_all()
    assert second.digest == first.digest
    assert file.read_bytes() == right


def test_a_page_comes_back_from_storage_when_nothing_else_can_mend_it(compiled, tmp_path):
    """More flips in a group of pages than parity can bear."""
    store = ModelStore(tmp_path / "store")
    store.install(compiled("telemetry-anomaly"), 1)
    (model,) = ModelShelf(tmp_path / "store", tmp_path / "boot").stage_all()
    live = np.memmap(f"{model.directory}/{WEIGHTS_FILE}", np.uint8, "r+")
    right = live.copy()
    for page in range(4):
        live[page * 4096 : page * 4096 + 64] ^= 0x5A
    model.region.repair_all()
    assert np.array_equal(live, right)
