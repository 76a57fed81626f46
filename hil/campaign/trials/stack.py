"""The stack of a trial: the flight of `hil.simulation`, with lines, storage and clock that can fail.

Controller and node are the flown classes. Around them the rig can do what the world does: noise on a
line, a disk that refuses, a wall clock that jumps, a controller that dies and boots again from what its
storage kept. Nothing here is known to the flight software.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from flight_sw.board_watch import SupplyOrder
from flight_sw.controller import BOOT_CONFIRMED, TC_CEILING, TM_CEILING, Boot, Controller, Inputs
from flight_sw.errors import StoreError
from flight_sw.on_board import RECORD_NAMES, Stored
from flight_sw.profile import Profile
from flight_sw.store.counters import BootCounter, CeilingState, CeilingStore, ResetCause
from flight_sw.store.record_store import RecordStore
from hil.campaign.record import Answer, Event
from hil.campaign.trials.board import TrialBoard
from hil.campaign.trials.kit import SLOT, StackKit
from hil.campaign.trials.lines import Line
from hil.kernel import stream
from hil.simulation.links import Links
from hil.simulation.mission import Manner, Mission
from hil.simulation.pace import Pace

STEP_MIN_S = 0.002  # as flight_sw.runner.Loop
SUPPLY_PERIOD_S = 0.1  # as flight_sw.controller_runner reads it
JOB_DEADLINE_S = 60.0
READY_S = 60.0  # from power to NOMINAL, at most
RESTART_S = 1.0  # of the controller's process, by its service manager
REFUSALS = {"full": "no space left", "read-only": "read-only file system", "gone": "no such device"}


@dataclass(slots=True)
class Notes:
    """What came down since a trial began."""

    events: list[Event] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    submitted: dict[int, int] = field(default_factory=dict)  # job, input
    confirmed: set[int] = field(default_factory=set)
    withdrawn: set[tuple[int, int]] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    not_accepted: int = 0
    alive: int = 0
    housekeeping: dict[str, Any] = field(default_factory=dict)
    crash: str = ""  # of the controller, by itself
    rose_blind: bool = False  # the clock went up while no temperature could be believed


class TrialStorage:
    """Blobs that outlive the controller; `refuses` names why it takes none."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.refuses = ""

    def read(self, name: str) -> bytes | None:
        """What was written last; StoreError from a device that is gone."""
        if self.refuses == "gone":
            raise StoreError(f"cannot read {name}: {REFUSALS['gone']}")
        return self.blobs.get(name)

    def write(self, name: str, content: bytes) -> None:
        """Durable at once, or StoreError."""
        if self.refuses:
            raise StoreError(f"cannot write {name}: {REFUSALS[self.refuses]}")
        self.blobs[name] = content


