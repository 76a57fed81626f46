"""The payload's brain: one step takes what happened and says what to do, in a fixed order.

`Controller.step` reads no clock, opens no file and starts no thread: the runner (or a simulation)
brings inputs and carries out outputs, durable counters and records first. It trusts nothing from the
space link that is not authenticated, and it survives the board.
"""

from dataclasses import dataclass, field

from flight_sw.board_side import BoardSide
from flight_sw.board_watch import BoardState, BoardWatch, SupplyOrder
from flight_sw.commanding import Moment
from flight_sw.dictionary.field import Value
from flight_sw.downlink import Downlink, Stamp
from flight_sw.key_change import KeyChange
from flight_sw.link_profile import link_settings
from flight_sw.mode import WORKING, Mode, may_change
from flight_sw.on_board import NOTHING_STORED, Identity, OnBoard, Stored
from flight_sw.own_memory import ControllerMemory
from flight_sw.own_profile import OwnProfile
from flight_sw.payload_state import Glance, PayloadState
from flight_sw.profile import Profile
from flight_sw.radiation import self_test
from flight_sw.radiation.boot_guard import BootPlan, BootState, on_boot
from flight_sw.radiation.protected import MemoryRegion
from flight_sw.radiation.voted import VotedRecord
from flight_sw.resources.governor import StaircaseLimits
from flight_sw.resources.lookahead import Outlook
from flight_sw.resources.pilot import Pilot, believed
from flight_sw.services.report import Report
from flight_sw.services.st05_events import happening
from flight_sw.space_link.key_ring import KeyRing, new_ring
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.link import Standby, TcReceiver, Uplinked
from flight_sw.space_link.packet import BarePacket, Telecommand
from flight_sw.space_link.sdls import COUNTER_END

BOARD_BYTES_MAX = 16_384
SPACE_BYTES_MAX = 262_144  # what a space link that names no limit takes in a step
REFUSALS_PERIOD_S = 1.0
FRAME_PAUSE_S = 4.0  # a frame that pauses longer than this will not end (attack A17)
STABLE_S = 60.0  # a boot that has held for so long starts all that was left out
COUNTERS_RETRY_S = 1.0
PROOF_S = 10.0  # and if it holds with that too, it was a good one

TC_CEILING, TM_CEILING, BOOT_CONFIRMED = "tc-ceiling", "tm-ceiling", "boot-confirmed"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What happened since the last step.

    `space` is (connection, bytes); `space_room` what the slowest connection still takes; `stored` are
    counters that are durable now, `saved` the names of records of the last step that are; `utc_s` only
    stamps.
    """

    utc_s: float
    space: tuple[tuple[int, bytes], ...] = ()
    connections: tuple[int, ...] = ()
    board: bytes = b""
    board_reopened: bool = False
    board_room: int = BOARD_BYTES_MAX
    space_room: int = SPACE_BYTES_MAX
    supply_on: bool | None = None
    current_a: float | None = None
    outlook: Outlook | None = None
    stored: dict[str, int] = field(default_factory=dict)
    saved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the runner has to do: make `records`, in order, and `counters` durable, then all the rest.

    After `restart` it ends the process, which its service manager starts anew.
    """

    counters: dict[str, int]
    space: bytes
    board: bytes
    supply: SupplyOrder
    records: dict[str, bytes] = field(default_factory=dict)
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Boot:
    """What storage said at boot: counters that must never run backward, and why we booted.

    `unproven` counts boots in a row, this one included, none of which is known to have held. `ring` is
    the stored one, None for the keys of the file; the ceilings are those of the keys in force, and
    `pending_ceilings` of those that wait.
    """

    boots: int
    cause: str
    tc_ceiling: int
    tm_ceiling: int
    session: int
    unproven: int | None = 1
    stored: Stored = NOTHING_STORED
    ring: KeyRing | None = None
    pending_ceilings: tuple[int, int] = (0, 0)


