"""The only caller of the C core: types and lengths are checked here, statuses become exceptions.

Every call releases the GIL. Long work is handed over in slices of at most SLICE_PAGES pages, 1 MiB and
about 0.3 ms with their way from memory; a slice with damage ends early (see protected.py).
"""

import mmap
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flight_sw._native import ffi, lib
from flight_sw.radiation.outcome import (
    Depth,
    Isa,
    PageEvent,
    PageOutcome,
    RsReport,
    TmrReport,
    WordReport,
)

PAGE_BYTES: Final = 4096
CHECK_BYTES: Final = 512
LINE_BYTES: Final = 64
SLICE_PAGES: Final = 256
MAX_EVENTS: Final = 64
GROUP_PAGES: Final = 64  # data pages that share one P and one Q page
RS_DATA: Final = 223
RS_SYMBOLS: Final = 255
CRC16_START: Final = 0xFFFF  # CCSDS 132.0-B 4.1.6
_PARTS: Final = ("tables", "crc", "tmr", "pages", "words", "cells", "rs", "storage")

Buffer: TypeAlias = bytes | bytearray | memoryview | mmap.mmap | NDArray[np.uint8]

# Parsed once: naming the type in text would cost more than the call itself.
_BYTES: Final = ffi.typeof("uint8_t[]")
_COUNTS: Final = ffi.typeof("uint64_t[3]")
_view: Final = ffi.from_buffer
_CLEAN: Final = TmrReport((0, 0, 0))

_STATUS: Final = {
    2: "the length is zero, overflows, or leaves the buffer",
    3: "two buffers overlap",
    4: "a page buffer must start on a 64-byte boundary (use an mmap or aligned_bytes)",
    5: "an argument is outside its range",
    6: "this machine does not have that instruction set",
}


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
    view = ffi.from_buffer(_BYTES, data)
    return int(lib.va_crc32c(view, len(view), seed & 0xFFFFFFFF))


def crc32(data: Buffer, seed: int = 0) -> int:
    """CRC-32 (IEEE 802.3, as zlib); pass the CRC of a prefix as `seed` to go on."""
    view = ffi.from_buffer(_BYTES, data)
    return int(lib.va_crc32(view, len(view), seed & 0xFFFFFFFF))


def crc16(data: Buffer, seed: int = CRC16_START) -> int:
    """CRC-16-CCITT (CCSDS 132.0-B 4.1.6); pass the CRC of a prefix as `seed` to go on."""
    view = ffi.from_buffer(_BYTES, data)
    return int(lib.va_crc16(view, len(view), seed & 0xFFFF))


def self_test() -> tuple[str, ...]:
    """Parts of the core, its tables included, that give a wrong known answer; empty when all work."""
    failed = lib.va_self_test()
    return tuple(name for bit, name in enumerate(_PARTS) if failed >> bit & 1)


def tmr_scrub(a: Buffer, b: Buffer, c: Buffer, *, inverted: bool = False) -> TmrReport:
    """Vote three replicas bitwise in place; with `inverted`, `c` holds the complement."""
    x, y, z = _view(_BYTES, a, True), _view(_BYTES, b, True), _view(_BYTES, c, True)
    length = len(x)
    if len(y) != length or len(z) != length:
        raise ValueError(f"replicas differ in length: {length}, {len(y)} and {len(z)} bytes")
    counts = ffi.new(_COUNTS)
    status = lib.va_tmr_scrub(x, y, z, length, inverted, counts)
    if status:
        _raise_for(status)
    first, second, third = counts
    if first or second or third:
        return TmrReport((first, second, third))
    return _CLEAN


def tmr_vote(
    a: Buffer, b: Buffer, c: Buffer, voted: Buffer, *, inverted: bool = False
) -> TmrReport:
    """Vote three replicas into a fourth buffer; the replicas stay as they are."""
    views = [ffi.from_buffer(_BYTES, replica) for replica in (a, b, c)]
    out = _writable(voted)
    if {len(view) for view in views} != {len(out)}:
        raise ValueError("replicas and result must have one length")
    counts = ffi.new(_COUNTS)
    _raise_for(lib.va_tmr_vote(*views, out, len(out), inverted, counts))
    return TmrReport((counts[0], counts[1], counts[2]))


def word_encode(words: Buffer, check: Buffer) -> None:
    """Write one check byte for each 8-byte word; ValueError unless the lengths fit and words align."""
    view, bytes_ = ffi.from_buffer(_BYTES, words), _writable(check)
    _check_words(view, bytes_)
    _raise_for(lib.va_word_encode(ffi.cast("uint64_t *", view), bytes_, len(bytes_)))


