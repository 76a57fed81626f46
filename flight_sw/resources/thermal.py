"""What to believe of a sensor: range, rate of change, median of three, age.

A single spike must not throttle the board and a dead sensor must never speed it up
(ECSS-E-ST-70-11C calls for validity of data used in on-board autonomy).
"""

from collections import deque
from dataclasses import dataclass

MEDIAN_OF = 3


@dataclass(frozen=True, slots=True)
class SensorLimits:
    """What this kind of sensor can say and mean it.

    Args:
        lowest, highest: outside this a reading means a fault.
        rate_per_s: the fastest that the true value can change.
        slack: what noise and steps of the sensor add to a change; without it any change is believed.
    """

    lowest: float
    highest: float
    rate_per_s: float = 0.0
    slack: float = float("inf")


# 60 W, more than any supply here gives, into 3 J/K of silicon and lid alone (assumed): 20 K/s. One step
# of a Raspberry Pi's sensor is 0.49 K.
DIE_TEMPERATURE = SensorLimits(-60.0, 150.0, 20.0, 2.0)
SUPPLY_POWER = SensorLimits(0.0, 200.0)  # work starts and ends at once, so no rate


class SensorFilter:
    """The last readings of one sensor.

    Args:
        stale_s: a value older than this is not believed any more.
    """

    def __init__(self, limits: SensorLimits, stale_s: float) -> None:
        self._limits = limits
        self._stale_s = stale_s
        self._readings: deque[float] = deque(maxlen=MEDIAN_OF)
        self._jumped: list[float] = []
        self._jumped_s = 0.0
        self._last_s = float("-inf")

    def add(self, value: float | None, now: float) -> None:
        """Take a reading; None, an impossible one or a jump counts as no reading.

        Three jumps in a row that agree are no spike: the filter starts anew with them.
        """
        if value is None or not self._limits.lowest <= value <= self._limits.highest:
            return
        if self._readings and not self._near(value, self._readings[-1], now - self._last_s):
            if not self._agrees(value, now):
                return
            self._readings.extend(self._jumped)
        else:
            self._readings.append(value)
        self._jumped.clear()
        self._last_s = now

    def clear(self) -> None:
        """Forget all, as for a part that was switched off."""
        self._readings.clear()
        self._jumped.clear()
        self._last_s = float("-inf")

    def value(self, now: float) -> float | None:
        """Median of the last readings, or None if they are too old or too few to tell."""
        if now - self._last_s > self._stale_s or len(self._readings) < MEDIAN_OF:
            return None
        return sorted(self._readings)[MEDIAN_OF // 2]

    def _agrees(self, value: float, now: float) -> bool:
        """Whether this is the third jump in a row to the same place."""
        if self._jumped and not self._near(value, self._jumped[-1], now - self._jumped_s):
            self._jumped.clear()
        self._jumped.append(value)
        self._jumped_s = now
        return len(self._jumped) == MEDIAN_OF

    def _near(self, value: float, other: float, elapsed_s: float) -> bool:
        return abs(value - other) <= self._limits.slack + self._limits.rate_per_s * elapsed_s
