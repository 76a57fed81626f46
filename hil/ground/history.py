"""The reports that came down lately, bounded; each can answer one expectation.

A report may arrive before the test asks for it, so an expectation also looks back, but a report that
has answered one expectation does not answer the next.
"""

from collections import deque
from collections.abc import Callable

from hil.ground.reports import Report

REPORTS_MAX = 20_000


class History:
    """Numbered reports, oldest dropped first."""

    def __init__(self, limit: int = REPORTS_MAX) -> None:
        self._reports: deque[Report] = deque(maxlen=limit)
        self._claimed: set[int] = set()
        self.end = 0  # number of the next report

    @property
    def start(self) -> int:
        """Number of the oldest report still here."""
        return self.end - len(self._reports)

    def add(self, report: Report) -> None:
        """Keep one more report."""
        if len(self._reports) == self._reports.maxlen:
            self._claimed.discard(self.start)
        self._reports.append(report)
        self.end += 1

    def since(self, number: int) -> list[Report]:
        """Every report from this number on that is still here."""
        first = max(number - self.start, 0)
        return [self._reports[i] for i in range(first, len(self._reports))]

    def claim(self, matches: Callable[[Report], bool], number: int) -> tuple[Report | None, int]:
        """The first matching unclaimed report from `number` on, and where to look next time."""
        first = max(number, self.start)
        for offset, report in enumerate(self.since(first)):
            if first + offset not in self._claimed and matches(report):
                self._claimed.add(first + offset)
                return report, first + offset + 1
        return None, self.end
