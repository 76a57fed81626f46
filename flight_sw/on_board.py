"""All services of the payload in one place: who brings handlers, who keeps records, who acts by itself.

What acts by itself (schedule, monitoring, event-action, sequences) are the optional parts: the boot-loop
guard leaves them out after three boots that did not hold. After five, records are neither read nor
written, services that live by them answer NOT_STARTED, and the payload stays in SAFE. Either way the
rest starts once this boot has held.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flight_sw.board_watch import BoardState, BoardWatch
from flight_sw.commanding import Commanding, Moment
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.pool import OF_THE_BOARD, numbers
from flight_sw.dictionary.reason import Reason
from flight_sw.job_flow import JobFlow
from flight_sw.mode import Mode
from flight_sw.model_updates import ModelUpdates
from flight_sw.radiation.boot_guard import BootPlan
from flight_sw.services.board_orders import BoardOrders
from flight_sw.services.calls import Call, Outcome, Service
from flight_sw.services.cfdp_service import TransferService
from flight_sw.services.keeping import Keeper, Kept
from flight_sw.services.report import Report
from flight_sw.services.st03_housekeeping import HousekeepingService
from flight_sw.services.st05_events import EventService, Happening, happening
from flight_sw.services.st06_memory import MemoryService, OwnMemory
from flight_sw.services.st08_functions import FunctionService
from flight_sw.services.st09_time import TimeService
from flight_sw.services.st11_schedule import ScheduleService
from flight_sw.services.st12_monitoring import MonitoringService
from flight_sw.services.st13_large import LargePacketService
from flight_sw.services.st15_storage import StorageService
from flight_sw.services.st19_event_action import EventActionService
from flight_sw.services.st20_parameters import ParameterService
from flight_sw.services.st21_sequences import SequenceService
from flight_sw.services.st23_files import FileService
from flight_sw.services.st131_keys import KeyService
from flight_sw.space_link.key_ring import KeyRing
from flight_sw.space_link.packet import Telecommand

Readings = Callable[[], Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class Stored:
    """What storage held at boot: records by name, and those of which no copy was whole."""

    records: Mapping[str, bytes]
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Which spacecraft this is, and in which boot."""

    spacecraft: int
    boots: int


NOTHING_STORED = Stored({})
WITHOUT_STORE = frozenset({11, 12, 13, 15, 19, 21, 23})  # services held while records are not read
RECORD_NAMES: tuple[str, ...] = (
    "time",
    "parameters",
    "housekeeping",
    "events",
    "monitoring",
    "event-actions",
    "sequences",
    *StorageService().records(),
    *FileService().records(),
    "transfers",
    "schedule",
    "schedule-marks",
)


