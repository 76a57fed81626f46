"""The only caller of the C core: types and lengths are checked here, statuses become exceptions.

Every call releases the GIL. Long work is handed over in slices of at most SLICE_PAGES pages (1 MiB,
about 0.1 ms), so whoever drives a scrub can stop it well within 1 ms.
"""

import mmap
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flight_sw._native import ffi, lib

PAGE_BYTES: Final = 4096
CHECK_BYTES: Final = 512
LINE_BYTES: Final = 64
SLICE_PAGES: Final = 256
MAX_EVENTS: Final = 64

Buffer: TypeAlias = bytes | bytearray | memoryview | mmap.mmap | NDArray[np.uint8]

_STATUS: Final = {
    2: "the length is zero, overflows, or leaves the buffer",
    3: "two buffers overlap",
    4: "a page buffer must start on a 64-byte boundary (use an mmap or aligned_bytes)",
    5: "an argument is outside its range",
    6: "this machine does not have that instruction set",
}


@unique
class Isa(IntEnum):
    """Instruction set levels of the core, worst first on each machine family."""

    PORTABLE = 0
    SSE2 = 1
    AVX2 = 2
    AVX512 = 3
    NEON = 4


@unique
class Depth(IntEnum):
    """Which witnesses a pass asks: the check lines, the CRC, or both."""

    LINES = 1
    CRC = 2
    BOTH = 3


@unique
class PageOutcome(IntEnum):
    """What the C core did with a page that did not look clean (va_page_outcome)."""

    CORRECTED = 1
    CHECK_REPAIRED = 2
    UNCORRECTABLE = 3
    STUCK = 4


@dataclass(frozen=True, slots=True)
class TmrReport:
    """Bits in which each of the three replicas was outvoted."""

    miscompares: tuple[int, int, int]

    @property
    def clean(self) -> bool:
        """True when all three replicas agreed."""
        return not any(self.miscompares)


@dataclass(frozen=True, slots=True)
class PageEvent:
    """One page that was not clean; `bits` counts mended bits in data, check lines and CRC."""

    page: int
    outcome: PageOutcome
    bits: int


def isa() -> str:
    """Name of the instruction set in use: portable, sse2, avx2, avx512 or neon."""
    return Isa(lib.va_isa()).name.lower()


def select_isa(level: Isa) -> None:
    """Switch the instruction set, for tests and benches; ValueError where the machine lacks it."""
    _raise_for(lib.va_isa_select(int(level)))


def supported_isas() -> tuple[Isa, ...]:
    """Every level that runs on this machine, worst first."""
    mask = lib.va_isa_supported()
    return tuple(level for level in Isa if mask >> level & 1)


def crc32c(data: Buffer, seed: int = 0) -> int:
    """CRC-32C of `data` (RFC 3720 B.4); pass the CRC of a prefix as `seed` to go on."""
    view = ffi.from_buffer("uint8_t[]", data)
    return int(lib.va_crc32c(view, len(view), seed & 0xFFFFFFFF))


def tmr_scrub(a: Buffer, b: Buffer, c: Buffer, *, inverted: bool = False) -> TmrReport:
    """Vote three replicas bitwise in place; with `inverted`, `c` holds the complement."""
    x, y, z = _writable(a), _writable(b), _writable(c)
    if not len(x) == len(y) == len(z):
        raise ValueError(f"replicas differ in length: {len(x)}, {len(y)} and {len(z)} bytes")
    counts = ffi.new("uint64_t[3]")
    status = lib.va_tmr_scrub(x, y, z, len(x), inverted, counts)
    if status:
        _raise_for(status)
    return TmrReport((counts[0], counts[1], counts[2]))


def tmr_vote(
    a: Buffer, b: Buffer, c: Buffer, voted: Buffer, *, inverted: bool = False
) -> TmrReport:
    """Vote three replicas into a fourth buffer; the replicas stay as they are."""
    views = [ffi.from_buffer("uint8_t[]", replica) for replica in (a, b, c)]
    out = _writable(voted)
    if {len(view) for view in views} != {len(out)}:
        raise ValueError("replicas and result must have one length")
    counts = ffi.new("uint64_t[3]")
    _raise_for(lib.va_tmr_vote(*views, out, len(out), inverted, counts))
    return TmrReport((counts[0], counts[1], counts[2]))


