"""Bytes of a region by its address: within its bounds and never beyond."""

import ctypes

import pytest

from flight_sw.radiation import native, region_bytes
from flight_sw.radiation.protected import MemoryRegion

CONTENT = bytes(range(64))
ROOM = ctypes.create_string_buffer(CONTENT, len(CONTENT))
REGION = MemoryRegion("room", ctypes.addressof(ROOM), len(CONTENT))


@pytest.mark.parametrize(("offset", "length"), [(0, 64), (63, 1), (10, 20)])
def test_bytes_within_are_read_and_summed(offset, length):
    """A copy, and the CRC-32C of the same bytes."""
    wanted = CONTENT[offset : offset + length]
    assert region_bytes.read(REGION, offset, length) == wanted
    assert region_bytes.checksum(REGION, offset, length) == native.crc32c(wanted)


@pytest.mark.parametrize(("offset", "length"), [(-1, 4), (0, 0), (0, 65), (64, 1), (60, 5)])
def test_bytes_beyond_are_refused(offset, length):
    """Not one byte outside is looked at."""
    for act in (region_bytes.read, region_bytes.checksum):
        with pytest.raises(ValueError, match="leave region 'room'"):
            act(REGION, offset, length)
