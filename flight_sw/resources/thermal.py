"""What to believe of a temperature reading: median of three, physical range, age.

A single spike must not throttle the board and a dead sensor must never speed it up
(ECSS-E-ST-70-11C calls for validity of data used in on-board autonomy).
"""

from collections import deque

MEDIAN_OF = 3
LOWEST_C, HIGHEST_C = -60.0, 150.0  # outside this no silicon sensor means what it says


class TemperatureFilter:
    """The last readings of one sensor.

    Args:
        stale_s: a value older than this is not believed any more.
    """

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._readings: deque[float] = deque(maxlen=MEDIAN_OF)
        self._last_s = float("-inf")

    def add(self, temp_c: float | None, now: float) -> None:
        """Take a reading; None or an impossible one counts as no reading."""
        if temp_c is None or not LOWEST_C <= temp_c <= HIGHEST_C:
            return
        self._readings.append(temp_c)
        self._last_s = now

    def clear(self) -> None:
        """Forget all, as for a part that was switched off."""
        self._readings.clear()
        self._last_s = float("-inf")

    def value_c(self, now: float) -> float | None:
        """Median of the last readings, or None if they are too old or too few to tell."""
        if now - self._last_s > self._stale_s or len(self._readings) < MEDIAN_OF:
            return None
        return sorted(self._readings)[MEDIAN_OF // 2]