class TrialStack(Mission):
    """One stack; faults are done to it one after another.

    Args:
        name: of its streams and its memory; two stacks of one process need two names.
        pace: periods to fly with; None for the profile's own.
        coded: the profile's framing on the space link; else COBS, which costs a tenth in Python.
    """

    def __init__(
        self, kit: StackKit, name: str, pace: Pace | None = None, *, coded: bool = False
    ) -> None:
        profile = kit.profile if pace is None else pace.stretch(kit.profile)
        if not coded:
            plain = msgspec.structs.replace(profile.space_link, framing="cobs", coding="none")
            profile = msgspec.structs.replace(profile, space_link=plain)
        board = TrialBoard(kit, name, stream(0, f"{name}:board-session"), profile)
        manner = Manner(pace or Pace(), Links())
        super().__init__(profile, board, 0, manner, kit.conditions.start_s)
        self.board: TrialBoard = board
        self.kit = kit
        self.notes = Notes()
        self.storage = TrialStorage()
        self.clock_offset_s = 0.0
        self.clock_stopped_at_s: float | None = None
        self.lines = {name: Line() for name in ("to-board", "from-board", "up", "down")}
        self.controller_up = False
        self.controller_boots = 0
        self.boot_refused = ""
        self.refusals = 0
        self.boots_at_begin = self.controller_boots_at_begin = 0
        self._chance = stream(0, f"{name}:lines")
        self._sessions = stream(0, f"{name}:controller-session")
        self.jobs: dict[int, int] = {}  # every job ever sent, and its input
        self._started = self._is_paced = pace is not None
        self.boot_controller(0.0)

    @property
    def controller(self) -> Controller:
        """The payload's brain as it is now."""
        return self._controller

    def get_ready(self) -> bool:
        """Fly until the payload works and its model can be used; False if it does not come so far."""
        self.timeline.wake(self._brain, 0.0)
        self.timeline.call(1.0, "operator", lambda _: self.order("set-mode", mode="NOMINAL"))
        if self.kit.protection.value == "none":
            off = {"parameter": "scrub_enabled", "value": 0}
            self.timeline.call(1.0, "operator", lambda _: self.order("set-parameter", **off))
        if self._is_paced:
            slow = {"parameter": "scrub_pass", "value": self._pace.scrub_pass_s}
            self.timeline.call(1.0, "operator", lambda _: self.order("set-parameter", **slow))
        while self.timeline.now_s < READY_S:
            self.fly(0.5)
            if self.works:
                return True
        return False

    @property
    def works(self) -> bool:
        """NOMINAL, with the board up and the worker ready."""
        node = self.board.node
        return bool(
            self.controller_up
            and self._controller.mode.name == "NOMINAL"
            and self.board.running
            and node is not None
            and self.models_ready
        )

    @property
    def models_ready(self) -> bool:
        """Whether the controller knows the model as ready."""
        return any(event.name == "model-protected" for event in self.notes.events) or self._started

    def fly(self, span_s: float) -> None:
        """Let time pass."""
        self.timeline.run(self.timeline.now_s + span_s)

    def begin(self) -> Notes:
        """A new page of notes for the next trial."""
        self._started = True
        self.boots_at_begin, self.controller_boots_at_begin = (
            self.board.boots,
            self.controller_boots,
        )
        self.notes, self.refusals = Notes(), 0
        return self.notes

    def order(self, name: str, **values: Any) -> None:
        """Send a telecommand now."""
        self.ground.send(name, **values)
        self.timeline.wake(self._brain, self.timeline.now_s)

    def submit(self, number: int) -> int:
        """Send one job up; its input by number. The job's own number."""
        job = len(self.jobs) + 1
        self.jobs[job] = self.notes.submitted[job] = number
        self.order(
            "submit-job",
            job=job,
            model=SLOT,
            protection=self.kit.protection.value,
            priority=1,
            deadline=JOB_DEADLINE_S,
            input=self.kit.inputs[number],
        )
        return job

    def boot_controller(self, now: float) -> None:
        """Boot the controller from what its storage holds; the steps of its runner."""
        self.controller_boots += 1
        self.boot_refused = ""
        try:
            record = BootCounter(self.storage).begin(ResetCause.UNKNOWN)
        except StoreError:
            record = None
        ceilings = self._ceiling_stores()
        found = {name: store.load() for name, store in ceilings.items()}
        lost = [name for name, one in found.items() if one.state is CeilingState.LOST]
        if lost:  # the runner ends here: only a new key opens the link again
            self.controller_up, self.boot_refused = False, f"{lost[0]} lost"
            self.refusals += not self.storage.refuses  # a device that is gone may come back
            return
        loaded = RecordStore(self.storage).load(RECORD_NAMES)
        boot = Boot(
            boots=record.boots if record else 0,
            cause="simulated",
            tc_ceiling=found[TC_CEILING].value,
            tm_ceiling=found[TM_CEILING].value,
            session=int(self._sessions.integers(1, 2**32)),
            unproven=record.unconfirmed if record else None,
            stored=Stored(loaded.payloads, loaded.damaged),
        )
        self._records = RecordStore(self.storage)
        self.profile_in_use = own_copy(self._profile)
        self._controller = Controller(self.profile_in_use, self._keys, boot)
        self._stored, self._saved, self._to_controller = {}, frozenset(), b""
        self.controller_up = True
        self.ground.catch_up(boot.tc_ceiling)  # as its telemetry asks
        self.timeline.wake(self._brain, now)

    def kill_controller(self) -> None:
        """Its process dies; what is on the lines is lost."""
        self.controller_up = False
        self._to_controller = b""

    def restart_controller(self) -> None:
        """Its service manager starts it again, and again while it refuses."""

        def start(now: float) -> None:
            if not self.controller_up:
                self.boot_controller(now)
            if not self.controller_up:
                self.timeline.call(now + RESTART_S, "restart", start)

        self.timeline.call(self.timeline.now_s + RESTART_S, "restart", start)

    @property
    def wall_s(self) -> float:
        """What the payload's wall clock reads, in seconds since 1970."""
        return self._wall_s(self.timeline.now_s)

    def wake(self) -> None:
        """Let controller and board look at once."""
        self.timeline.wake(self._brain, self.timeline.now_s)
        self.timeline.wake(self._node, self.timeline.now_s)

    def _ceiling_stores(self) -> dict[str, CeilingStore]:
        return {
            TC_CEILING: CeilingStore(self.storage, self._keys.tc),
            TM_CEILING: CeilingStore(self.storage, self._keys.tm),
        }

    def _step_controller(self, now: float) -> None:
        uplink = self._passed("up", self.ground.take_uplink(), now)
        if not self.controller_up:
            return
        board_in, self._to_controller = self._to_controller, b""
        supply_on = current_a = None
        if now >= self._supply_due_s:
            self._supply_due_s = now + SUPPLY_PERIOD_S
            self.board.physics.advance_to(now)
            supply_on, current_a = self.board.physics.switched_on, self.board.physics.current_a
        inputs = Inputs(
            utc_s=self._wall_s(now),
            space=((1, uplink),) if uplink else (),
            connections=(1,),
            board=board_in,
            supply_on=supply_on,
            current_a=current_a,
            stored=self._stored,
            saved=self._saved,
        )
        try:
            outputs, wake_at = self._controller.step(now, inputs)
        except Exception as error:  # noqa: BLE001  whatever it is, a process would have died of it
            self.notes.crash = self.notes.crash or f"{type(error).__name__}: {error}"
            self.kill_controller()
            self.restart_controller()
            return
        self._saved = self._records.save(outputs.records)
        self._stored = self._store_counters(outputs.counters)
        self._note(now, b"S", outputs.space)
        self._note(now, b"B", outputs.board)
        if outputs.supply != SupplyOrder():
            self._switch(now, outputs.supply)
        self._send_board(outputs.board, now)
        down = self._passed("down", outputs.space, now)
        if down:
            self.ground.receive(down)
        self.timeline.wake(self._brain, max(now + STEP_MIN_S, wake_at))
        if outputs.restart:
            self.kill_controller()
            self.restart_controller()

    def _store_counters(self, counters: Mapping[str, int]) -> dict[str, int]:
        stored: dict[str, int] = {}
        stores = self._ceiling_stores()
        for name, value in counters.items():
            try:
                if name == BOOT_CONFIRMED:
                    BootCounter(self.storage).confirm()
                else:
                    stores[name].save(value)
            except StoreError:
                continue
            stored[name] = value
        return stored

    def _send_board(self, data: bytes, now: float) -> None:
        data = self._passed("to-board", data, now)
        if data:
            arrive = partial(self._arrive_at_board, data)
            arrive_s = self._wires["to-board"].arrival_s(now, data)
            self.timeline.call(arrive_s, "line", arrive)

    def _step_board(self, now: float) -> None:
        serial, wake_at = self.board.step(now)
        self._note(now, b"N", serial)
        serial = self._passed("from-board", serial, now)
        if serial:
            arrive = partial(self._arrive_at_controller, serial)
            arrive_s = self._wires["from-board"].arrival_s(now, serial)
            self.timeline.call(arrive_s, "line", arrive)
        if wake_at != float("inf"):
            self.timeline.wake(self._node, wake_at)

    def _passed(self, name: str, data: bytes, now: float) -> bytes:
        """What a line makes of bytes; a stall holds them back and gives them out when it ends."""
        line = self.lines[name]
        if not data:
            return data
        if now < line.held_until_s:
            wire = self._wires.get(name)
            until_s = max(line.held_until_s, wire.free_s if wire else 0.0)
            self.timeline.call(until_s, "stall", partial(self._deliver, name, data))
            line.harmed += 1
            return b""
        return line.carry(data, self._chance)

    def _deliver(self, name: str, data: bytes, now: float) -> None:
        if name == "to-board":
            self._arrive_at_board(data, now)
        elif name == "from-board":
            self._arrive_at_controller(data, now)
        elif name == "down":
            self.ground.receive(data)
        else:
            self.ground.uplink = data + self.ground.uplink
            self.timeline.wake(self._brain, now)

    def _wall_s(self, now: float) -> float:
        if self.clock_stopped_at_s is not None:
            now = self.clock_stopped_at_s
        return self._utc_s + now + self.clock_offset_s

    def _hear(self, name: str, values: Any) -> None:
        notes, now = self.notes, self.timeline.now_s
        if name.startswith("event:"):
            notes.events.append(Event(now, name[6:], dict(values)))
        elif name.startswith("housekeeping:"):
            self._take_housekeeping(dict(values))
        elif name == "result":
            job, attempt = int(values["job"]), int(values["attempt"])
            notes.answers.append(Answer(now, job, attempt, SLOT, bytes(values["output"])))
        elif name == "withdrawal":
            notes.withdrawn.add((int(values["job"]), int(values["attempt"])))
            notes.confirmed.discard(int(values["job"]))
        elif name == "job-confirmed":
            notes.confirmed.add(int(values["job"]))
        elif name == "job-failed":
            notes.failed[int(values["job"])] = str(values["reason"])
        elif name == "alive":
            notes.alive += 1
        elif name == "not-accepted":
            notes.not_accepted += 1

    def _take_housekeeping(self, values: dict[str, Any]) -> None:
        notes, last = self.notes, self.notes.housekeeping
        blind = values.get("temp_known") is False and last.get("temp_known") is False
        up = values.get("board") == "UP" and last.get("board") == "UP"
        if blind and up and values["frequency"] > last["frequency"]:
            notes.rose_blind = True
        notes.housekeeping = last | values


def own_copy(profile: Profile) -> Profile:
    """A profile whose numbers are its own; what only rig and emulator read is left out."""
    bare = msgspec.structs.replace(profile, emulated=None, rig=None)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(bare), type=Profile)
