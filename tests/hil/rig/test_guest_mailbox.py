"""The rig's eyes in the QEMU guest, tried on this machine's own pages."""

import ctypes
import importlib.util
import json
import os
from pathlib import Path

import pytest

from hil.rig.qemu_pi.mailbox import GuestState, Mailbox
from hil.rig.qemu_pi.ram import GuestRam

FILE = Path(__file__).parents[3] / "hil/rig/qemu_pi/guest/mailbox.py"
SPEC = importlib.util.spec_from_file_location("guest_mailbox", FILE)
guest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(guest)
PAGES = 5


@pytest.fixture
def memory():
    """Some pages that are all in memory."""
    memory = ctypes.create_string_buffer(PAGES * guest.PAGE)
    ctypes.memset(memory, 1, len(memory))
    return memory


@pytest.fixture
def published(memory, tmp_path, monkeypatch):
    """The node's map of its regions, as it publishes it."""
    file = tmp_path / "regions.json"
    monkeypatch.setattr(guest, "REGIONS", file)
    line = {"name": "weights:one", "pid": os.getpid(), "address": ctypes.addressof(memory)}
    file.write_text(json.dumps([{**line, "length": len(memory), "live": []}]))
    return file


def test_the_map_names_every_page_and_is_made_anew_only_when_something_changed(published):
    """A page that moves, or a node that starts again, is seen; otherwise nothing is computed."""
    found = guest.MemoryMap()
    found.look(0.0)
    (region,) = json.loads(found.encoded)
    assert len(region["frames"]) in (PAGES, PAGES + 1)  # it may begin within a page
    before = found.encoded
    found.look(guest.MAP_PERIOD_S + 0.1)
    assert found.encoded is before
    published.write_text("[]")
    os.utime(published, ns=(1, 1))
    found.look(guest.MAP_PERIOD_S + 0.2)
    assert found.encoded == "[]"


@pytest.mark.parametrize("text", ["", "{", "[", '[{"pid"'])
def test_a_map_that_is_being_written_is_no_map(published, text):
    """Half a file ends in no regions, never in the end of the program."""
    published.write_text(text)
    found = guest.MemoryMap()
    found.look(0.0)
    assert found.encoded == "[]"


def test_the_rig_reads_what_the_guest_writes(published, tmp_path):
    """Record, sum and names agree between the two halves."""
    found = guest.MemoryMap()
    found.look(0.0)
    ram = GuestRam(tmp_path / "pi.ram")
    try:
        window = memoryview(ram.bytes)[guest.WINDOW : guest.WINDOW + guest.SIZE]
        guest._put(window, guest._report(3, "gone"), found.encoded)
        state = Mailbox(ram).state()
        window.release()
    finally:
        ram.close()
    assert isinstance(state, GuestState)
    assert (state.done, state.outcome) == (3, "gone")
    assert [one.name for one in state.regions] == ["weights:one"]
    assert state.regions[0].frames


def test_the_rigs_program_takes_little_of_a_slow_processor():
    """Quick rounds come ten times a second; slow ones leave nine tenths of the time to the board."""
    assert guest._rest_s(0.002) == guest.ORDER_PERIOD_S
    slow_s = 0.2
    assert slow_s / (slow_s + guest._rest_s(slow_s)) == pytest.approx(0.1)
