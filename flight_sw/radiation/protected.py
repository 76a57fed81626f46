"""A region of live bytes under protection, in tiers: check lines, parity pages, golden copy.

Every page of 4 KiB has a CRC-32C seeded with its number (tier 0), which locates and confirms. Check
lines mend flips in place (tier 1), P and Q pages rebuild any two pages of a group of 64 (tier 2), the
golden copy answers for the rest (tier 3). One witness alone never decides: a repair needs a second,
else the page is LOST and its owner must act. A page that does not take its mend is RETIRED, reported
once. Clean pages cost one native call for a whole run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight_sw.errors import StoreError
from flight_sw.radiation import native
from flight_sw.radiation.native import CHECK_BYTES, GROUP_PAGES, PAGE_BYTES, SLICE_PAGES
from flight_sw.radiation.outcome import Depth, PageEvent, PageOutcome

# Where the processor does not name its last cache; no board in question has more than 4 MiB.
CACHE_BYTES_ASSUMED: Final = 8 << 20
# Pages put right in one slice, each up to 40 us with its golden copy.
SLICE_REPAIRS: Final = 8
PARITY_CARRIES: Final = 2  # damaged pages of a group that P and Q rebuild

GoldenReader = Callable[[int], bytes]


@unique
class Profile(Enum):
    """How much memory protection may cost: 3.2 % or 15.7 % of the region."""

    LIGHT = "light"  # CRC and parity pages
    FULL = "full"  # check lines as well


@unique
class Tier(Enum):
    """How a page was settled, or that nothing could."""

    CORRECTED = "corrected"  # by the check lines in place, confirmed by the CRC
    REBUILT = "rebuilt"  # from the parity pages or the golden copy, itself confirmed first
    CHECK_REPAIRED = "check-repaired"  # check lines or CRC were hit, the data was right
    LOST = "lost"  # nothing worked; the bytes are as found
    RETIRED = "retired"  # the memory does not take the mend; said once, then left out


@dataclass(frozen=True, slots=True)
class PageHit:
    """One page that was not clean; `bits` counts the bits put right (0 when LOST)."""

    page: int
    tier: Tier
    bits: int


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A named run of live bytes at a real address of this process, for injectors outside it."""

    name: str
    address: int
    length: int


_TIERS: Final = {
    PageOutcome.CORRECTED: Tier.CORRECTED,
    PageOutcome.CHECK_REPAIRED: Tier.CHECK_REPAIRED,
    PageOutcome.REBUILT: Tier.REBUILT,
}
_OPEN: Final = frozenset({PageOutcome.UNCORRECTABLE, PageOutcome.STUCK})


