"""Attacks by model upload (A21): none of them changes what serves."""

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.inference.compiled import Guarding, compile_bundle
from flight_sw.inference.store import ModelStore
from flight_sw.space_link.refusal import Refusal
from hil.applications.models import find_model
from tests.flight_sw.conftest import packed
from tests.flight_sw.test_key_change import Change
from tests.flight_sw.test_model_updates import CHUNK, FILE, UpdateStack

BOMB_BYTES = 80 << 20
Spoil = Callable[[bytes], bytes]


@pytest.fixture
def flying(versions: tuple[Path, Path, bytes], tmp_path: Path) -> UpdateStack:
    """In NOMINAL with version 1 in slot 1."""
    ModelStore(tmp_path / "store").install(versions[0], 1)
    stack = UpdateStack(tmp_path)
    stack.fly()
    stack.run(1.0)
    return stack


def test_a21_wrong_digest(flying: UpdateStack, versions: tuple[Path, Path, bytes]) -> None:
    """BAD_DIGEST: the file slot is emptied and the old model serves."""
    before = flying.answer(1)
    update = versions[2][:CHUNK]
    digest = hashlib.sha256(b"another").digest()
    flying.send("begin-file", slot=FILE, size=len(update), chunk=CHUNK, digest=digest)
    flying.send("write-chunk", slot=FILE, chunk=0, data=update)
    flying.run(0.5)
    assert [one["reason"] for one in flying.told("failed")] == [Reason.BAD_DIGEST.value]
    assert flying.controller._services.files.slots[FILE].size == 0
    assert flying.answer(2) == before


def test_a21_good_digest_wrong_shape(flying: UpdateStack, tmp_path: Path) -> None:
    """WRONG_SHAPE: a sound model for other inputs does not take the slot."""
    before = flying.answer(1)
    compile_bundle(find_model("hotspot"), tmp_path / "hotspot", zlib.crc32, Guarding())
    flying.upload(packed(tmp_path / "hotspot", tmp_path / "m"))
    flying.install()
    assert flying.last == ("REFUSED", Reason.WRONG_SHAPE.name)
    assert flying.answer(2) == before


HOSTILE: dict[str, tuple[Spoil, Reason]] = {
    "a bomb": (lambda _: zlib.compress(bytes(BOMB_BYTES), 9), Reason.TOO_LARGE),
    "data in another file": (
        lambda data: zlib.compress(zlib.decompress(data).replace(b"w.bin", b"x.bin")),
        Reason.FOREIGN_DATA,
    ),
    "not a model": (lambda _: b"\x80\x05cos\nsystem\n", Reason.BAD_FORMAT),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a21_hostile_content(
    flying: UpdateStack, versions: tuple[Path, Path, bytes], kind: str
) -> None:
    """What unpacks without end, reads other files or is no model is refused with its reason."""
    spoil, reason = HOSTILE[kind]
    before = flying.answer(1)
    flying.upload(spoil(versions[2]))
    flying.install()
    assert flying.last == ("REFUSED", reason.name)
    assert flying.answer(2) == before


@pytest.mark.parametrize("way", ["install", "install_on_trial", "remove"])
def test_a20_a_slot_that_leads_out_of_the_store(
    way: str, versions: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    """A slot linked to a folder elsewhere holds no model, and no work on it touches that folder."""
    outside, store = tmp_path / "outside", ModelStore(tmp_path / "models")
    ModelStore(tmp_path / "other").install(versions[0], 1)
    outside.symlink_to((tmp_path / "other" / "slot-01").resolve())
    before = {path: path.read_bytes() for path in sorted(outside.resolve().rglob("*.*"))}
    store.install(versions[0], 2)
    store.directory(1).symlink_to(outside)
    assert before
    assert set(store.catalogue()) == {2}
    if way == "remove":
        store.remove(1)
    else:
        getattr(store, way)(versions[0], 1)
        assert store.directory(1).resolve().parent == store.directory(2).resolve().parent
        store.roll_back(1)
    assert {path: path.read_bytes() for path in sorted(outside.resolve().rglob("*.*"))} == before
    assert set(store.catalogue()) == ({1, 2} if way == "install" else {2})


def test_a21_sent_under_a_key_that_is_no_longer_in_force() -> None:
    """An upload recorded under the old key is SPI, frame by frame, once the keys have changed."""
    link = Change()
    content = bytes(range(256))
    digest = hashlib.sha256(content).digest()
    link.under(link.old, "begin-file", slot=FILE, size=256, chunk=256, digest=digest)
    link.under(link.old, "abort-file", slot=FILE)
    link.frames.clear()
    link.under(link.old, "begin-file", slot=FILE, size=256, chunk=256, digest=digest)
    link.under(link.old, "abort-file", slot=FILE)
    recorded = list(link.frames)
    link.change()
    link.receiver = link.later
    refused = link.refused(Refusal.SPI)
    for frame in recorded:
        link.inject(frame)
    link.run(1.5)
    link.under(link.new, "report-housekeeping", structure=4)
    assert link.housekeeping[4]["frames_refused_spi"] == refused + len(recorded)
    assert link.controller._services.files.slots[FILE].size == 0
