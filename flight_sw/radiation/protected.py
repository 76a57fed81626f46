"""A region of live bytes under protection: check lines, CRCs, and a golden copy behind them.

Three witnesses speak for each 4 KiB page: its check lines, its CRC-32C (seeded with the page number)
and the golden copy. One alone never decides: a repair needs a second witness, else the page is LOST
and its owner must act. Clean pages cost one native call for a whole run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique

import numpy as np
from numpy.typing import NDArray

from flight_sw.errors import StoreError
from flight_sw.radiation import native
from flight_sw.radiation.native import CHECK_BYTES, PAGE_BYTES, Depth, PageOutcome

GoldenReader = Callable[[int], bytes]


@unique
class Tier(Enum):
    """Which tier settled a page, or that none could."""

    CORRECTED = "corrected"  # by the check lines in place, confirmed by the CRC
    REBUILT = "rebuilt"  # from the golden copy, itself confirmed first
    CHECK_REPAIRED = "check-repaired"  # check lines or CRC were hit, the data was right
    LOST = "lost"  # nothing worked; the bytes are as found


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


class ProtectedRegion:
    """Live bytes, their check lines and CRCs, and the way back to the golden copy.

    `live` must be writable, 64-byte aligned (an mmap is) and whole pages of 4,096 bytes: the owner
    pads the region. `golden(page)` returns the 4,096 golden bytes or raises OSError or StoreError.
    ValueError or BufferError when `live` does not fit.
    """

    def __init__(
        self, name: str, live: memoryview | NDArray[np.uint8], golden: GoldenReader
    ) -> None:
        self.name = name
        self._live = np.frombuffer(live, dtype=np.uint8)
        if self._live.size == 0 or self._live.size % PAGE_BYTES:
            raise ValueError(
                f"region {name!r} holds {self._live.size} bytes: pad it to whole pages of {PAGE_BYTES}"
            )
        self.pages = self._live.size // PAGE_BYTES
        self._golden = golden
        self._check = native.aligned_bytes(self.pages * CHECK_BYTES)
        self._crc = native.aligned_bytes(self.pages * 4)
        self._crc_words = np.frombuffer(self._crc, dtype="<u4")
        self._set = native.PageSet(live, self._check, self._crc)

    def encode(self) -> tuple[int, ...]:
        """Take the live bytes under protection; returns the pages first put right from the golden copy.

        Without that comparison a bit flipped between loading and encoding would be protected too.
        """
        wrong = tuple(page for page in range(self.pages) if self._restore_golden(page))
        self._set.encode(0, self.pages)
        return wrong

    def verify(self) -> list[int]:
        """Pages whose CRC is wrong; nothing is written."""
        return self._set.verify(0, self.pages)

    def scrub(self, first_page: int, count: int, depth: Depth = Depth.BOTH) -> tuple[PageHit, ...]:
        """Examine `count` pages and put right what can be; empty when all were clean."""
        events = self._set.scrub(first_page, count, depth)
        return tuple(self._settle(event) for event in events)

    def repair_all(self) -> tuple[PageHit, ...]:
        """One pass over the whole region."""
        return self.scrub(0, self.pages)

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """Where the live bytes and their protection sit: weights:, check: and crc: plus the name."""
        parts = (
            ("weights", self._live),
            ("check", self._check),
            ("crc", self._crc),
        )
        return tuple(
            MemoryRegion(f"{kind}:{self.name}", native.address_of(part), len(part))
            for kind, part in parts
        )

    def _settle(self, event: native.PageEvent) -> PageHit:
        if event.outcome is PageOutcome.CORRECTED:
            return PageHit(event.page, Tier.CORRECTED, event.bits)
        if event.outcome is PageOutcome.CHECK_REPAIRED:
            return PageHit(event.page, Tier.CHECK_REPAIRED, event.bits)
        return self._rebuild(event.page)

    def _rebuild(self, page: int) -> PageHit:
        """The golden copy as witness: it must agree with the live bytes, the CRC or the check lines."""
        golden = self._read_golden(page)
        if golden is None:
            return PageHit(page, Tier.LOST, 0)
        live = self._page(page)
        bits = _differing_bits(live, golden)
        if bits == 0:
            self._set.encode(page, 1)
            return PageHit(page, Tier.CHECK_REPAIRED, 1)
        if native.crc32c(golden, page) != int(self._crc_words[page]) and not self._lines_agree(
            page, golden
        ):
            return PageHit(page, Tier.LOST, 0)
        live[:] = golden
        self._set.encode(page, 1)
        return PageHit(page, Tier.REBUILT, bits)

    def _lines_agree(self, page: int, golden: NDArray[np.uint8]) -> bool:
        """True when the stored check lines are those of the golden bytes (the CRC then was hit)."""
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
