"""Heartbeats that must all be fresh before the hardware watchdog is fed, and the recovery ladder.

Off nominal: feeding is impossible while one heartbeat is late, whatever the others do; a fault climbs
the ladder one rung at a time and never goes round in a loop.
"""

from collections.abc import Mapping
from enum import Enum, unique
from typing import Final

MAX_EPISODES: Final = 8  # faults in one flight of the ladder before SAFE without further tries


@unique
class Rung(Enum):
    """The answers to a fault, mildest first; each is tried once in an episode."""

    REWRITE = "rewrite"
    RESTART_WORKER = "restart-worker"
    RESET_BOARD = "reset-board"
    POWER_CYCLE = "power-cycle"
    SAFE = "safe"


LADDER: Final = tuple(Rung)


class HeartbeatWatchdog:
    """Named heartbeats, each with its timeout in seconds; `now` is the caller's monotone clock.

    A heartbeat that never came counts as late from `started_at` plus its timeout.
    """

    def __init__(self, timeouts_s: Mapping[str, float], started_at: float) -> None:
        if not timeouts_s or min(timeouts_s.values()) <= 0:
            raise ValueError(
                "a watchdog needs at least one heartbeat, each with a positive timeout"
            )
        self._timeout_s = dict(timeouts_s)
        self._last = dict.fromkeys(timeouts_s, started_at)

    def beat(self, name: str, now: float) -> None:
        """Note one sign of life; KeyError for a name that was not declared."""
        self._last[name] = max(self._last[name], now)

    def expired(self, now: float) -> tuple[str, ...]:
        """Heartbeats that are late, in the order declared."""
        return tuple(
            name
            for name, limit in self._timeout_s.items()
            if not 0 <= now - self._last[name] <= limit
        )

    def may_feed(self, now: float) -> bool:
        """True only while every heartbeat is fresh: there is no blind feeding."""
        return not self.expired(now)


class RecoveryLadder:
    """Which rung to try next. A fault back within `settle_s` of a recovery climbs on, not anew.

    After MAX_EPISODES separate faults, or once SAFE was reached, the answer stays SAFE until the
    ground calls `reset`.
    """

    def __init__(self, settle_s: float, first: Rung = Rung.REWRITE) -> None:
        self._settle_s = settle_s
        self._first = LADDER.index(first)
        self._next = self._first
        self._episodes = 1
        self._recovered_at: float | None = None
        self.exhausted = False

    def next_rung(self, now: float) -> Rung:
        """The rung to try for the fault seen now; SAFE is the last answer and stays."""
        if self._settled(now) and not self.exhausted:
            self._next = self._first
            self._episodes += 1
        self._recovered_at = None
        rung = LADDER[self._next] if self._episodes <= MAX_EPISODES else Rung.SAFE
        self._next = min(LADDER.index(rung) + 1, len(LADDER) - 1)
        self.exhausted = self.exhausted or rung is Rung.SAFE
        return rung

    def recovered(self, now: float) -> None:
        """The last rung helped; the ladder starts anew once this has held for `settle_s`."""
        self._recovered_at = now

    def reset(self) -> None:
        """Back to the first rung, by command of the ground only."""
        self._next = self._first
        self._episodes = 1
        self._recovered_at = None
        self.exhausted = False

    def _settled(self, now: float) -> bool:
        return self._recovered_at is not None and now - self._recovered_at >= self._settle_s