def word_scrub(words: Buffer, check: Buffer) -> WordReport:
    """Mend single flips in 64-bit words and their check bytes, in place; double flips are reported."""
    view, bytes_ = _writable(words), _writable(check)
    _check_words(view, bytes_)
    raw = ffi.new("va_word_report *")
    _raise_for(lib.va_word_scrub(ffi.cast("uint64_t *", view), bytes_, len(bytes_), raw))
    first = raw.first_uncorrectable if raw.uncorrectable else None
    return WordReport(raw.corrected, raw.check_repaired, raw.uncorrectable, first)


class VotedCell:
    """One unsigned 64-bit value in three memory pages of its own: plain, inverted and rotated."""

    def __init__(self, value: int = 0) -> None:
        self.places = tuple(aligned_bytes(8) for _ in range(3))
        self._cells = [ffi.cast("uint64_t *", _writable(place)) for place in self.places]
        self._value, self._outvoted = ffi.new("uint64_t *"), ffi.new("uint32_t *")
        self.repairs = 0
        self.write(value)

    def write(self, value: int) -> None:
        """Set all three copies; OverflowError outside 0 to 2**64 - 1."""
        _raise_for(lib.va_cell_write(*self._cells, value))

    def read(self) -> int:
        """The bitwise majority, written back where a copy was outvoted; `repairs` counts those bits."""
        _raise_for(lib.va_cell_read(*self._cells, self._value, self._outvoted))
        self.repairs += self._outvoted[0]
        return int(self._value[0])


def rs_encode(blocks: Buffer, interleave: int = 1, *, dual: bool = False) -> None:
    """Fill in the parity of RS(255,223) blocks in place (CCSDS 131.0-B section 4).

    A block is 255 * interleave bytes: the data symbols of all codewords in turn, then the parity.
    """
    view = _writable(blocks)
    _raise_for(lib.va_rs_encode(view, len(view), _count(interleave), dual))


def rs_decode(
    block: Buffer, interleave: int = 1, *, dual: bool = False, erased: Buffer | None = None
) -> RsReport:
    """Correct one block in place; `erased` flags the bytes known to be bad, one flag for each.

    Up to 2 * errors + erasures = 32 in each codeword; beyond that a codeword stays as it was.
    """
    view = _writable(block)
    flags = ffi.NULL if erased is None else ffi.from_buffer(_BYTES, erased)
    if erased is not None and len(flags) != len(view):
        raise ValueError(f"erased must hold {len(view)} flags, not {len(flags)}")
    raw = ffi.new("va_rs_report *")
    _raise_for(lib.va_rs_decode(view, len(view), _count(interleave), dual, flags, raw))
    return RsReport(raw.corrected, tuple(i for i in range(8) if raw.uncorrectable >> i & 1))


def storage_encode(data: Sequence[Buffer], parity: Sequence[Buffer]) -> None:
    """Fill `parity` shards (at most 32) so that any len(data) shards give back the rest."""
    sources = [ffi.from_buffer(_BYTES, shard) for shard in data]
    targets = [_writable(shard) for shard in parity]
    length = _one_length([*sources, *targets])
    table, out = ffi.new("uint8_t *[]", sources), ffi.new("uint8_t *[]", targets)
    _raise_for(
        lib.va_storage_encode(
            ffi.cast("const uint8_t *const *", table), out, len(sources), len(targets), length
        )
    )


def storage_rebuild(shards: Sequence[Buffer], present: Sequence[bool], data_count: int) -> None:
    """Rebuild shards whose `present` is false, data first, then parity; ValueError if too many."""
    views = [_writable(shard) for shard in shards]
    if len(present) != len(views) or not 0 < data_count < len(views):
        raise ValueError("present must flag every shard, and data and parity must both be there")
    length = _one_length(views)
    _raise_for(
        lib.va_storage_rebuild(
            ffi.new("uint8_t *[]", views),
            bytes(map(bool, present)),
            data_count,
            len(views) - data_count,
            length,
        )
    )


def cache_bytes() -> int:
    """Size of the last-level cache; 0 when the processor does not say."""
    return int(lib.va_cache_bytes())


def aligned_bytes(length: int) -> mmap.mmap:
    """Zeroed, writable memory of its own pages, for live regions, check lines and replicas."""
    if length <= 0:
        raise ValueError(f"length must be positive, not {length}")
    return mmap.mmap(-1, length)


