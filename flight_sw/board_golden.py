"""Scrubs the golden copies on storage: one shard after another, mended while the others can.

A golden copy that has rotted is found when it is needed, which is too late. One shard every few seconds
costs next to nothing and sees all of a usual model store within minutes.
"""

from flight_sw.board_link import messages as m
from flight_sw.board_link.ranges import TEXT_MAX
from flight_sw.board_updates import Act, ShelfNews, ShelfOrder

PERIOD_S = 5.0  # between two shards


class BoardGolden:
    """Decides when the next shard is looked at, and what the controller hears of it."""

    def __init__(self) -> None:
        self._due_s: float | None = None
        self._waits = False

    def orders(self, now: float, slots: frozenset[int]) -> tuple[ShelfOrder, ...]:
        """Look at one more shard, if it is time; one order at once."""
        if self._due_s is None:
            self._due_s = now + PERIOD_S
        if self._waits or now < self._due_s or not slots:
            return ()
        self._waits, self._due_s = True, now + PERIOD_S
        return (ShelfOrder(Act.CHECK_GOLDEN, min(slots)),)

    def take(self, news: ShelfNews) -> m.GoldenMended | None:
        """How it ended; None if all was well."""
        self._waits = False
        if not news.mended and not news.why:
            return None
        return m.GoldenMended(news.slot, news.mended, news.why[:TEXT_MAX])
