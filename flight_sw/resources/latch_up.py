"""Latch-ups that no current limit sees: a step in the current of a board that has nothing to do.

A small latch-up draws less than honest work does, so only the idle current gives it away (the idea of
Radshield, ASPLOS 2026: idle windows of seconds, each few minutes). What is idle to us may still be busy
with work of its own; work gets cheaper with the clock and a latch-up does not, so a suspicion is proven
by looking again at the slowest clock, with jobs held back. Of a board that is throttled to that clock
already only time can tell: a latch-up outlasts any work that the board does by itself.

A reading counts once the board's next heartbeat says that its worker rested all the while: a load that
begins just then would look like a latch-up that outlasts the probe.

Pure: readings and beats come in, what to hold back and what was found goes out. Off nominal: without
readings, or while the board is not up, it says nothing; a current that falls with the clock is taken for
work, and a probe in which the board begins work of its own has proven nothing.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, unique

READINGS = 3  # their median is what is believed
SETTLE_S = 1.0  # after the last job, and after a change of the clock, until readings count
PROBE_LONGEST_S = 60.0  # a probe that gets no readings ends
PAUSE_S = 60.0  # after a suspicion that was work, until the next probe
WINDOW_EVERY_S = 180.0  # a board that is always busy is held back so often for one look
WINDOW_LONGEST_S = 10.0
OUTLASTS_S = 180.0  # at the slowest clock: longer than a load that hangs, is ended and done again
STAYS = 0.6  # share of the step that is still there at the slowest clock: no work keeps so much
LEARN = 0.02  # of each idle reading goes into the idle current that is expected
DRIFT = 0.25  # and it moves no further than so far from the profile's figure


@dataclass(frozen=True, slots=True)
class IdleCurrent:
    """What the profile says of a board that does nothing.

    Args:
        idle_a: current from the supply.
        step_a: smallest step that counts as a latch-up.
    """

    idle_a: float
    step_a: float


@unique
class _Phase(Enum):
    WATCHING = 0
    PROBING = 1


class LatchUpWatch:
    """One board; `hold` asks to start no job, `probing` for the slowest clock as well."""

    def __init__(self, expected: IdleCurrent) -> None:
        self.hold = False
        self._expected = expected
        self._idle_a = expected.idle_a
        self._phase = _Phase.WATCHING
        self._unjudged: deque[tuple[float, float]] = deque(maxlen=READINGS)
        self._readings: deque[float] = deque(maxlen=READINGS)
        self._counts_from_s = float("inf")
        self._since_s = 0.0
        self._looked_s: float | None = None
        self._quiet_until_s = float("-inf")
        self._step_a = 0.0
        self._slow_since_s: float | None = None

    @property
    def probing(self) -> bool:
        """Whether a suspicion is being proven now."""
        return self._phase is _Phase.PROBING

    @property
    def idle_a(self) -> float:
        """The idle current that is expected."""
        return self._idle_a

    def forget(self) -> None:
        """The board is not up: what was read of it means nothing now."""
        self._slow_since_s = None
        self._unjudged.clear()
        self._back_to_watching(None)

    def read(self, current_a: float, now: float) -> None:
        """One reading of the supply, kept until the board's next beat."""
        self._unjudged.append((now, current_a))

    def beat(self, now: float, *, rested: bool, slowest: bool = False) -> float | None:
        """Judge what was read since the last beat; the amperes above idle of a latch-up, else None.

        Args:
            rested: the board did no work of its own since its last beat.
            slowest: the board is throttled to its slowest clock.
        """
        if self._looked_s is None:
            self._looked_s = now
        if not rested:
            self._busy(now)
            return None
        self._counts_from_s = min(self._counts_from_s, now + SETTLE_S)
        self._readings.extend(a for at_s, a in self._unjudged if at_s >= self._counts_from_s)
        self._unjudged.clear()
        if len(self._readings) < READINGS:
            if self.probing and now - self._since_s > PROBE_LONGEST_S:
                self._back_to_watching(now)
            return None
        excess_a = sorted(self._readings)[READINGS // 2] - self._idle_a
        if self.probing:
            return self._prove(excess_a, now)
        if slowest and excess_a >= self._expected.step_a:
            return self._wait(excess_a, now)
        self._slow_since_s = None
        return self._suspect(excess_a, now)

    def _busy(self, now: float) -> None:
        """Readings at work say nothing; now and then a board that never rests is held back."""
        self._unjudged.clear()
        if self.probing:
            self._back_to_watching(now)
            return
        self._readings.clear()
        self._counts_from_s = float("inf")
        since_s = now - (self._looked_s or 0.0)
        self.hold = since_s > WINDOW_EVERY_S
        if since_s > WINDOW_EVERY_S + WINDOW_LONGEST_S:
            self._back_to_watching(now)

    def _suspect(self, excess_a: float, now: float) -> float | None:
        self._looked_s = now
        if excess_a < self._expected.step_a:
            self.hold = False
            self._learn(excess_a)
        elif now >= self._quiet_until_s:
            self._phase, self.hold = _Phase.PROBING, True
            self._step_a, self._since_s = excess_a, now
            self._readings.clear()
            self._counts_from_s = now + SETTLE_S
        else:
            self.hold = False
        return None

    def _wait(self, excess_a: float, now: float) -> float | None:
        """No probe can tell here: what has not gone by itself after so long is no work."""
        self._looked_s, self.hold = now, False
        if self._slow_since_s is None:
            self._slow_since_s = now
        if now - self._slow_since_s < OUTLASTS_S:
            return None
        self.forget()
        return excess_a

    def _prove(self, excess_a: float, now: float) -> float | None:
        wanted_a = max(self._expected.step_a, STAYS * self._step_a)
        self._back_to_watching(now)
        if excess_a >= wanted_a:
            return excess_a
        self._quiet_until_s = now + PAUSE_S
        return None

    def _learn(self, excess_a: float) -> None:
        """Idle current drifts with temperature and age, slowly and not far: a latch-up is no drift."""
        nominal_a = self._expected.idle_a
        learned_a = self._idle_a + LEARN * excess_a
        self._idle_a = min(max(learned_a, nominal_a * (1 - DRIFT)), nominal_a * (1 + DRIFT))

    def _back_to_watching(self, looked_s: float | None) -> None:
        self._phase, self.hold = _Phase.WATCHING, False
        self._readings.clear()
        self._counts_from_s = float("inf")
        self._looked_s = looked_s
