"""Gives what is allocated while a model loads pages of its own, finds it, and maps a file over it.

Some kernels keep the only copy of a weight that they read on the heap, where nobody else can mend it.
The GNU allocator serves a large request with pages of its own and says so in the 16 bytes before what it
hands out; for the time of a load it is told to call everything from `OWN_BYTES_MIN` on large. Such pages
hold one allocation and nothing else, so a shared file may take their place: freeing unmaps either.
One smaller than a page goes at times to the end of the heap's last page instead, and is not found.

Where there is another allocator, or pages are not those of a weights file, nothing is found, and the
proof will say what that costs.
"""

import ctypes
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from flight_sw.inference.live_files import LiveBytes
from flight_sw.inference.manifest import PAGE_BYTES

OWN_BYTES_MIN: Final = 1024
# glibc malloc.h; the values that its own rule for the first two ends at, and its default for the third.
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2
_USUAL: Final = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20, _TOP_PAD: 128 << 10}
_IS_OWN_PAGES = 2  # glibc malloc.c IS_MMAPPED, in the size word
_FLAGS = 7
_PAGE: Final = mmap.PAGESIZE
# Bytes of the first page before the allocator's two words, the first of which says so, the second the
# size with flags: at the ordinary alignment of 16, and where onnxruntime asks for 64.
_LEADS: Final = (0, 48)
HEAD_BYTES: Final = 64  # at most; what follows belongs to whoever asked
_HELD_MAX = 1 << 16
_LARGEST_HELD = 64 << 20
_FIXED = 0x10  # MAP_FIXED, linux/mman.h
_FAILED = ctypes.c_void_p(-1).value


Pages = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One allocation with pages of its own: address of the first page, whole pages in bytes."""

    address: int
    length: int

    def read(self) -> bytes:
        """The bytes, the allocator's words included; fewer if they have been freed."""
        return _read(self.address, self.length)

    @property
    def view(self) -> LiveBytes:
        """The live bytes; only for what is known to be there still."""
        memory = (ctypes.c_uint8 * self.length).from_address(self.address)
        return np.ctypeslib.as_array(memory)


@contextmanager
def own_pages() -> Iterator[bool]:
    """Allocations of this process within have pages of their own; False where that cannot be had."""
    libc = _libc()
    if libc is None:
        yield False
        return
    held: list[int] = []
    libc.mallopt(_TOP_PAD, 0)
    libc.mallopt(_MMAP_THRESHOLD, OWN_BYTES_MIN)
    try:
        yield _hold_what_is_free(libc, held)
    finally:
        for address in held:
            libc.free(address)
        for option, value in _USUAL.items():
            libc.mallopt(option, value)


def heap_pages() -> Pages:
    """The address of every anonymous writable page of this process, in order."""
    found = [np.arange(*ends, _PAGE) for ends, is_heap in _mappings() if is_heap]
    return np.concatenate([np.zeros(0, np.int64), *found])


def chunks_since(before: Pages) -> list[Chunk]:
    """Allocations with pages of their own that were not there then, by address."""
    fresh = np.setdiff1d(heap_pages(), before, assume_unique=True)
    runs = np.split(fresh, np.flatnonzero(np.diff(fresh) != _PAGE) + 1)
    return [chunk for run in runs if run.size for chunk in _chunks_in(run)]


def has_pointers(data: bytes) -> bool:
    """Whether a word of it is an address of this process: such bytes must not be turned over."""
    words = np.frombuffer(data[: len(data) // 8 * 8], np.uint64)
    ranges = np.array([ends for ends, _ in _mappings()], np.uint64).reshape(-1, 2)
    at = np.searchsorted(ranges[:, 0], words, side="right")
    return bool(((at > 0) & (words < ranges[at - 1, 1])).any())


def map_over(chunk: Chunk, file: Path, offset: int) -> None:
    """Put a file's pages, shared and writable, in place of a chunk that holds the same bytes.

    OSError if the kernel refuses; the chunk is then what it was.
    """
    libc = _libc()
    if libc is None:
        raise OSError("no GNU allocator")
    handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        access, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | _FIXED
        given = libc.mmap(chunk.address, chunk.length, access, kind, handle, offset)
        if given == _FAILED:
            raise OSError(ctypes.get_errno(), "cannot map over the heap", str(file))
    finally:
        os.close(handle)


def _mappings() -> list[tuple[tuple[int, int], bool]]:
    """First address and end of every mapping, in order, and whether it is anonymous and writable."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        fields = line.split(maxsplit=5)
        first, _, end = fields[0].partition("-")
        is_heap = len(fields) == 5 and fields[1] == "rw-p"
        found.append(((int(first, 16), int(end, 16)), is_heap))
    return found


def _chunks_in(run: Pages) -> list[Chunk]:
    """Allocations within pages that follow one another: their first pages hold the allocator's words."""
    data = _read(int(run[0]), run.size * _PAGE)
    words = np.frombuffer(data[: len(data) // _PAGE * _PAGE], np.uint64).reshape(-1, _PAGE // 8)
    found, next_free = [], 0
    for lead in _LEADS:
        size = words[:, lead // 8 + 1]
        is_first = (words[:, lead // 8] == lead) & (size & _FLAGS == _IS_OWN_PAGES)
        found += [
            (int(page), lead + (int(size[page]) & ~_FLAGS)) for page in np.flatnonzero(is_first)
        ]
    chunks = []
    for page, length in sorted(found):
        end = page + length // _PAGE
        if page >= next_free and length % _PAGE == 0 and page < end <= len(words):
            chunks.append(Chunk(int(run[page]), length))
            next_free = end
    return chunks


def _read(address: int, length: int) -> bytes:
    """Through the kernel: what has been freed since somebody listed it cannot bring us down."""
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        try:
            return os.pread(memory.fileno(), length, address)
        except OSError:
            return b""


def _hold_what_is_free(libc: Any, held: list[int]) -> bool:
    """Take every free stretch of the heap that could serve a request: what is asked for then is new."""
    size = _LARGEST_HELD
    while size >= OWN_BYTES_MIN:
        address = libc.malloc(size)
        if not address:
            return False
        if _size_word(address) & _FLAGS == _IS_OWN_PAGES:
            libc.free(address)
            size //= 2
            continue
        held.append(address)
        if len(held) >= _HELD_MAX:
            return False
    return True


@cache
def _libc() -> Any:
    """The C library, if its allocator is the one whose words are known here."""
    libc = ctypes.CDLL(None, use_errno=True)
    is_gnu = hasattr(libc, "gnu_get_libc_version") and ctypes.sizeof(ctypes.c_void_p) == 8
    if not is_gnu or _PAGE != PAGE_BYTES:  # the kernel of a Raspberry Pi 5 has pages of 16 KiB
        return None
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
    ]  # fmt: skip
    address = libc.malloc(2 * _LARGEST_HELD)  # above any threshold: told by its words, or not known
    if not address:
        return None
    is_known = _size_word(address) == (2 * _LARGEST_HELD + _PAGE) | _IS_OWN_PAGES
    libc.free(address)
    return libc if is_known else None


def _size_word(address: int) -> int:
    return ctypes.c_size_t.from_address(address - 8).value