def address_of(buffer: Buffer) -> int:
    """Address of the first byte in this process, for injectors and reports."""
    return int(ffi.cast("uintptr_t", ffi.from_buffer(_BYTES, buffer)))


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
        self.raw = ffi.new("va_pages *", [live, lines, ffi.cast("uint32_t *", sums), self.pages])
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
            _raise_for(lib.va_page_encode(self.raw, at, part))

    def verify(self, first: int, count: int) -> list[int]:
        """Pages whose CRC is wrong; nothing is written."""
        self._check_range(first, count)
        bad: list[int] = []
        at, end = first, first + count
        while at < end:
            part = min(SLICE_PAGES, end - at)
            _raise_for(
                lib.va_page_verify(
                    self.raw, at, part, self._bad, MAX_EVENTS, self._found, self._done
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
            found, done = self.scrub_slice(at, part, depth, MAX_EVENTS)
            events += found
            at += done
        return events

    def scrub_slice(
        self, first: int, count: int, depth: Depth, limit: int
    ) -> tuple[list[PageEvent], int]:
        """One native call: stops behind the `limit`th page that was not clean; also the pages done."""
        if not 0 < limit <= MAX_EVENTS:
            raise ValueError(f"limit must be 1 to {MAX_EVENTS}, not {limit}")
        status = lib.va_page_scrub(
            self.raw, first, count, depth, self._events, limit, self._found, self._done
        )
        if status:
            _raise_for(status)
        return [_event(self._events[i]) for i in range(self._found[0])], self._done[0]

    def flush(self, first: int, count: int) -> None:
        """Push these pages and their protection out of the cache: the next look examines memory."""
        self._check_range(first, count)
        live, lines, sums = self._owned
        for view, size in ((live, PAGE_BYTES), (lines, CHECK_BYTES), (sums, 4)):
            if view != ffi.NULL:
                _raise_for(lib.va_cache_flush(view + first * size, count * size))

    def _check_range(self, first: int, count: int) -> None:
        if first < 0 or count <= 0 or first + count > self.pages:
            raise ValueError(
                f"pages {first} to {first + count - 1} are not all in 0 to {self.pages - 1}"
            )

    def _check_layout(self) -> None:
        """Let the C core judge alignment and overlap once, on a call that writes nothing."""
        _raise_for(
            lib.va_page_verify(self.raw, 0, 1, self._bad, MAX_EVENTS, self._found, self._done)
        )


class ParityPages:
    """P and Q pages for groups of 64 pages: any two damaged pages of a group come back.

    `data` holds two 64-byte aligned pages for each group, `crc` eight bytes.
    """

    def __init__(self, pages: PageSet, data: Buffer, crc: Buffer) -> None:
        live, sums = _writable(data), _writable(crc)
        self.groups = -(-pages.pages // GROUP_PAGES)
        if len(live) != 2 * PAGE_BYTES * self.groups or len(sums) != 8 * self.groups:
            raise ValueError(
                f"parity must hold {2 * self.groups} pages and {8 * self.groups} CRC bytes"
            )
        self._pages, self._owned = pages, (live, sums)
        self._parity = ffi.new("va_parity *", [live, ffi.cast("uint32_t *", sums)])
        self._scratch = ffi.new("uint8_t[]", 2 * PAGE_BYTES)
        self._bits = ffi.new("uint32_t *")
        self._events = ffi.new("va_page_event[2]")
        self._found = ffi.new("size_t *")

    def encode(self) -> None:
        """Work out P, Q and their CRCs for every group, one native call each."""
        for group in range(self.groups):
            _raise_for(lib.va_parity_encode(self._pages.raw, self._parity, group))

    def scrub(self, group: int) -> int:
        """Bits put right in P, Q and their CRCs; 0 while the group's data is itself damaged."""
        raw = self._pages.raw
        _raise_for(lib.va_parity_scrub(raw, self._parity, group, self._scratch, self._bits))
        return int(self._bits[0])

    def rebuild(self, group: int) -> list[PageEvent]:
        """Rebuild up to two pages whose CRC is wrong; empty, and nothing changed, when it is more."""
        status = lib.va_parity_rebuild(
            self._pages.raw, self._parity, group, self._scratch, self._events, self._found
        )
        _raise_for(status)
        return [_event(self._events[i]) for i in range(self._found[0])]


def _event(raw: Any) -> PageEvent:
    return PageEvent(raw.page, PageOutcome(raw.outcome), raw.bits)


def _writable(buffer: Buffer) -> Any:
    """View with a length; BufferError when the buffer is read-only, TypeError when it is none."""
    return ffi.from_buffer(_BYTES, buffer, require_writable=True)


def _check_words(words: Any, check: Any) -> None:
    if len(words) != 8 * len(check):
        raise ValueError(
            f"{len(check)} check bytes need {8 * len(check)} data bytes, not {len(words)}"
        )


def _one_length(views: Sequence[Any]) -> int:
    lengths = {len(view) for view in views}
    if len(lengths) != 1:
        raise ValueError(f"shards must have one length, not {sorted(lengths)}")
    return lengths.pop()


def _count(number: int) -> int:
    if not 1 <= number <= 8:
        raise ValueError(f"interleave must be 1 to 8, not {number}")
    return number


def _raise_for(status: int) -> None:
    if status:
        raise ValueError(_STATUS.get(status, f"the native core refused with status {status}"))
