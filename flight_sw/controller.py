"""The payload's brain: one step takes what happened and says what to do, in a fixed order.

`Controller.step` reads no clock, opens no file and starts no thread: the runner (or a simulation)
brings inputs and carries out outputs, durable counters first. It trusts nothing from the space link
that is not authenticated, and it survives the board.
"""

from dataclasses import dataclass, field

from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel, Signal
from flight_sw.board_watch import BoardState, BoardWatch, SupplyOrder
from flight_sw.commanding import Commanding, model_report
from flight_sw.dictionary.field import Value
from flight_sw.errors import DecodeError
from flight_sw.mode import WORKING, Mode, may_change
from flight_sw.profile import Profile
from flight_sw.radiation import self_test
from flight_sw.radiation.protected import MemoryRegion
from flight_sw.radiation.voted import VotedRecord, VoteLost
from flight_sw.resources.governor import StaircaseGovernor, StaircaseLimits
from flight_sw.resources.thermal import TemperatureFilter
from flight_sw.services.report import Report, report
from flight_sw.services.st03_housekeeping import housekeeping_report
from flight_sw.services.st05_events import happening
from flight_sw.services.st20_parameters import ParameterService
from flight_sw.space_link.framing import Framing
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.link import LinkSettings, TcReceiver, TmSender
from flight_sw.space_link.packet import Telecommand, Telemetry

TM_FRAMES_MAX = 64  # per step
BOARD_BYTES_MAX = 16_384
REFUSALS_PERIOD_S = 1.0
STALE_READINGS = 5  # heartbeats without a temperature until it counts as unknown
STABLE_S = 60.0
OVER_CURRENT_READINGS = 3

TC_CEILING, TM_CEILING, UNSTABLE_BOOTS = "tc-ceiling", "tm-ceiling", "unstable-boots"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What happened since the last step.

    `space` is (connection, bytes); `stored` are counters that are durable now; `utc_s` only stamps.
    """

    utc_s: float
    space: tuple[tuple[int, bytes], ...] = ()
    connections: tuple[int, ...] = ()
    board: bytes = b""
    board_reopened: bool = False
    board_room: int = BOARD_BYTES_MAX
    current_a: float | None = None
    stored: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the runner has to do: make `counters` durable first, then all the rest."""

    counters: dict[str, int]
    space: bytes
    board: bytes
    supply: SupplyOrder
    feed_watchdog: bool


@dataclass(frozen=True, slots=True)
class Boot:
    """What storage said at boot: counters that must never run backward, and why we booted."""

    boots: int
    cause: str
    tc_ceiling: int
    tm_ceiling: int
    session: int


