"""The controller's side of the board link: hears the node, counts what it says, repeats orders."""

from collections import deque
from dataclasses import dataclass

from flight_sw.board_health import HealthWatch
from flight_sw.board_line import OTHER_SOFTWARE, Acquaintance, LineWatch
from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel, Signal
from flight_sw.board_link.health import BoardHealth
from flight_sw.board_watch import BoardState, BoardWatch, SupplyOrder
from flight_sw.dictionary.field import Value
from flight_sw.errors import DecodeError
from flight_sw.on_board import OnBoard
from flight_sw.profile import Profile
from flight_sw.resources.latch_up import IdleCurrent, LatchUpWatch
from flight_sw.resources.thermal import DIE_TEMPERATURE, SUPPLY_POWER, SensorFilter
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import happening
from flight_sw.services.st08_functions import model_report

STALE_BEATS = 5  # heartbeats without a temperature until it counts as unknown
OVER_CURRENT_READINGS = 3
REGIONS_MAX = 1024  # lines of a board's memory map; 16 slots with all their copies have fewer
# A board that latches up so often in so short a time stays off, in SAFE, until the ground decides.
LATCH_UPS_MAX, LATCH_UPS_WITHIN_S = 3, 3600.0

_HIT_EVENTS = {
    "CORRECTED": "page-corrected",
    "REBUILT": "page-rebuilt",
    "CHECK_REPAIRED": "check-repaired",
    "LOST": "page-lost",
    "RETIRED": "page-retired",
}


@dataclass(slots=True)
class BoardCounts:
    """What the board reported since the controller booted."""

    corrected: int = 0
    rebuilt: int = 0
    votes: int = 0
    worker_restarts: int = 0


