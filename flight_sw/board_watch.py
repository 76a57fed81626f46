"""Watches the board from the controller: heartbeats, recovery ladder, supply switch.

Recovery is a ladder, one rung each, never a loop: reset line, power cycle, SAFE. (The milder rungs,
rewriting memory and restarting the worker, are the node's own: they need a node that lives.)
Pure: heartbeats come in, what the supply switch shall do comes out.
"""

from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.profile import Heartbeat, Supply
from flight_sw.radiation.heartbeat import HeartbeatWatchdog, RecoveryLadder, Rung
from flight_sw.services.st05_events import Happening, happening

_BEAT = "board"


@unique
class BoardState(Enum):
    """What the controller knows of the board; names as in dictionary.telemetry.BOARD_STATES."""

    OFF = 0
    BOOTING = 1
    UP = 2
    SILENT = 3


@dataclass(frozen=True, slots=True)
class SupplyOrder:
    """What to do with the supply now; `on` None means leave it."""

    on: bool | None = None
    pulse_reset: bool = False


class BoardWatch:
    """One board and its supply.

    Args:
        heartbeat: periods and limits in seconds.
        supply: `off_s` is how long a power cycle stays off.
    """

    def __init__(self, heartbeat: Heartbeat, supply: Supply) -> None:
        self.state = BoardState.OFF
        self.resets = 0
        self.power_cycles = 0
        self.gave_up = False
        self._limits = heartbeat
        self._off_s = supply.off_s
        self._ladder = RecoveryLadder(heartbeat.settle_s, first=Rung.RESET_BOARD)
        self._beats = HeartbeatWatchdog({_BEAT: heartbeat.timeout_s}, float("-inf"))
        self._boot_until_s = float("inf")
        self._on_at_s: float | None = None
        self._silent_since_s: float | None = None
        self._cycle_wanted = False
        self._supply_on: bool | None = None
        self._asserted_s = float("-inf")
        self._was_heard = False
        self._former_until_s = float("-inf")

    def beat(self, now: float) -> list[Happening]:
        """A heartbeat arrived.

        One that was still on the line when the board was reset is none of the board that boots: taken
        for a recovery, the silence of that boot would be answered with the next rung.
        """
        if self.state is BoardState.OFF or now < self._former_until_s:
            return []
        self._was_heard = True
        self._beats.beat(_BEAT, now)
        was, self.state = self.state, BoardState.UP
        if was is BoardState.UP or self._silent_since_s is None:
            return []
        silence_s, self._silent_since_s = now - self._silent_since_s, None
        self._ladder.recovered(now)
        return [happening("recovered", time=silence_s)]

    def restarted(self) -> None:
        """Who speaks now is the board that booted."""
        self._former_until_s = float("-inf")

    def power_cycle(self) -> None:
        """Ground asked for one."""
        self._cycle_wanted = True

    def forgive(self) -> None:
        """Ground leads the payload out of SAFE: the ladder starts anew."""
        self._ladder.reset()
        self.gave_up = False

    def step(
        self, now: float, *, wanted: bool, supply_on: bool | None = None
    ) -> tuple[SupplyOrder, list[Happening]]:
        """What the supply shall do, and what happened; `supply_on` is the switch read back."""
        if not wanted:
            return self._switch_off(), []
        if self._on_at_s is not None:
            return self._finish_cycle(now), []
        if self.state is BoardState.OFF:
            return self._switch_on(now), []
        if supply_on is False and now >= self._asserted_s + self._limits.timeout_s:
            return self._switch_on_again(now)
        if self._cycle_wanted:
            return self._begin_cycle(now), []
        if self._quiet_too_long(now):
            return self._climb(now)
        return SupplyOrder(), []

    def wake_at(self, now: float) -> float:
        """When the watch must look again."""
        if self._on_at_s is not None:
            return self._on_at_s
        if self.state is BoardState.OFF:
            return float("inf")
        return now + self._limits.period_s

    def _quiet_too_long(self, now: float) -> bool:
        if self.state is BoardState.UP:
            return bool(self._beats.expired(now))
        return now > self._boot_until_s

    def _climb(self, now: float) -> tuple[SupplyOrder, list[Happening]]:
        happenings = []
        if self._silent_since_s is None:
            self._silent_since_s = now
            happenings.append(happening("board-silent", age=self._limits.timeout_s))
        rung = self._ladder.next_rung(now)
        happenings.append(happening("recovery-step", rung=rung.value))
        self.state = BoardState.SILENT
        if rung is Rung.RESET_BOARD:
            self.resets += 1
            self._boot(now, BoardState.SILENT)
            return SupplyOrder(pulse_reset=True), happenings
        if rung is Rung.POWER_CYCLE:
            return self._begin_cycle(now), happenings
        self.gave_up = True
        return SupplyOrder(), happenings

    def _begin_cycle(self, now: float) -> SupplyOrder:
        self._cycle_wanted = False
        self.power_cycles += 1
        self._on_at_s = now + self._off_s
        self._former_until_s = float("inf")
        self.state = BoardState.BOOTING
        self._supply_on = False
        return SupplyOrder(on=False)

    def _finish_cycle(self, now: float) -> SupplyOrder:
        if self._on_at_s is None or now < self._on_at_s:
            return SupplyOrder()
        self._on_at_s = None
        return self._switch_on(now)

    def _switch_on(self, now: float) -> SupplyOrder:
        self._supply_on = True
        self._asserted_s = now
        self._boot(now)
        return SupplyOrder(on=True)

    def _switch_on_again(self, now: float) -> tuple[SupplyOrder, list[Happening]]:
        """Nobody ordered it off, yet it is: a trip, an upset in its latch, a new supply."""
        return self._switch_on(now), [happening("supply-off")]

    def _boot(self, now: float, state: BoardState = BoardState.BOOTING) -> None:
        self.state = state
        self._boot_until_s = now + self._limits.boot_s
        # As long as a living board may take: what comes later, and from no new start, is no remainder.
        late_s = self._limits.timeout_s if self._was_heard else float("-inf")
        self._former_until_s = now + late_s

    def _switch_off(self) -> SupplyOrder:
        first = self._supply_on is not False
        self.state = BoardState.OFF
        self._on_at_s = self._silent_since_s = None
        self._cycle_wanted = False
        self._supply_on = False
        return SupplyOrder(on=False) if first else SupplyOrder()
