"""What the C core reports and is asked for: instruction sets, depths of a pass, outcomes, counts.

Numbers are those of native/include/vanallen.h.
"""

from dataclasses import dataclass
from enum import IntEnum, unique


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
    REBUILT = 5


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


@dataclass(frozen=True, slots=True)
class WordReport:
    """What a scrub of SECDED(72,64) words found; `first_uncorrectable` is None when all was mended."""

    corrected: int
    check_repaired: int
    uncorrectable: int
    first_uncorrectable: int | None


@dataclass(frozen=True, slots=True)
class RsReport:
    """Symbols put right in a block, and which of its codewords were left as found."""

    corrected: int
    uncorrectable: tuple[int, ...]
