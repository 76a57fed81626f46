"""Counts boots that did not hold, so that a part that kills the boot is left out, and at last SAFE.

Pure: the owner stores the count before it does anything else at boot, and again once the system has
proved stable. The count must live in storage that survives a reset.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

SKIP_OPTIONAL_AT: Final = 3  # boots in a row without a stable phase
SAFE_AT: Final = 5
COUNT_LIMIT: Final = 255  # saturates: a wrap to 0 would look like health


@unique
class BootPlan(Enum):
    """How much to start."""

    FULL = "full"
    REQUIRED_ONLY = "required-only"  # leave out every optional part
    SAFE = "safe"  # controller alone: no board, no model


@dataclass(frozen=True, slots=True)
class BootState:
    """Boots begun since the last one that held; None stands for a count that could not be read."""

    unstable_boots: int | None = 0


def on_boot(stored: BootState) -> tuple[BootState, BootPlan]:
    """State to store at once, and what to start; an unreadable count starts the required parts only."""
    count = stored.unstable_boots
    if count is None or not 0 <= count <= COUNT_LIMIT:
        count = SKIP_OPTIONAL_AT - 1
    count = min(count + 1, COUNT_LIMIT)
    return BootState(count), _plan(count)


def on_stable() -> BootState:
    """State to store once the system has held: the next boot starts in full."""
    return BootState(0)


def _plan(count: int) -> BootPlan:
    if count >= SAFE_AT:
        return BootPlan.SAFE
    return BootPlan.REQUIRED_ONLY if count >= SKIP_OPTIONAL_AT else BootPlan.FULL
