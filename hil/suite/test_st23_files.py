"""ST[23] and CFDP: files into the payload's slots and out of them, whole or not at all."""

import hashlib

import numpy as np
import pytest

from flight_sw.dictionary.reason import Reason
from hil.ground.request import CommandFailed, TransferFailed
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, event, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

SLOT, OTHER = 6, 7
CHUNK = 512
FILE_BYTES = 60_000


def content_of(seed: int, size: int) -> bytes:
    """A file that follows from its seed."""
    chance = np.random.default_rng(seed)
    return chance.bytes(size)


def begin(rig: RunningBoard, slot: int, content: bytes, digest: bytes | None = None) -> None:
    """Prepare a slot for an upload by telecommands."""
    values = {"slot": slot, "size": len(content), "chunk": CHUNK}
    rig.ground.send(
        "begin-file", digest=digest or hashlib.sha256(content).digest(), **values
    ).done()


def test_file_goes_up_by_chunks_in_any_order(nominal: RunningBoard, undo: Undo) -> None:
    """Chunks sent backward make the file all the same, and its digest is checked on board."""
    undo("delete-file", critical=True, slot=SLOT)
    content = content_of(1, 3 * CHUNK + 17)
    begin(nominal, SLOT, content)
    for chunk in reversed(range(4)):
        part = content[chunk * CHUNK : (chunk + 1) * CHUNK]
        nominal.ground.send("write-chunk", slot=SLOT, chunk=chunk, data=part).done()
    event(nominal.ground, "file-complete", slot=SLOT)
    nominal.ground.send("report-file", slot=SLOT).done()
    assert told(nominal.ground, "file-state", slot=SLOT)["state"] == "COMPLETE"


def test_missing_chunks_are_named(nominal: RunningBoard, undo: Undo) -> None:
    """An upload that pauses says which chunks it lacks; given up, the slot is empty."""
    undo("abort-file", slot=SLOT)
    content = content_of(2, 3 * CHUNK)
    begin(nominal, SLOT, content)
    nominal.ground.send("write-chunk", slot=SLOT, chunk=1, data=content[CHUNK : 2 * CHUNK]).done()
    nominal.ground.send("report-file", slot=SLOT).done()
    state = told(nominal.ground, "file-state", slot=SLOT)
    assert (state["state"], state["missing"]) == ("LOADING", 2)
    nominal.ground.send("abort-file", slot=SLOT).done()
    nominal.ground.send("report-file", slot=SLOT).done()
    assert told(nominal.ground, "file-state", slot=SLOT)["state"] == "EMPTY"


def test_damaged_file_is_not_kept(nominal: RunningBoard) -> None:
    """A file whose digest is wrong empties its slot, and is told."""
    content = content_of(3, CHUNK)
    begin(nominal, SLOT, content, digest=bytes(32))
    wrong = nominal.ground.send("write-chunk", slot=SLOT, chunk=0, data=content)
    refused(wrong, Reason.BAD_DIGEST)
    event(nominal.ground, "file-damaged", slot=SLOT)


def test_file_goes_up_and_down_by_cfdp(
    nominal: RunningBoard, undo: Undo, measure: Measures
) -> None:
    """What is put is what is got, and how fast is on record."""
    undo("delete-file", critical=True, slot=OTHER)
    content = content_of(4, FILE_BYTES)
    before_s = nominal.now_s()
    nominal.ground.put_file(OTHER, content, nominal.within(30.0))
    up_s = nominal.now_s() - before_s
    assert nominal.ground.get_file(OTHER, nominal.within(30.0)) == content
    down_s = nominal.now_s() - before_s - up_s
    measure("cfdp_up", len(content) / up_s / 1000, "kB/s", low=1.0)
    measure("cfdp_down", len(content) / down_s / 1000, "kB/s", low=1.0)


def test_full_slot_refuses_another_file(nominal: RunningBoard, undo: Undo) -> None:
    """What is in a slot stays until it is deleted, armed and fired."""
    undo("delete-file", critical=True, slot=OTHER)
    nominal.ground.put_file(OTHER, b"first", nominal.within(30.0))
    with pytest.raises(TransferFailed, match="REFUSED"):
        nominal.ground.put_file(OTHER, b"second", nominal.within(30.0))


def test_empty_slot_has_nothing_to_send(nominal: RunningBoard) -> None:
    """A file that is not there cannot be asked for."""
    with pytest.raises(CommandFailed) as caught:
        nominal.ground.get_file(8, nominal.within(5.0))
    assert caught.value.reason is Reason.NO_SUCH_ENTRY


def test_commanding_goes_on_during_a_transfer(
    nominal: RunningBoard, undo: Undo, measure: Measures
) -> None:
    """While a file comes down, a ping is answered as on a quiet link."""
    undo("delete-file", critical=True, slot=OTHER)
    content = content_of(5, 4 * FILE_BYTES)
    nominal.ground.put_file(OTHER, content, nominal.within(60.0))
    nominal.ground.send("send-file", slot=OTHER).done()
    before_s = nominal.now_s()
    nominal.ground.send("ping").done()
    measure(
        "ping_in_transfer", 1000 * (nominal.now_s() - before_s), "ms", high=nominal.within(1500.0)
    )
    event(nominal.ground, "file-sent", nominal.within(60.0), slot=OTHER)
