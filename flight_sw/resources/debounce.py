"""A condition counts once it has held for a while, and ends at once: entry is debounced, exit is not.

Hysteresis decides when a limit is left; this decides when it is believed to be reached. Each source
(heat, energy, a lost sensor) has its own, so that one that flickers cannot lend its time to another.
"""


class Debounce:
    """One source."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def holds(self, now: float, hold_s: float, *, asked: bool) -> bool:
        """Whether the condition counts now: it was asked for `hold_s` without a break."""
        if not asked:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now
        return now - self._since_s >= hold_s
