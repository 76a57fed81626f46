"""The staircase governor: one level down while too hot, one level up when cool again.

The fallback that always works (Spaceborne Computer-1 slowed down in such stairs): no model of the
board, no prediction, hysteresis between `soft_limit_c` and `release_c`, one step per dwell time.
Without a believable temperature it never goes up, and goes down one step per dwell.
"""

from dataclasses import dataclass

from flight_sw.resources.debounce import Debounce


@dataclass(frozen=True, slots=True)
class StaircaseLimits:
    """Degrees Celsius; in seconds the dwell, and how long a limit is passed until it counts."""

    soft_limit_c: float
    release_c: float
    hard_limit_c: float
    dwell_s: float
    debounce_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """The level to run at and what changed: -1 a step down, 1 a step up, 0 nothing."""

    level: int
    change: int
    too_hot: bool


class StaircaseGovernor:
    """Chooses one of `levels` levels, 0 the coolest."""

    def __init__(self, levels: int) -> None:
        self._top = levels - 1
        self._level = 0
        self._changed_s = float("-inf")
        self._hot, self._blind = Debounce(), Debounce()

    @property
    def level(self) -> int:
        """The level chosen last."""
        return self._level

    @property
    def throttled(self) -> bool:
        """Whether the board runs below its top level."""
        return self._level < self._top

    def start(self, now: float) -> None:
        """A board came up: begin at the top and let heat decide from here."""
        self._level = self._top
        self._changed_s = now

    def decide(self, temp_c: float | None, limits: StaircaseLimits, now: float) -> Decision:
        """One step of the staircase at most."""
        change = self._wish(temp_c, limits, now)
        too_hot = temp_c is not None and temp_c >= limits.hard_limit_c
        if too_hot and self._level > 0:
            change = -self._level  # past the hard limit there is no time for single steps
        elif now - self._changed_s < limits.dwell_s:
            change = 0
        level = min(self._top, max(0, self._level + change))
        change = level - self._level
        if change:
            self._level, self._changed_s = level, now
        return Decision(level, change, too_hot)

    def _wish(self, temp_c: float | None, limits: StaircaseLimits, now: float) -> int:
        hot = temp_c is not None and temp_c > limits.soft_limit_c
        down = self._hot.holds(now, limits.debounce_s, asked=hot)
        down |= self._blind.holds(now, limits.debounce_s, asked=temp_c is None)
        if down:
            return -1
        return 1 if temp_c is not None and temp_c < limits.release_c else 0
