"""The model store under power cuts: at every file operation, and whatever was to be done."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from flight_sw.inference.bundle import verify_bundle
from flight_sw.inference.golden import DATA, FOLDER, PARITY
from flight_sw.inference.manifest import GRAPH_FILE, MANIFEST_FILE, WEIGHTS_FILE, read_manifest
from flight_sw.inference.store import ModelStore, TrialTime
from flight_sw.model_shelf import ModelShelf


class PowerCut(BaseException):
    """The power goes in the middle of a file operation."""


@pytest.fixture
def cut_after(monkeypatch):
    """A function: let so many file operations pass, then cut the power."""
    left = [1 << 30]

    def guarded(name):
        real = getattr(os, name)

        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise PowerCut(name)
            return real(*args, **kwargs)

        return call

    for name in ("symlink", "replace", "unlink", "mkdir", "rmdir", "fsync"):
        monkeypatch.setattr(os, name, guarded(name))

    def cut(count: int) -> None:
        left[0] = count

    return cut


@pytest.mark.parametrize("act", ["install", "confirm", "roll back"])
def test_a_power_cut_at_any_file_operation_leaves_the_old_or_the_new_model(
    act, versions, tmp_path, cut_after
) -> None:
    """Whole by its digests, with its time or without a trial; and the store works on."""
    one, two = (_plain(version, tmp_path / version.name) for version in versions[:2])
    digests = {read_manifest(version).digest for version in (one, two)}
    for count in range(60):
        store = ModelStore(tmp_path / str(count))
        store.install(one, 1)
        if act != "install":
            _try_in(store, two)
        cut_after(count)
        try:
            {"install": _try_in, "confirm": _confirm, "roll back": _roll_back}[act](store, two)
            was_cut = False
        except PowerCut:
            was_cut = True
        cut_after(1 << 30)
        (tmp_path / f"memory-{count}").mkdir()
        (model,) = ModelShelf(tmp_path / str(count), tmp_path / f"memory-{count}").stage_all()
        assert verify_bundle(store.directory(1)).digest in digests
        assert bytes.fromhex(model.digest) in digests
        store.roll_back(1)
        assert verify_bundle(store.directory(1)).digest in digests
        if not was_cut:
            break
    assert not was_cut
    assert count > 1


@pytest.mark.parametrize("written", range(DATA + PARITY + 1))
def test_a_power_cut_while_the_golden_copy_is_made_costs_no_model(
    written, versions, tmp_path
) -> None:
    """Shards after the cut are missing, the one at the cut is empty: the next start makes them anew."""
    store, memory = ModelStore(tmp_path / "store"), tmp_path / "memory"
    store.install(_plain(versions[0], tmp_path / "plain"), 1)
    memory.mkdir()
    ModelShelf(tmp_path / "store", memory).stage_all()
    shards = sorted((store.directory(1) / FOLDER).iterdir())
    whole = [shard.read_bytes() for shard in shards]
    for number, shard in enumerate(shards[written:]):
        shard.write_bytes(b"") if number == 0 else shard.unlink()
    (model,) = ModelShelf(tmp_path / "store", memory).stage_all()
    assert bytes.fromhex(model.digest) == read_manifest(store.directory(1)).digest
    assert [shard.read_bytes() for shard in shards] == whole


@pytest.mark.parametrize(("lost", "flies"), [(PARITY, True), (PARITY + 1, False)])
def test_storage_that_takes_no_byte_costs_a_model_only_without_a_golden_copy(
    lost, flies, versions, tmp_path, monkeypatch
) -> None:
    """A full disk at the start: enough shards serve as they are; too few leave the model out."""
    store, memory = ModelStore(tmp_path / "store"), tmp_path / "memory"
    store.install(_plain(versions[0], tmp_path / "plain"), 1)
    memory.mkdir()
    ModelShelf(tmp_path / "store", memory).stage_all()
    for shard in sorted((store.directory(1) / FOLDER).iterdir())[:lost]:
        shard.unlink()
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.parent.name == FOLDER:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert len(ModelShelf(tmp_path / "store", memory).stage_all()) == flies


def _plain(bundle: Path, folder: Path) -> Path:
    """Only the plain part, to save time."""
    folder.mkdir()
    for name in (GRAPH_FILE, WEIGHTS_FILE, MANIFEST_FILE):
        shutil.copyfile(bundle / name, folder / name)
    return folder


def _try_in(store: ModelStore, compiled: Path) -> None:
    store.install_on_trial(compiled, 1)
    store.keep_trial_time(1, TrialTime(50.0))


def _confirm(store: ModelStore, _: Path) -> None:
    assert store.confirm(1)


def _roll_back(store: ModelStore, _: Path) -> None:
    assert store.roll_back(1)