class Controller:
    """See the module text. All times but `utc_s` are seconds of one monotonic clock."""

    def __init__(self, profile: Profile, keys: KeySet, boot: Boot) -> None:
        self._profile = profile
        self._own_profile = OwnProfile(profile)
        self._boot = boot
        settings = link_settings(profile)
        ring = boot.ring or new_ring(keys)
        self._uplink = TcReceiver(ring.active.tc, settings, boot.tc_ceiling)
        self._watch = BoardWatch(profile.heartbeat, profile.supply)
        self._state = VotedRecord("payload", {"mode": Mode.BOOT.value, "level": 0})
        limits = {"soft_limit": profile.thermal.soft_limit_c, "release": profile.thermal.release_c}
        identity = Identity(profile.spacecraft.id, boot.boots)
        self._services = OnBoard(self._watch, ControllerMemory(self._state), limits, identity, ring)
        storage, transfers = self._services.storage, self._services.transfers
        self._downlink = Downlink(ring.active.tm, settings, boot.tm_ceiling, storage, transfers)
        names = (TC_CEILING, TM_CEILING)
        self._keys = KeyChange(
            self._services.keys, self._uplink, self._downlink, names, boot.pending_ceilings
        )
        self._board = BoardSide(profile, boot.session, self._watch, self._services)
        self._report = PayloadState(
            self._services,
            self._board,
            self._watch,
            self._uplink,
            self._downlink,
            boot.boots,
        )
        self._governor = Pilot(len(profile.frequency.levels_mhz), believed(profile))
        self._connections: frozenset[int] = frozenset()
        self._heard_s: dict[int, float] = {}
        self._replies: list[Report] = []
        self._refused_told = 0
        self._refused_due_s = float("-inf")
        self._was_too_hot = False
        self._asked: frozenset[str] = frozenset()
        self._counters_due_s = float("-inf")
        self._started_s: float | None = None
        self._stable_told = False

    def step(self, now: float, inputs: Inputs) -> tuple[Outputs, float]:
        """Take what happened, do what is due, and say when to come back at the latest."""
        services = self._services
        clock_s = services.time.step(now, inputs.utc_s)
        self._start(now)
        self._vote()
        services.confirm(inputs.saved, now)
        reports = services.act(
            Moment(now, clock_s, self.mode), self._report.readings(self._glance(now))
        )
        self._hear_ground(now, inputs)
        reports += self._board.hear(inputs.board, now, reopened=inputs.board_reopened)
        wanted = self.mode in WORKING
        supply = self._board.watch(
            now, wanted=wanted, supply_on=inputs.supply_on, current_a=inputs.current_a
        )
        self._govern(now, inputs.outlook)
        reports += self._obey_ground(now)
        self._settle_mode()
        services.tend(now, linked=bool(self._connections))
        self._board.send_waiting(now)
        reports += services.jobs.take_failures()
        self._board.order(int(self._state.read()["level"]), now)
        is_damaged = self._own_profile.is_damaged(now)
        if is_damaged:
            self._raise("profile-damaged")
        reports += self._housekeep(now)
        stamp = Stamp(now, services.time.stamp_s)
        space = self._downlink.frames(reports, stamp, self._uplink.clcw(), inputs.space_room)
        counters = self._wanted_counters(now)
        records = self._keys.record(now) | services.keeper.wanted(now)
        outputs = Outputs(
            counters=counters,
            space=space,
            board=self._board.channel.transmit(now, inputs.board_room),
            supply=supply,
            records=records,
            restart=is_damaged,
        )
        return outputs, now if counters or records else self._wake_at(now)

    @property
    def mode(self) -> Mode:
        """The voted mode."""
        return Mode(int(self._state.read()["mode"]))

    def settle(self) -> dict[str, bytes]:
        """Records to make durable at an orderly end, telemetry of the last seconds included."""
        return self._services.settle()

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """The controller's own voted memory, by name and address in this process."""
        return self._state.memory_regions()

    def _start(self, now: float) -> None:
        if self._started_s is not None:
            return
        self._started_s = now
        self._raise("booted", boots=self._boot.boots, cause=self._boot.cause)
        unproven = self._boot.unproven
        last = BootState(None if unproven is None else unproven - 1)
        state, plan = on_boot(last)
        if plan is not BootPlan.FULL:
            self._raise("boot-plan", count=state.unstable_boots or 0, plan=plan.value)
        self._services.start(self._boot.stored, plan)
        for failure in self_test.run():
            self._raise("self-test-failed", what=failure)

    def _raise(self, name: str, /, **values: Value) -> None:
        self._services.events.put(happening(name, **values))

    def _vote(self) -> None:
        found = self._state.vote()
        if found is None:
            return
        if found.lost:  # mode BOOT now, from where only SAFE can be reached
            self._raise("vote-lost", record="payload")
            self._change_mode(Mode.SAFE, "voted record lost its vote")
        else:
            self._board.counts.votes += 1
            self._raise("vote-repaired", record="payload", bits=found.bits)

    def _hear_ground(self, now: float, inputs: Inputs) -> None:
        self._hear_storage(now, inputs)
        self._hear_connections(now, inputs)
        for connection, received in inputs.space:
            self._heard_s[connection] = now
            for item in self._uplink.feed(connection, received):
                self._take_uplinked(item, now)
        self._tell_refusals(now)

    def _take_uplinked(self, item: Uplinked, now: float) -> None:
        commanding = self._services.commanding
        if isinstance(item, Telecommand):
            self._replies += commanding.receive(item, now)
        elif isinstance(item, Standby):
            moment = Moment(now, self._services.time.clock_s, self.mode, pending_key=True)
            self._replies += commanding.carry_out(item.telecommand, moment)
        elif isinstance(item, BarePacket):
            self._services.transfers.receive(item.data)

    def _hear_connections(self, now: float, inputs: Inputs) -> None:
        connections = frozenset(inputs.connections)
        for gone in self._connections - connections:
            self._uplink.disconnect(gone)
            self._heard_s.pop(gone, None)
        if connections - self._connections:
            self._services.housekeeping.request_all()
        self._connections = connections
        for connection, heard_s in self._heard_s.items():
            if now - heard_s > FRAME_PAUSE_S:
                self._uplink.drop_partial(connection)

    def _hear_storage(self, now: float, inputs: Inputs) -> None:
        """Counters that storage refused are tried again, and told, once a second."""
        if self._keys.confirm(inputs.saved, inputs.stored, now):
            self._services.housekeeping.request_all()
        self._stable_told = self._stable_told or BOOT_CONFIRMED in inputs.stored
        refused = self._asked - inputs.stored.keys()
        if refused:
            self._counters_due_s = now + COUNTERS_RETRY_S
            self._raise("storage-failed", name=min(refused))

    def _tell_refusals(self, now: float) -> None:
        refused = self._uplink.refusals.total()
        if refused == self._refused_told or now < self._refused_due_s:
            return
        counts = self._uplink.refusals.as_mapping()
        names = ", ".join(reason.name for reason, count in counts.items() if count)
        self._raise("frames-refused", count=refused - self._refused_told, reason=names)
        self._refused_told = refused
        self._refused_due_s = now + REFUSALS_PERIOD_S

    def _govern(self, now: float, outlook: Outlook | None) -> None:
        if self._watch.state is not BoardState.UP:
            return
        if self._board.came_up:
            self._board.came_up = False
            self._governor.start(now)
        parameters = self._services.parameters
        limits = StaircaseLimits(
            soft_limit_c=parameters["soft_limit"],
            release_c=parameters["release"],
            hard_limit_c=self._profile.thermal.hard_limit_c,
            dwell_s=self._profile.thermal.dwell_s,
            debounce_s=self._profile.thermal.debounce_s,
        )
        temp_c = self._board.temp_c(now)
        self._services.jobs.frequency_mhz = self._mhz()
        jobs = self._services.jobs
        self._governor.see(
            self._board.power_w(now), jobs.due(now, self._profile.frequency.levels_mhz[-1]), outlook
        )
        decision = self._governor.decide(temp_c, limits, now)
        latch_up = self._board.latch_up
        jobs.held = self._governor.hold or (latch_up is not None and latch_up.hold)
        probing = latch_up is not None and latch_up.probing
        self._state.set(level=0 if probing else decision.level)
        if decision.too_hot and not self._was_too_hot and temp_c is not None:
            self._raise("too-hot", temp=temp_c)
        self._was_too_hot = decision.too_hot
        if decision.change and temp_c is None:
            self._raise("throttled-blind", mhz=self._mhz())
        elif decision.change and temp_c is not None:
            name = "throttled" if decision.change < 0 else "released"
            self._raise(name, mhz=self._mhz(), temp=temp_c)

    def _mhz(self) -> int:
        return self._profile.frequency.levels_mhz[int(self._state.read()["level"])]

    def _obey_ground(self, now: float) -> list[Report]:
        services = self._services
        reports, self._replies = self._replies, []
        for telecommand in services.commanding.take():
            moment = Moment(now, services.time.clock_s, self.mode)
            reports += services.commanding.carry_out(telecommand, moment)
            self._take_mode()
        self._uplink.set_room(room=services.commanding.has_room)
        return reports

    def _take_mode(self) -> None:
        wanted = self._services.functions.take_mode()
        if wanted is not None:
            self._change_mode(wanted, "telecommand")

    def _settle_mode(self) -> None:
        self._take_mode()  # of a stored telecommand
        self._vote()  # a record lost since the step began is no boot that completes
        mode = self.mode
        tc_ceiling = self._boot.tc_ceiling
        ready = self._uplink.security.ceiling > tc_ceiling or tc_ceiling == COUNTER_END
        if mode is Mode.BOOT and ready:
            self._change_mode(Mode.SAFE, "boot complete")
        elif mode in WORKING and self._watch.gave_up:
            self._change_mode(Mode.SAFE, "board does not recover")
        elif mode in WORKING:
            lack = self._lack()
            if lack and mode is Mode.NOMINAL:
                self._change_mode(Mode.DEGRADED, lack)
            elif not lack and mode is Mode.DEGRADED:
                self._change_mode(Mode.NOMINAL, "all is well")

    def _lack(self) -> str | None:
        """What the payload has less of than it should, or None."""
        models = self._services.jobs.models.values()
        if self._watch.state is not BoardState.UP:
            return "board silent" if self._watch.state is BoardState.SILENT else "board booting"
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

    def _housekeep(self, now: float) -> list[Report]:
        services = self._services
        reports = self._report.reports(self._glance(now))
        services.put(self._keys.take_events())
        return reports + services.events.take(now, services.parameters["event_rate"])

    def _glance(self, now: float) -> Glance:
        return Glance(now, self.mode, self._mhz())

    def _wanted_counters(self, now: float) -> dict[str, int]:
        wanted = self._keys.wanted_ceilings()
        started_s = now if self._started_s is None else self._started_s
        if now - started_s > STABLE_S:
            self._services.prove()
        if not self._stable_told and now - started_s > STABLE_S + PROOF_S:
            wanted[BOOT_CONFIRMED] = self._boot.boots
        counters = {name: value for name, value in wanted.items() if value is not None}
        counters = counters if now >= self._counters_due_s else {}
        self._asked = frozenset(counters)
        return counters

    def _wake_at(self, now: float) -> float:
        return max(
            now, min(self._services.wake_at(now), self._board.wake_at(now), self._keys.wake_at())
        )
