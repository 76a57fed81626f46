"""ST[03] housekeeping: the payload's state, each structure at its own period.

Shall: report each enabled structure once per period, once on request, and at once when the ground asks.
How verified: tests/flight_sw/services/test_st03_housekeeping.py.
Off nominal: after a gap in time (a stopped process) one report is sent, not the missed ones.
Not provided yet: structures defined at run time (3,1); diagnostics.
"""

from flight_sw.dictionary.field import Value, encode
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.services.report import Report

FIRST_PERIOD_S = 1.0


class HousekeepingService:
    """Knows which structures are due; the values come from the controller."""

    def __init__(self) -> None:
        self._period_s = dict.fromkeys(HOUSEKEEPING, FIRST_PERIOD_S)
        self._enabled = set(HOUSEKEEPING)
        self._due_s = dict.fromkeys(HOUSEKEEPING, float("-inf"))

    def enable(self, structure: int) -> None:
        """(3,5): start periodic reports, the first at once."""
        self._enabled.add(structure)
        self.request(structure)

    def disable(self, structure: int) -> None:
        """(3,6): stop periodic reports."""
        self._enabled.discard(structure)
        self._due_s[structure] = float("inf")

    def request(self, structure: int) -> None:
        """(3,27): one report at the next step."""
        self._due_s[structure] = float("-inf")

    def request_all(self) -> None:
        """Report every enabled structure at the next step, as for a ground that just arrived."""
        for structure in self._enabled:
            self.request(structure)

    def set_period(self, structure: int, period_s: float) -> None:
        """(3,31): change the period; the next report comes at once."""
        self._period_s[structure] = period_s
        self.request(structure)

    def due(self, now: float) -> list[int]:
        """Structures to report now; each is scheduled anew."""
        structures = [s for s, due_s in self._due_s.items() if due_s <= now]
        for structure in structures:
            period_s = self._period_s[structure]
            following_s = self._due_s[structure] + period_s
            late = following_s <= now  # also true for a request, whose time was -inf
            self._due_s[structure] = now + period_s if late else following_s
            if structure not in self._enabled:
                self._due_s[structure] = float("inf")
        return structures

    def wake_at(self) -> float:
        """When the next structure is due."""
        return min(self._due_s.values())


def housekeeping_report(structure: int, values: dict[str, Value]) -> Report:
    """(3,25): structure number and its fields."""
    return Report(3, 25, bytes([structure]) + encode(HOUSEKEEPING[structure], values))