class BoardSide:
    """One board as the controller knows it.

    Args:
        watch: heartbeats and supply.
        services: those that news of the board reaches.
    """

    def __init__(
        self, profile: Profile, session: int, watch: BoardWatch, services: OnBoard
    ) -> None:
        self.channel = Channel(session, profile.serial.baud)
        self.counts = BoardCounts()
        self.beat = m.Heartbeat(0, None, None, None, 0, at_rest=False, tick=0)
        self.came_up = False
        self.line = LineWatch()
        self._baud = profile.serial.baud
        self._acquaintance = Acquaintance(profile.name)
        self._health = HealthWatch()
        self._watch = watch
        self._services = services
        self._period_s = profile.heartbeat.period_s
        self._current_limit_a = profile.power.current_limit_a
        self._temperature = SensorFilter(DIE_TEMPERATURE, STALE_BEATS * self._period_s)
        self._power = SensorFilter(SUPPLY_POWER, STALE_BEATS * self._period_s)
        self.latch_up = _idle_watch(profile)
        self._latch_ups_s: deque[float] = deque(maxlen=LATCH_UPS_MAX)
        self._order_due_s = float("-inf")
        self._over_current = 0

    def hear(self, received: bytes, now: float, *, reopened: bool) -> list[Report]:
        """Take bytes of the serial line; the reports that they cause."""
        if reopened:
            self.channel.port_reopened()
        reports: list[Report] = []
        whole = self.channel.whole
        for item in self.channel.receive(received, now):
            if item is Signal.PEER_RESTARTED:
                reports += self._restarted()
                continue
            try:
                message = m.decode_for_controller(bytes(item))
            except DecodeError:  # the frame's CRC was right: another version's message
                self._hear_stranger()
                continue
            self._acquaintance.speaks_otherwise(known=True)
            reports += self._take(message, now)
        if self.line.see(len(received), now, whole=self.channel.whole > whole):
            self._raise("line-garbled", bytes=self.line.garbled_bytes, baud=self._baud)
        return reports

    def watch(
        self, now: float, *, wanted: bool, supply_on: bool | None, current_a: float | None
    ) -> SupplyOrder:
        """Heartbeats, ladder and supply as read back: what the supply switch shall do."""
        if current_a is not None:
            too_much = current_a > self._current_limit_a
            self._over_current = self._over_current + 1 if too_much else 0
            if self._over_current == OVER_CURRENT_READINGS:
                self._raise("over-current", current=current_a)
                self._watch.power_cycle()
            self._read_idle_current(current_a, now)
        order, events = self._watch.step(now, wanted=wanted, supply_on=supply_on)
        for event in events:
            self._services.events.put(event)
        return order

    def temp_c(self, now: float) -> float | None:
        """The believed temperature, or None."""
        return self._temperature.value(now)

    def power_w(self, now: float) -> float | None:
        """The believed power of the board, or None."""
        return self._power.value(now)

    def order(self, level: int, now: float) -> None:
        """Repeat where the board should be; a lost order heals with the next."""
        if now < self._order_due_s or self._watch.state is BoardState.OFF:
            return
        self._order_due_s = now + self._period_s
        parameters = self._services.parameters
        order = m.Order(
            level=level,
            scrub_enabled=parameters["scrub_enabled"] >= 1,
            scrub_pass_s=parameters["scrub_pass"],
        )
        self.channel.send_note(m.encode(order))

    def send_waiting(self, now: float) -> None:
        """Hand over commands and jobs while the board is there to take them."""
        messages = self._services.orders.take()
        if self._watch.state is BoardState.UP:
            messages += self._services.jobs.to_board(now)
        for message in messages:
            self.channel.send(m.encode(message))

    def wake_at(self, now: float) -> float:
        """When this side has something to do by itself."""
        due_s = float("inf") if self._watch.state is BoardState.OFF else self._order_due_s
        return min(due_s, self._watch.wake_at(now), self.channel.wake_at(now))

    def _read_idle_current(self, current_a: float, now: float) -> None:
        if self.latch_up is None:
            return
        if self._watch.state is BoardState.UP:
            self.latch_up.read(current_a, now)
        else:
            self.latch_up.forget()

    def _judge_idle_current(self, beat: m.Heartbeat, now: float) -> None:
        """A small latch-up shows in the idle current alone; it ends with the power, or never."""
        if self.latch_up is None:
            return
        above_a = self.latch_up.beat(now, rested=beat.at_rest, slowest=beat.level == 0)
        if above_a is None:
            return
        self._raise("latch-up", above=above_a)
        self._watch.power_cycle()
        times_s = self._latch_ups_s
        times_s.append(now)
        if len(times_s) == LATCH_UPS_MAX and now - times_s[0] <= LATCH_UPS_WITHIN_S:
            self._watch.gave_up = True

    def _raise(self, name: str, /, **values: Value) -> None:
        self._services.events.put(happening(name, **values))

    def _restarted(self) -> list[Report]:
        self._watch.restarted()
        self._temperature.clear()
        self._power.clear()
        self._health.forget()
        self._services.functions.regions.clear()
        self._services.memory.board.clear()
        interrupted = self._services.updates.on_board_lost(self._services.events)
        return interrupted + self._services.jobs.on_board_lost()

    def _take(self, message: m.ToController, now: float) -> list[Report]:
        jobs = self._services.jobs
        match message:
            case m.Heartbeat():
                self._take_beat(message, now)
            case m.JobResult():
                return jobs.on_result(message, now)
            case m.AnswerPart():
                return jobs.on_part(message)
            case m.JobRefused():
                jobs.on_refused(message)
            case m.PageHit():
                self._take_hit(message)
                return jobs.on_hit(message)
            case m.Clean():
                return jobs.on_clean(message)
            case m.ModelReady():
                return self._take_model(message)
            case m.UpdateTold():
                return self._services.updates.on_told(message, self._services.events)
            case m.RegionData() | m.RegionChecked() | m.RegionMended() | m.RegionRefused():
                return self._services.memory.on_message(message)
            case _:
                self._take_news(message)
        return []

    def _take_beat(self, beat: m.Heartbeat, now: float) -> None:
        was_up = self._watch.state is BoardState.UP
        for event in self._watch.beat(now):
            self._services.events.put(event)
        if self._watch.state is BoardState.UP:
            self.came_up = self.came_up or not was_up
            self.beat = beat
            self._temperature.add(beat.temp_c, now)
            self._power.add(beat.power_w, now)
            self._judge_idle_current(beat, now)

    def _take_hit(self, hit: m.PageHit) -> None:
        self.counts.corrected += hit.tier == "CORRECTED"
        self.counts.rebuilt += hit.tier == "REBUILT"
        self._raise(_HIT_EVENTS[hit.tier], region=hit.region, page=hit.page, bits=hit.bits)

    def _take_model(self, model: m.ModelReady) -> list[Report]:
        self._services.jobs.on_model_ready(model)
        name = "model-protected" if model.protected else "model-unprotected"
        self._raise(name, slot=model.slot, name=model.name, coverage=model.coverage)
        return [model_report(model)]

    def _meet(self, board: m.Identity) -> None:
        """The right one is told; any other stays off, in SAFE, until the ground decides."""
        serial_number = board.serial_number
        expected = self._acquaintance.expected_instead(board)
        if expected:
            self._refuse(board.board, serial_number, expected)
            return
        self._raise(
            "board-up",
            name=board.board,
            serial_number=serial_number,
            boots=board.boots,
            cause=board.cause,
        )

    def _hear_stranger(self) -> None:
        """Software that we cannot talk to is refused by name, not taken for a silent board."""
        if self._acquaintance.speaks_otherwise(known=False):
            self._refuse("unknown software", "unknown", OTHER_SOFTWARE)

    def _refuse(self, name: str, serial_number: str, expected: str) -> None:
        """It stays off, in SAFE, until the ground decides."""
        self._raise("board-refused", name=name, serial_number=serial_number, expected=expected)
        self._watch.gave_up = True

    def _has_room(self, region: str) -> bool:
        """A board that never ends its memory map must not fill the controller's memory."""
        known = self._services.memory.board
        return region not in known and len(known) < REGIONS_MAX

    def _take_golden(self, told: m.GoldenMended) -> None:
        if told.why:
            self._raise("golden-lost", slot=told.slot, why=told.why)
        else:
            self._raise("golden-mended", slot=told.slot, count=told.mended)

    def _take_health(self, told: BoardHealth) -> None:
        for event in self._health.hear(told):
            self._services.events.put(event)

    def _take_vote(self, told: m.VoteRepaired) -> None:
        if told.lost:
            self._raise("vote-lost", record=told.record)
            return
        self.counts.votes += 1
        self._raise("vote-repaired", record=told.record, bits=told.bits)

    def _take_news(self, message: m.ToController) -> None:
        match message:
            case m.Identity():
                self._meet(message)
            case m.ModelRefused(slot=slot, why=why):
                self._raise("model-refused", slot=slot, why=why)
            case m.ModelGone():
                self._services.jobs.on_model_gone(message)
                self._services.functions.regions.clear()  # all of them are told anew
                self._services.memory.board.clear()
            case BoardHealth():
                self._take_health(message)
            case m.WantPart():
                self._services.updates.on_want(message)
            case m.WorkerRestarted(why=why):
                self.counts.worker_restarts += 1
                self._raise("worker-restarted", why=why)
            case m.GoldenMended():
                self._take_golden(message)
            case m.VoteRepaired():
                self._take_vote(message)
            case m.Region(name=name, address=address, length=length) if self._has_room(name):
                line = report("region", name=name, address=address, length=length)
                self._services.functions.regions.append(line)
                self._services.memory.board[name] = length
            case _:
                pass  # ScrubDone: the Clean messages before it have said all


def _idle_watch(profile: Profile) -> LatchUpWatch | None:
    """Where the profile knows the board's idle current."""
    known = profile.power.latch_up
    return None if known is None else LatchUpWatch(IdleCurrent(known.idle_a, known.step_a))
