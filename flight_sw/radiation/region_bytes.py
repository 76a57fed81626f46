"""Bytes of a named memory region of this process, for dump and check; never beyond its bounds.

A region's address comes from its owner alone: nothing that arrives on a link can form one.
"""

import ctypes

from flight_sw.radiation import native
from flight_sw.radiation.protected import MemoryRegion


def read(region: MemoryRegion, offset: int, length: int) -> bytes:
    """A copy of some bytes; ValueError if they leave the region."""
    return bytes(_view(region, offset, length))


def checksum(region: MemoryRegion, offset: int, length: int) -> int:
    """CRC-32C of some bytes, read in place; ValueError if they leave the region."""
    return native.crc32c(_view(region, offset, length))


def _view(region: MemoryRegion, offset: int, length: int) -> memoryview:
    if offset < 0 or length < 1 or offset + length > region.length:
        raise ValueError(f"{length} bytes from {offset} leave region {region.name!r}")
    array = (ctypes.c_uint8 * length).from_address(region.address + offset)
    return memoryview(array).cast("B")
