"""Where time enters: one object is asked, so that everything above it can run in virtual time.

Control uses the monotonic clock alone; the wall clock only stamps telemetry, because it may jump.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time that never mix: one to measure with, one to stamp with."""

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    def utc_s(self) -> float:
        """Seconds since 1970-01-01 UTC, leap seconds not counted; may jump."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def monotonic_s(self) -> float:
        """Read CLOCK_MONOTONIC, which neither steps nor stops with the wall clock, in seconds."""
        return time.monotonic()

    def utc_s(self) -> float:
        """Read the wall clock as it stands now, right or wrong, in seconds."""
        return time.time()
