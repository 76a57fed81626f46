"""A window of our own process onto the guest's pages: its memory regions, contiguous again.

The guest's virtual pages lie anywhere in its RAM. Each is mapped here from the RAM file, in order,
so that a region becomes one stretch of our address space, and everything that works on the memory
of a process (flip a bit, look at it again, compare the whole) works on the guest unchanged.
"""

import ctypes
import itertools
import mmap
import os
from collections.abc import Iterable

from flight_sw.errors import VanAllenError
from hil.faults.regions import Region
from hil.rig.qemu_pi.mailbox import GuestRegion
from hil.rig.qemu_pi.ram import RAM_BYTES, GuestRam

PAGE = 4096
MAP_FIXED, MAP_NORESERVE = 0x10, 0x4000  # asm-generic/mman-common.h
FAILED = ctypes.c_void_p(-1).value


class Mirror:
    """The regions of the software that runs now."""

    def __init__(self, ram: GuestRam) -> None:
        self._ram = ram
        self._shown: tuple[GuestRegion, ...] = ()
        self._maps: list[tuple[int, int]] = []
        self.regions: list[Region] = []
        libc = ctypes.CDLL(None, use_errno=True)
        self._mmap, self._munmap = libc.mmap, libc.munmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = (
            *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
            *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
        )
        self._munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)

    def show(self, guest: Iterable[GuestRegion]) -> None:
        """Follow what the guest published; nothing to do while it stays the same."""
        wanted = tuple(region for region in guest if region.whole)
        if wanted == self._shown:
            return
        self.close()
        self._shown = wanted
        self.regions = [self._map(region) for region in wanted]

    def close(self) -> None:
        """Unmap everything: a bit looked at again is then gone, as its process is."""
        for address, length in self._maps:
            self._munmap(address, length)
        self._maps, self.regions, self._shown = [], [], ()

    def _map(self, region: GuestRegion) -> Region:
        length = len(region.frames) * PAGE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        base = self._call(None, length, 0, flags, -1, 0)
        self._maps.append((base, length))
        for first, count, frame in runs(region.frames):
            offset = frame * PAGE
            if offset + count * PAGE > RAM_BYTES:
                raise VanAllenError(f"guest frame {frame:#x} is outside its memory")
            at, size = base + first * PAGE, count * PAGE
            protection = mmap.PROT_READ | mmap.PROT_WRITE
            self._call(at, size, protection, mmap.MAP_SHARED | MAP_FIXED, self._ram.fd, offset)
        return region.seen_at(os.getpid(), base + region.address % PAGE)

    def _call(self, *arguments: int | None) -> int:
        address = self._mmap(*arguments)
        if address is None or address == FAILED:
            raise VanAllenError(f"mapping guest memory: {os.strerror(ctypes.get_errno())}")
        return int(address)


def runs(frames: Iterable[int]) -> list[tuple[int, int, int]]:
    """Group neighbouring frames: (first page, number of pages, first frame)."""
    found = []
    for _, group in itertools.groupby(enumerate(frames), key=lambda pair: pair[1] - pair[0]):
        pairs = list(group)
        found.append((pairs[0][0], len(pairs), pairs[0][1]))
    return found