class Controller:
    """See the module text. All times but `utc_s` are seconds of one monotonic clock."""

    def __init__(self, profile: Profile, keys: KeySet, boot: Boot) -> None:
        self._profile = profile
        self._boot = boot
        settings = link_settings(profile)
        self._uplink = TcReceiver(keys.tc, settings, boot.tc_ceiling)
        self._downlink = TmSender(keys.tm, settings, boot.tm_ceiling)
        self._channel = Channel(boot.session, profile.serial.baud)
        self._board = BoardWatch(profile.heartbeat, profile.supply)
        thermal = profile.thermal
        limits = {"soft_limit": thermal.soft_limit_c, "release": thermal.release_c}
        self._commanding = Commanding(self._board, ParameterService(limits))
        self._governor = StaircaseGovernor(len(profile.frequency.levels_mhz))
        stale_s = STALE_READINGS * profile.heartbeat.period_s
        self._temperature = TemperatureFilter(stale_s)
        self._state = VotedRecord("payload", {"mode": Mode.BOOT.value, "level": 0})
        self._connections: frozenset[int] = frozenset()
        self._counters = _Counters()
        self._telecommands: list[Telecommand] = []
        self._sequence = 0
        self._message_counters: dict[tuple[int, int], int] = {}
        self._beat = m.Heartbeat(0, None, None, None, 0, worker_up=False, tick=0)
        self._order_due_s = float("-inf")
        self._refused_told = 0
        self._refused_due_s = float("-inf")
        self._over_current = 0
        self._was_too_hot = False
        self._started_s: float | None = None
        self._stable_told = False

    def step(self, now: float, inputs: Inputs) -> tuple[Outputs, float]:
        """Take what happened, do what is due, and say when to come back at the latest."""
        reports: list[Report] = []
        self._start(now)
        self._vote()
        self._hear_ground(now, inputs)
        reports += self._hear_board(now, inputs)
        supply = self._watch_board(now, inputs)
        self._govern(now)
        reports += self._obey_ground(now)
        reports += self._feed_jobs(now)
        self._settle_mode(now)
        self._order_board(now)
        reports += self._housekeep(now)
        counters = self._wanted_counters(now)
        outputs = Outputs(
            counters=counters,
            space=self._frame(reports, inputs.utc_s),
            board=self._channel.transmit(now, inputs.board_room),
            supply=supply,
            feed_watchdog=True,
        )
        return outputs, now if counters else self._wake_at(now)

    @property
    def mode(self) -> Mode:
        """The voted mode."""
        return Mode(int(self._state.read()["mode"]))

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """The controller's own voted memory, by name and address in this process."""
        return self._state.memory_regions()

    def _start(self, now: float) -> None:
        if self._started_s is not None:
            return
        self._started_s = now
        self._raise("booted", boots=self._boot.boots, cause=self._boot.cause)
        for failure in self_test.run():
            self._raise("self-test-failed", what=failure)

    def _raise(self, name: str, /, **values: Value) -> None:
        self._commanding.events.put(happening(name, **values))

    def _vote(self) -> None:
        before = self._state.repairs
        try:
            self._state.read()
        except VoteLost:
            self._state.reload_defaults()
            self._state.set(mode=Mode.SAFE.value)
            self._raise("vote-lost", record="payload")
            return
        if self._state.repairs > before:
            self._counters.votes += 1
            self._raise("vote-repaired", record="payload", bits=self._state.repairs - before)

    def _hear_ground(self, now: float, inputs: Inputs) -> None:
        security = self._uplink.security
        security.ceiling_confirmed(inputs.stored.get(TC_CEILING, 0))
        self._downlink.security.ceiling_confirmed(inputs.stored.get(TM_CEILING, 0))
        connections = frozenset(inputs.connections)
        for gone in self._connections - connections:
            self._uplink.disconnect(gone)
        if connections - self._connections:
            self._commanding.housekeeping.request_all()
        self._connections = connections
        for connection, received in inputs.space:
            for item in self._uplink.feed(connection, received):
                if isinstance(item, Telecommand):
                    self._telecommands.append(item)
        self._tell_refusals(now)

    def _tell_refusals(self, now: float) -> None:
        refused = self._uplink.refusals.total()
        if refused == self._refused_told or now < self._refused_due_s:
            return
        counts = self._uplink.refusals.as_mapping()
        names = ", ".join(reason.name for reason, count in counts.items() if count)
        self._raise("frames-refused", count=refused - self._refused_told, reason=names)
        self._refused_told = refused
        self._refused_due_s = now + REFUSALS_PERIOD_S

    def _hear_board(self, now: float, inputs: Inputs) -> list[Report]:
        if inputs.board_reopened:
            self._channel.port_reopened()
        reports: list[Report] = []
        for item in self._channel.receive(inputs.board, now):
            if item is Signal.PEER_RESTARTED:
                reports += self._board_restarted()
                continue
            try:
                message = m.decode_for_controller(bytes(item))
            except DecodeError:
                continue  # the frame's CRC was right, so this is another version's message
            reports += self._take(message, now)
        return reports

    def _board_restarted(self) -> list[Report]:
        self._temperature.clear()
        self._commanding.regions.clear()
        return self._commanding.jobs.on_board_lost()

    def _take(self, message: m.ToController, now: float) -> list[Report]:
        jobs = self._commanding.jobs
        match message:
            case m.Heartbeat():
                self._take_beat(message, now)
            case m.JobResult():
                return jobs.on_result(message)
            case m.JobRefused():
                jobs.on_refused(message)
            case m.PageHit():
                self._count_hit(message)
                return jobs.on_hit(message)
            case m.Clean():
                return jobs.on_clean(message)
            case m.ModelReady():
                return self._take_model(message)
            case m.Region(name=name, address=address, length=length):
                line = report("region", name=name, address=address, length=length)
                self._commanding.regions.append(line)
            case _:
                self._take_news(message)
        return []

    def _take_beat(self, beat: m.Heartbeat, now: float) -> None:
        booting = self._board.state is BoardState.BOOTING or self._board.state is BoardState.SILENT
        for event in self._board.beat(now):
            self._commanding.events.put(event)
        if self._board.state is not BoardState.UP:
            return
        if booting:
            self._governor.start(now)
        self._beat = beat
        self._temperature.add(beat.temp_c, now)

    def _take_model(self, model: m.ModelReady) -> list[Report]:
        self._commanding.jobs.models[model.slot] = model
        name = "model-protected" if model.protected else "model-unprotected"
        self._raise(name, slot=model.slot, name=model.name, coverage=model.coverage)
        return [model_report(model)]

    def _take_news(self, message: m.ToController) -> None:
        match message:
            case m.Identity(board=board, boots=boots):
                self._raise("board-up", name=board, boots=boots)
            case m.ModelRefused(slot=slot, why=why):
                self._raise("model-refused", slot=slot, why=why)
            case m.WorkerRestarted(why=why):
                self._counters.worker_restarts += 1
                self._raise("worker-restarted", why=why)
            case m.VoteRepaired(record=record, lost=True):
                self._raise("vote-lost", record=record)
            case m.VoteRepaired(record=record, bits=bits):
                self._counters.votes += 1
                self._raise("vote-repaired", record=record, bits=bits)
            case _:
                pass  # ScrubDone: the Clean messages before it say all

    def _count_hit(self, hit: m.PageHit) -> None:
        name = {
            "CORRECTED": "page-corrected",
            "REBUILT": "page-rebuilt",
            "CHECK_REPAIRED": "check-repaired",
        }.get(hit.tier, "page-lost")
        self._counters.corrected += hit.tier == "CORRECTED"
        self._counters.rebuilt += hit.tier == "REBUILT"
        self._raise(name, region=hit.region, page=hit.page, bits=hit.bits)

    def _watch_board(self, now: float, inputs: Inputs) -> SupplyOrder:
        wanted = self.mode in WORKING
        order, events = self._board.step(now, wanted=wanted)
        for event in events:
            self._commanding.events.put(event)
        self._watch_current(inputs.current_a)
        return order

    def _watch_current(self, current_a: float | None) -> None:
        if current_a is None:
            return
        too_much = current_a > self._profile.power.current_limit_a
        self._over_current = self._over_current + 1 if too_much else 0
        if self._over_current == OVER_CURRENT_READINGS:
            self._raise("over-current", current=current_a)
            self._board.power_cycle()

    def _govern(self, now: float) -> None:
        if self._board.state is not BoardState.UP:
            return
        parameters = self._commanding.parameters
        limits = StaircaseLimits(
            soft_limit_c=parameters["soft_limit"],
            release_c=parameters["release"],
            hard_limit_c=self._profile.thermal.hard_limit_c,
            dwell_s=self._profile.thermal.dwell_s,
        )
        temp_c = self._temperature.value_c(now)
        decision = self._governor.decide(temp_c, limits, now)
        self._state.set(level=decision.level)
        if decision.too_hot and not self._was_too_hot and temp_c is not None:
            self._raise("too-hot", temp=temp_c)
        self._was_too_hot = decision.too_hot
        if decision.change:
            name = "throttled" if decision.change < 0 else "released"
            known_c = temp_c if temp_c is not None else -273.15
            self._raise(name, mhz=self._mhz(), temp=known_c)

    def _mhz(self) -> int:
        return self._profile.frequency.levels_mhz[int(self._state.read()["level"])]

    def _obey_ground(self, now: float) -> list[Report]:
        reports: list[Report] = []
        telecommands, self._telecommands = self._telecommands, []
        for telecommand in telecommands:
            reports += self._commanding.carry_out(telecommand, self.mode, now)
            wanted, self._commanding.wanted_mode = self._commanding.wanted_mode, None
            if wanted is not None:
                self._change_mode(wanted, "telecommand")
        return reports

    def _feed_jobs(self, now: float) -> list[Report]:
        jobs = self._commanding.jobs
        jobs.frequency_mhz = self._mhz()
        messages, self._commanding.to_board = self._commanding.to_board, []
        if self._board.state is BoardState.UP:
            messages += jobs.to_board(now)
        for message in messages:
            self._channel.send(m.encode(message))
        return jobs.take_failures()

    def _settle_mode(self, now: float) -> None:
        mode = self.mode
        if mode is Mode.BOOT and self._uplink.security.ceiling > self._boot.tc_ceiling:
            self._change_mode(Mode.SAFE, "boot complete")
        elif mode in WORKING and self._board.gave_up:
            self._change_mode(Mode.SAFE, "board does not recover")
        elif mode in WORKING:
            lack = self._lack()
            if lack and mode is Mode.NOMINAL:
                self._change_mode(Mode.DEGRADED, lack)
            elif not lack and mode is Mode.DEGRADED:
                self._change_mode(Mode.NOMINAL, "all is well")

    def _lack(self) -> str | None:
        """What the payload has less of than it should, or None."""
        models = self._commanding.jobs.models.values()
        if self._board.state is not BoardState.UP:
            return f"board {self._board.state.name.lower()}"
        if self._governor.throttled:
            return "throttled"
        if not models or not all(model.protected for model in models):
            return "no model" if not models else "a model is not protected"
        return None

    def _change_mode(self, wanted: Mode, why: str) -> None:
        before = self.mode
        if wanted is before or not may_change(before, wanted):
            return
        self._state.set(mode=wanted.value)
        self._raise("mode-changed", before=before.name, after=wanted.name, why=why)

    def _order_board(self, now: float) -> None:
        """Repeat where the board should be; a lost order heals with the next."""
        if now < self._order_due_s or self._board.state is BoardState.OFF:
            return
        self._order_due_s = now + self._profile.heartbeat.period_s
        parameters = self._commanding.parameters
        order = m.Order(
            level=int(self._state.read()["level"]),
            scrub_enabled=parameters["scrub_enabled"] >= 1,
            scrub_pass_s=parameters["scrub_pass"],
        )
        self._channel.send_note(m.encode(order))

    def _housekeep(self, now: float) -> list[Report]:
        commanding = self._commanding
        due = commanding.housekeeping.due(now)
        reports = [housekeeping_report(number, self._values(number, now)) for number in due]
        rate_per_s = commanding.parameters["event_rate"]
        return reports + commanding.events.take(now, rate_per_s)

    def _values(self, structure: int, now: float) -> dict[str, Value]:
        return self._health(now) if structure == 1 else self._traffic()

    def _health(self, now: float) -> dict[str, Value]:
        jobs, temp_c = self._commanding.jobs, self._temperature.value_c(now)
        return {
            "mode": self.mode.name,
            "board": self._board.state.name,
            "temp_known": temp_c is not None,
            "temp": temp_c or 0.0,
            "power": self._beat.power_w or 0.0,
            "frequency": self._mhz(),
            "jobs_queued": jobs.queued,
            "jobs_done": jobs.done,
            "jobs_unconfirmed": jobs.unconfirmed,
            "jobs_withdrawn": jobs.withdrawn,
            "jobs_failed": jobs.failed,
            "pages_checked": self._beat.tick,
            "flips_corrected": self._counters.corrected,
            "pages_rebuilt": self._counters.rebuilt,
            "votes_repaired": self._counters.votes,
        }

    def _traffic(self) -> dict[str, Value]:
        verification = self._commanding.verification
        return {
            "boots": self._boot.boots,
            "tc_accepted": verification.accepted,
            "tc_rejected": verification.rejected,
            "frames_refused": self._uplink.refusals.total(),
            "tc_counter_next": self._uplink.security.next_counter,
            "board_resets": self._board.resets,
            "board_power_cycles": self._board.power_cycles,
            "worker_restarts": self._counters.worker_restarts,
            "link_resyncs": self._channel.damaged,
            "link_resends": self._channel.resends,
        }

    def _wanted_counters(self, now: float) -> dict[str, int]:
        wanted = {
            TC_CEILING: self._uplink.security.wanted_ceiling(),
            TM_CEILING: self._downlink.security.wanted_ceiling(),
        }
        started_s = now if self._started_s is None else self._started_s
        if not self._stable_told and now - started_s > STABLE_S:
            self._stable_told = True
            wanted[UNSTABLE_BOOTS] = 0
        return {name: value for name, value in wanted.items() if value is not None}

    def _frame(self, reports: list[Report], utc_s: float) -> bytes:
        for item in reports:
            kind = item.service, item.subtype
            counter = self._message_counters.get(kind, 0)
            self._message_counters[kind] = (counter + 1) & 0xFFFF
            packet = Telemetry(
                apid=self._profile.spacecraft.apid,
                sequence=self._sequence,
                service=item.service,
                subtype=item.subtype,
                data=item.data,
                time=utc_s,
                message_counter=counter,
            )
            self._sequence = (self._sequence + 1) & 0x3FFF
            self._downlink.add(item.channel.value, packet.pack())
        frames = min(TM_FRAMES_MAX, self._downlink.security.available)
        return self._downlink.flush(self._uplink.clcw(), frames) if frames else b""

    def _wake_at(self, now: float) -> float:
        commanding = self._commanding
        rate_per_s = commanding.parameters["event_rate"]
        times = (
            commanding.housekeeping.wake_at(),
            commanding.events.wake_at(now, rate_per_s),
            self._board.wake_at(now),
            self._channel.wake_at(now),
            float("inf") if self._board.state is BoardState.OFF else self._order_due_s,
        )
        return max(now, min(times))


@dataclass(slots=True)
class _Counters:
    """What housekeeping counts and nobody else keeps."""

    corrected: int = 0
    rebuilt: int = 0
    votes: int = 0
    worker_restarts: int = 0


def link_settings(profile: Profile) -> LinkSettings:
    """The space link as the profile describes it, for both ends."""
    return LinkSettings(
        spacecraft=profile.spacecraft.id,
        apid=profile.spacecraft.apid,
        framing=Framing(profile.space_link.framing),
        tm_frame_bytes=profile.space_link.tm_frame_bytes,
    )