class ProtectedRegion:
    """Live bytes, their protection, and the way back to the golden copy.

    `live` must be writable, 64-byte aligned (an mmap is) and whole pages of 4,096 bytes: the owner
    pads the region. `golden(page)` returns the 4,096 golden bytes or raises OSError or StoreError.
    ValueError or BufferError when `live` does not fit.
    """

    def __init__(
        self,
        name: str,
        live: memoryview | NDArray[np.uint8],
        golden: GoldenReader,
        profile: Profile = Profile.FULL,
    ) -> None:
        self.name = name
        self._live = np.frombuffer(live, dtype=np.uint8)
        if self._live.size == 0 or self._live.size % PAGE_BYTES:
            raise ValueError(
                f"region {name!r} holds {self._live.size} bytes: "
                f"pad it to whole pages of {PAGE_BYTES}"
            )
        self.pages = self._live.size // PAGE_BYTES
        self._golden = golden
        groups = -(-self.pages // GROUP_PAGES)
        full = profile is Profile.FULL
        self._check = native.aligned_bytes(self.pages * CHECK_BYTES) if full else None
        self._crc = native.aligned_bytes(self.pages * 4)
        self._crc_words = np.frombuffer(self._crc, dtype="<u4")
        self._parity_data = native.aligned_bytes(2 * groups * PAGE_BYTES)
        self._parity_crc = native.aligned_bytes(2 * groups * 4)
        self._set = native.PageSet(live, self._check, self._crc)
        self._parity = native.ParityPages(self._set, self._parity_data, self._parity_crc)
        self._flushed = self._live.size < (native.cache_bytes() or CACHE_BYTES_ASSUMED)
        self.retired: set[int] = set()

    @property
    def overhead(self) -> float:
        """Memory that the protection takes, as a share of the live bytes."""
        parts = (self._check or b"", self._crc, self._parity_data, self._parity_crc)
        return sum(len(part) for part in parts) / self._live.size

    def encode(self) -> tuple[int, ...]:
        """Protect the live bytes; returns the pages first put right from the golden copy.

        Without that comparison a bit flipped between loading and encoding would be protected too.
        """
        wrong = tuple(page for page in range(self.pages) if self._restore_golden(page))
        self._set.encode(0, self.pages)
        self._parity.encode()
        self.retired.clear()
        return wrong

    def verify(self) -> list[int]:
        """Pages whose CRC is wrong; nothing is written."""
        return self._set.verify(0, self.pages)

    def scrub(self, first_page: int, count: int, depth: Depth = Depth.BOTH) -> tuple[PageHit, ...]:
        """Examine `count` pages and put right what can be; empty when all were clean."""
        hits: list[PageHit] = []
        at, end = first_page, first_page + count
        while at < end:
            found, done = self.scrub_slice(at, min(SLICE_PAGES, end - at), depth)
            hits += found
            at += done
        return tuple(hits)

    def scrub_slice(
        self, first: int, count: int, depth: Depth = Depth.BOTH
    ) -> tuple[tuple[PageHit, ...], int]:
        """Examine up to SLICE_PAGES pages, fewer where there is much to mend; also the pages done.

        Mending costs ten to a hundred times a look, so the slice is cut by the work and not by the
        pages alone: whoever drives it is never held up for long. Hits may lie beyond the pages done:
        they were mended and are clean when their turn comes. A region smaller than the last-level
        cache is flushed first: memory is examined, not the cache.
        """
        if self._flushed:
            self._set.flush(first, count)
        look = depth if self._check else Depth.CRC
        events, done = self._set.scrub_slice(first, count, look, SLICE_REPAIRS)
        if done < count:
            done, events = self._cut(first, done, events)
        hits = self._settle(events) if events else ()
        return hits + self._scrub_parity(first, first + done), done

    def repair_all(self) -> tuple[PageHit, ...]:
        """One pass over the whole region."""
        return self.scrub(0, self.pages)

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """Live bytes and protection: weights:, check:, crc:, parity: and parity-crc: plus the name."""
        parts = (
            ("weights", self._live),
            ("check", self._check),
            ("crc", self._crc),
            ("parity", self._parity_data),
            ("parity-crc", self._parity_crc),
        )
        return tuple(
            MemoryRegion(f"{kind}:{self.name}", native.address_of(part), len(part))
            for kind, part in parts
            if part is not None
        )

    def _cut(self, first: int, done: int, events: list[PageEvent]) -> tuple[int, list[PageEvent]]:
        """Where a slice cut short really ends: P and Q must not be asked in the midst of a group.

        Pages further on in the group may be damaged and still be mended by their check lines. While
        P and Q can carry those left open, the next slice starts at the first of them again; it comes
        further, for the other pages of this slice were mended. More than that P and Q never carry.
        """
        group = (first + done) // GROUP_PAGES * GROUP_PAGES
        left = {event.page for event in events if event.page >= group and event.outcome in _OPEN}
        if not 0 < len(left) <= PARITY_CARRIES:
            return done, events
        return min(left) - first, [event for event in events if event.page not in left]

    def _settle(self, events: list[PageEvent]) -> tuple[PageHit, ...]:
        """Tier 2 once for each group in need, tier 3 for what it left."""
        uncorrectable = PageOutcome.UNCORRECTABLE
        open_pages = [event.page for event in events if event.outcome is uncorrectable]
        groups = sorted({page // GROUP_PAGES for page in open_pages})
        parity_events = [event for group in groups for event in self._parity.rebuild(group)]
        rebuilt = {event.page for event in parity_events}
        hits = [self._hit(event) for event in events if event.outcome is not uncorrectable]
        hits += [self._hit(event) for event in parity_events]
        hits += [self._from_golden(page) for page in open_pages if page not in rebuilt]
        return tuple(sorted((hit for hit in hits if hit is not None), key=lambda hit: hit.page))

    def _scrub_parity(self, first: int, end: int) -> tuple[PageHit, ...]:
        """Look at P and Q of each group whose last page is among these; a hit names its first page."""
        last = -(-end // GROUP_PAGES) if end == self.pages else end // GROUP_PAGES
        mended = ((group, self._parity.scrub(group)) for group in range(first // GROUP_PAGES, last))
        return tuple(
            PageHit(group * GROUP_PAGES, Tier.CHECK_REPAIRED, bits)
            for group, bits in mended
            if bits
        )

    def _hit(self, event: PageEvent) -> PageHit | None:
        tier = _TIERS.get(event.outcome)
        return self._retire(event.page) if tier is None else PageHit(event.page, tier, event.bits)

    def _retire(self, page: int) -> PageHit | None:
        if page in self.retired:
            return None
        self.retired.add(page)
        return PageHit(page, Tier.RETIRED, 0)

    def _from_golden(self, page: int) -> PageHit | None:
        """The golden copy as witness: it must agree with the live bytes, the CRC or the check lines."""
        golden = self._read_golden(page)
        if golden is None:
            return PageHit(page, Tier.LOST, 0)
        live = self._page(page)
        bits = _differing_bits(live, golden)
        if bits == 0:
            self._set.encode(page, 1)
            return PageHit(page, Tier.CHECK_REPAIRED, 1)
        sealed = native.crc32c(golden, page) == int(self._crc_words[page])
        if not sealed and not self._lines_agree(page, golden):
            return PageHit(page, Tier.LOST, 0)
        live[:] = golden
        self._set.encode(page, 1)
        self._set.flush(page, 1)
        took = not self._set.verify(page, 1)
        return PageHit(page, Tier.REBUILT, bits) if took else self._retire(page)

    def _lines_agree(self, page: int, golden: NDArray[np.uint8]) -> bool:
        """True when the stored check lines are those of the golden bytes (the CRC then was hit)."""
        if self._check is None:
            return False
        data, check, crc = (native.aligned_bytes(n) for n in (PAGE_BYTES, CHECK_BYTES, 4))
        data[:] = golden.tobytes()
        native.PageSet(data, check, crc).encode(0, 1)
        return check[:] == self._check[page * CHECK_BYTES : (page + 1) * CHECK_BYTES]

    def _restore_golden(self, page: int) -> bool:
        golden = self._read_golden(page)
        if golden is None or np.array_equal(self._page(page), golden):
            return False
        self._page(page)[:] = golden
        return True

    def _read_golden(self, page: int) -> NDArray[np.uint8] | None:
        try:
            golden = self._golden(page)
        except (OSError, StoreError):  # storage is a tier like the others: it may fail
            return None
        return np.frombuffer(golden, dtype=np.uint8) if len(golden) == PAGE_BYTES else None

    def _page(self, page: int) -> NDArray[np.uint8]:
        return self._live[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]


def _differing_bits(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(one ^ other).sum())