def aligned_bytes(length: int) -> mmap.mmap:
    """Zeroed, writable memory of its own pages, for live regions, check lines and replicas."""
    if length <= 0:
        raise ValueError(f"length must be positive, not {length}")
    return mmap.mmap(-1, length)


def address_of(buffer: Buffer) -> int:
    """Address of the first byte in this process, for injectors and reports."""
    return int(ffi.cast("uintptr_t", ffi.from_buffer("uint8_t[]", buffer)))


class PageSet:
    """Data pages with their check lines and CRCs, as the C core sees them.

    `data` and `check` start on a 64-byte boundary; `data` holds whole 4,096-byte pages, `check` 512
    bytes for each page (or is None), `crc` four. ValueError or BufferError when they do not.
    """

    def __init__(self, data: Buffer, check: Buffer | None, crc: Buffer) -> None:
        live, sums = _writable(data), _writable(crc)
        if len(live) == 0 or len(live) % PAGE_BYTES:
            raise ValueError(
                f"data must be whole pages of {PAGE_BYTES} bytes, not {len(live)} bytes"
            )
        self.pages = len(live) // PAGE_BYTES
        if len(sums) != 4 * self.pages:
            raise ValueError(f"crc must hold {4 * self.pages} bytes, not {len(sums)}")
        lines = ffi.NULL if check is None else _writable(check)
        if check is not None and len(lines) != CHECK_BYTES * self.pages:
            raise ValueError(f"check must hold {CHECK_BYTES * self.pages} bytes, not {len(lines)}")
        self._owned = (live, lines, sums)  # cffi views keep the caller's buffers alive
        self._set = ffi.new("va_pages *", [live, lines, ffi.cast("uint32_t *", sums), self.pages])
        self._events = ffi.new("va_page_event[]", MAX_EVENTS)
        self._bad = ffi.new("uint32_t[]", MAX_EVENTS)
        self._found = ffi.new("size_t *")
        self._done = ffi.new("size_t *")
        self._check_layout()

    def encode(self, first: int, count: int) -> None:
        """Work out check lines and CRCs anew from the data as it is now."""
        self._check_range(first, count)
        for at in range(first, first + count, SLICE_PAGES):
            part = min(SLICE_PAGES, first + count - at)
            _raise_for(lib.va_page_encode(self._set, at, part))

    def verify(self, first: int, count: int) -> list[int]:
        """Pages whose CRC is wrong; nothing is written."""
        self._check_range(first, count)
        bad: list[int] = []
        at, end = first, first + count
        while at < end:
            part = min(SLICE_PAGES, end - at)
            _raise_for(
                lib.va_page_verify(
                    self._set, at, part, self._bad, MAX_EVENTS, self._found, self._done
                )
            )
            bad += [self._bad[i] for i in range(self._found[0])]
            at += self._done[0]
        return bad

    def scrub(self, first: int, count: int, depth: Depth = Depth.BOTH) -> list[PageEvent]:
        """Find and mend; an UNCORRECTABLE page is left exactly as it was found."""
        self._check_range(first, count)
        events: list[PageEvent] = []
        at, end = first, first + count
        while at < end:
            part = min(SLICE_PAGES, end - at)
            status = lib.va_page_scrub(
                self._set, at, part, depth, self._events, MAX_EVENTS, self._found, self._done
            )
            if status:
                _raise_for(status)
            if self._found[0]:
                events += [_event(self._events[i]) for i in range(self._found[0])]
            at += self._done[0]
        return events

    def _check_range(self, first: int, count: int) -> None:
        if first < 0 or count <= 0 or first + count > self.pages:
            raise ValueError(
                f"pages {first} to {first + count - 1} are not all in 0 to {self.pages - 1}"
            )

    def _check_layout(self) -> None:
        """Let the C core judge alignment and overlap once, on a call that writes nothing."""
        _raise_for(
            lib.va_page_verify(self._set, 0, 1, self._bad, MAX_EVENTS, self._found, self._done)
        )


def _event(raw: Any) -> PageEvent:
    return PageEvent(raw.page, PageOutcome(raw.outcome), raw.bits)


def _writable(buffer: Buffer) -> Any:
    """View with a length; BufferError when the buffer is read-only, TypeError when it is none."""
    return ffi.from_buffer("uint8_t[]", buffer, require_writable=True)


def _raise_for(status: int) -> None:
    if status:
        raise ValueError(_STATUS.get(status, f"the native core refused with status {status}"))
