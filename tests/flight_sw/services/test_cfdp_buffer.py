"""What cfdp-py gets in place of a file store, clocks and timers: one slot, link time, nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest
from spacepackets.cfdp.defs import ChecksumType

from flight_sw.services.cfdp_buffer import SlotBuffer, slot_name, slot_of
from flight_sw.services.cfdp_handlers import LinkClock, LinkCountdown, _NoTimers

FILE = Path("folder/slot-03")


@pytest.mark.parametrize("slot", [-1, 0, 100])
def test_only_slots_have_names(slot):
    """1 to 99, two digits, and back."""
    with pytest.raises(ValueError, match="1 to 99"):
        slot_name(slot)
    assert [slot_of(slot_name(n)) for n in (1, 42, 99)] == [1, 42, 99]
    assert [slot_of(name) for name in (None, "", "slot-00", "slot-100", "../slot-01")] == [None] * 5


def test_a_buffer_without_room_takes_nothing():
    """Refused until a size is announced, and beyond it."""
    buffer = SlotBuffer()
    with pytest.raises(PermissionError, match="beyond"):
        buffer.write_data(FILE, b"x", 0)
    with pytest.raises(PermissionError, match="refused"):
        buffer.create_file(FILE)
    buffer.limit = 10
    buffer.create_file(FILE)
    buffer.write_data(FILE, b"end", 7)
    with pytest.raises(PermissionError, match="beyond"):
        buffer.write_data(FILE, b"xx", 9)
    assert bytes(buffer.content) == bytes(7) + b"end"
    assert buffer.read_data(FILE, None, 8) == bytes(7) + b"e"


def test_a_buffer_is_one_file_and_no_file_store():
    """It exists, has a name and a size, can be forgotten, and nothing else can be asked of it."""
    buffer = SlotBuffer(b"content")
    assert (buffer.file_exists(FILE), buffer.is_directory(FILE)) == (True, False)
    assert (buffer.file_size(FILE), buffer.filename_from_full_path(FILE)) == (7, "slot-03")
    with pytest.raises(PermissionError, match="no files are opened"):
        buffer.rename_file(FILE, FILE)
    buffer.delete_file(FILE)
    assert buffer.file_size(FILE) == 0


def test_only_one_kind_of_checksum_is_made():
    """CRC-32, as EOF carries it."""
    buffer = SlotBuffer(b"123456789")
    assert buffer.calculate_checksum(ChecksumType.CRC_32, FILE, 9).hex() == "cbf43926"
    with pytest.raises(ValueError, match="only CRC-32"):
        buffer.calculate_checksum(ChecksumType.MODULAR, FILE, 9)


def test_countdowns_run_in_link_time():
    """They end when the link's clock says so, start anew, and may change their length."""
    clock = LinkClock()
    countdown = LinkCountdown(clock, 5.0)
    clock.now_s = 4.9
    assert not countdown.timed_out()
    clock.now_s = 5.1
    assert countdown.timed_out()
    countdown.reset(timedelta(seconds=2))
    assert (countdown.timed_out(), countdown.due_s) == (False, 7.1)
    clock.now_s = 7.2
    assert countdown.timed_out()
    countdown.reset()
    assert countdown.due_s == 9.2


def test_class_two_has_no_check_timers():
    """Whoever asks for one has left the class that this link uses."""
    with pytest.raises(ValueError, match="class 2"):
        _NoTimers().provide_check_timer()