class OnBoard:
    """The services.

    Args:
        watch: the board's heartbeats and supply.
        memory: the controller's own named regions.
        ceilings: for some parameters, the value that the profile allows at most.
        identity: who transfers files.
        ring: the keys of the link, in force and pending.
    """

    def __init__(
        self,
        watch: BoardWatch,
        memory: OwnMemory,
        ceilings: dict[str, float],
        identity: Identity,
        ring: KeyRing,
    ) -> None:
        self._watch = watch
        self.orders = BoardOrders(self._board_up)
        self.housekeeping = HousekeepingService()
        self.events = EventService()
        self.memory = MemoryService(memory, self.orders)
        self.functions = FunctionService(watch, self.orders)
        self.schedule = ScheduleService()
        self.time = TimeService(self.schedule.shift_clock)
        self.monitoring = MonitoringService()
        self.large = LargePacketService(self._dispatch)
        self.storage = StorageService()
        self.actions = EventActionService()
        self.parameters = ParameterService(ceilings)
        self.sequences = SequenceService()
        self.files = FileService()
        self.transfers = TransferService(self.files, identity.spacecraft, identity.boots)
        self.keys = KeyService(ring)
        self.jobs = JobFlow()
        self.updates = ModelUpdates(self.files.content_of, self.orders)
        self.functions.models = self.jobs.models
        self.commanding = Commanding(self._handler_failed)
        self.commanding.add(self._services())
        self.keeper = Keeper(self._kept())
        self.plan = BootPlan.FULL
        self._stored = NOTHING_STORED

    def start(self, stored: Stored, plan: BootPlan) -> None:
        """Take over what storage held; without it every part starts empty."""
        self.plan = plan
        self._stored = stored
        self.sequences.started = plan is BootPlan.FULL
        minimal = plan is BootPlan.SAFE
        self.functions.held_safe = self.keeper.frozen = minimal
        self.commanding.held = WITHOUT_STORE if minimal else frozenset()
        if not minimal:
            self._restore()

    def prove(self) -> None:
        """This boot has held: start what the boot-loop guard left out."""
        if self.plan is BootPlan.FULL:
            return
        if self.keeper.frozen:
            self._restore()
        self.plan = BootPlan.FULL
        self.functions.held_safe = self.keeper.frozen = False
        self.commanding.held = frozenset()
        self.sequences.started = True
        self.put([happening("boot-proven")])

    def put(self, happenings: list[Happening]) -> None:
        """Raise events."""
        for event in happenings:
            self.events.put(event)

    def confirm(self, saved: frozenset[str], now: float) -> None:
        """What the last step wanted stored, and is."""
        self.keeper.confirm(saved, now)
        if self._is_durable("schedule"):
            self.schedule.stored()
        self.put(self.keeper.take_events())

    def act(self, moment: Moment, readings: Readings) -> list[Report]:
        """What the payload does by itself in this step; entries released before any others."""
        if moment.mode is Mode.BOOT or self.plan is not BootPlan.FULL:
            return []
        reports = self._release(moment)
        seen = self.events.take_seen()
        for action, telecommand in self.actions.answer(seen, moment.now):
            event = happening("action-run", action=action.number, event=action.event)
            self.events.put(event)
            reports += self._perform("event-action", action.number, telecommand, moment)
        reports += self._monitor(moment, readings)
        reports += self._run_sequences(moment, readings)
        late_limit_s = self.parameters["late_limit"]
        self.put(self.schedule.due(moment.clock_s, late_limit_s))
        self.put(self.actions.take_events(moment.now) + self.sequences.take_events())
        return reports

    def tend(self, now: float, *, linked: bool) -> None:
        """Time-outs and flushes of the services that wait for nobody; files wait for a link."""
        self.transfers.step(now, linked=linked)
        self.put(self.transfers.take_events())
        self.large.step(now)
        self.storage.step(now)
        self.put(self.large.take_events() + self.files.take_events())
        self.put(self.storage.take_events() + self.time.take_events())

    def settle(self) -> dict[str, bytes]:
        """Every record that is not durable, at an orderly end."""
        forever = float("inf")
        self.storage.step(forever)
        return self.keeper.wanted(forever)

    def wake_at(self, now: float) -> float:
        """When any service has something to do by itself."""
        times = [
            self.housekeeping.wake_at(),
            self.events.wake_at(now, self.parameters["event_rate"]),
            self.storage.wake_at(now),
            self.large.wake_at(),
            self.keeper.wake_at(),
            self.transfers.wake_at(now),
            now if self.commanding.waiting else float("inf"),
        ]
        if self.plan is BootPlan.FULL:
            times += [
                now if self.actions.any and self.events.any_seen else float("inf"),
                self.schedule.wake_at(now, self.time.clock_s),
                self.monitoring.wake_at(),
                self.sequences.wake_at(),
            ]
        return min(times)

    def values(self) -> dict[str, Value]:
        """Housekeeping structure 3."""
        return {
            "boot_plan": self.plan.name,
            "time_suspect": self.time.suspect,
            "records_unsaved": self.keeper.unsaved,
            "tc_waiting": self.commanding.waiting,
            "schedule_entries": len(self.schedule),
            "schedule_released": self.schedule.released,
            "schedule_missed": self.schedule.missed,
            "monitors_violated": self.monitoring.violated,
            "actions_run": self.actions.run,
            "actions_held": self.actions.held,
            "sequences_running": self.sequences.running,
            "stored_bytes": self.storage.size,
            "files_complete": self.files.complete,
            **self.commanding.refusals.values(),
        }

    def _services(self) -> tuple[Service, ...]:
        return (
            self.housekeeping,
            self.events,
            self.memory,
            self.functions,
            self.time,
            self.schedule,
            self.monitoring,
            self.large,
            self.storage,
            self.actions,
            self.parameters,
            self.sequences,
            self.files,
            self.transfers,
            self.keys,
            self.jobs,
            self.updates,
        )

    def _restore(self) -> None:
        self.keeper.restore(self._stored.records, self._stored.damaged)
        self._stored = NOTHING_STORED  # up to some MiB, of no further use
        self.put(self.keeper.take_events() + self.schedule.resume())

    def _board_up(self) -> bool:
        return self._watch.state is BoardState.UP

    def _is_durable(self, *names: str) -> bool:
        parts = self.keeper.parts
        return all(self.keeper.durable(name) == parts[name].revision for name in names)

    def _release(self, moment: Moment) -> list[Report]:
        reports: list[Report] = []
        if not self._is_durable("schedule", "schedule-marks"):
            return reports
        for entry, telecommand in self.schedule.release():
            late_s = moment.clock_s - entry.release_s
            self.events.put(happening("schedule-released", entry=entry.number, late=late_s))
            reports += self._perform("schedule", entry.number, telecommand, moment)
        return reports

    def _monitor(self, moment: Moment, readings: Readings) -> list[Report]:
        if not self.monitoring.is_due(moment.now):
            return []
        reports, events = self.monitoring.step(moment.now, self._believed(readings))
        self.put(events)
        return reports

    def _run_sequences(self, moment: Moment, readings: Readings) -> list[Report]:
        if moment.now < self.sequences.wake_at():
            return []
        reports: list[Report] = []
        due = self.sequences.due(moment.now, moment.mode, self._believed(readings))
        for number, telecommand in due:
            outcome = self._perform_outcome("sequence", number, telecommand, moment)
            if isinstance(outcome, Reason):
                self.sequences.failed(number, outcome)
            reports += outcome if isinstance(outcome, list) else []
        return reports

    def _believed(self, readings: Readings) -> dict[str, float | None]:
        """The pool as numbers; None for readings of a board that is off or silent."""
        values: dict[str, float | None] = dict(numbers(readings()))
        values |= self.parameters.values()
        if not self._board_up():
            values |= dict.fromkeys(OF_THE_BOARD)
        elif not values["temp_known"]:
            values["temp"] = None
        return values

    def _perform(
        self, source: str, number: int, telecommand: Telecommand, moment: Moment
    ) -> list[Report]:
        outcome = self._perform_outcome(source, number, telecommand, moment)
        return outcome if isinstance(outcome, list) else []

    def _perform_outcome(
        self, source: str, number: int, telecommand: Telecommand, moment: Moment
    ) -> Outcome:
        outcome = self.commanding.perform(telecommand, moment)
        if isinstance(outcome, Reason):
            event = happening(
                "stored-command-failed", source=source, number=number, reason=outcome.name
            )
            self.events.put(event)
        return outcome

    def _handler_failed(self, name: str, error: str) -> None:
        self.events.put(happening("handler-failed", name=name, error=error))

    def _dispatch(self, service: int, subtype: int, data: bytes, call: Call) -> Outcome:
        whole = Telecommand(0, 0, service, subtype, data)
        return self.commanding.run(whole, Moment(call.now, call.clock_s, call.mode))

    def _kept(self) -> dict[str, Kept]:
        """Records in the order of writing: the marks last, behind all that a release may change."""
        parts: tuple[Kept, ...] = (
            self.time,
            self.parameters,
            self.housekeeping,
            self.events,
            self.monitoring,
            self.actions,
            self.sequences,
            *self.storage.records().values(),
            *self.files.records().values(),
            self.transfers,
            self.schedule,
            self.schedule.marks,
        )
        return dict(zip(RECORD_NAMES, parts, strict=True))
