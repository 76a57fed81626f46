"""Refusals of telecommands: every reason counted, and the telling of them held to a rate.

Shall: count each refused or failed telecommand under its one reason; send at most TOLD_PER_S
reports of refusal per second, so that a flood of bad telecommands cannot fill the downlink.
How verified: tests/flight_sw/services/test_commanding.py; counts go down in structure 3.
Off nominal: what is not reported is still counted. Counts stop at 2**32 - 1.
Not provided: a record of which telecommands were refused.
"""

from flight_sw.dictionary.reason import Reason

TOLD_PER_S = 50.0
_COUNT_MAX = 0xFFFF_FFFF


class Refusals:
    """Counts by reason, and the allowance for telling."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Reason, 0)
        self._allowance = TOLD_PER_S
        self._last_s: float | None = None

    def add(self, reason: Reason, now: float) -> bool:
        """Count one; whether it may be reported."""
        self._counts[reason] = min(self._counts[reason] + 1, _COUNT_MAX)
        elapsed_s = 0.0 if self._last_s is None else max(0.0, now - self._last_s)
        self._last_s = now
        self._allowance = min(TOLD_PER_S, self._allowance + elapsed_s * TOLD_PER_S)
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def values(self) -> dict[str, int]:
        """The counts under their names in housekeeping."""
        return {f"refused_{reason.name.lower()}": n for reason, n in self._counts.items()}
