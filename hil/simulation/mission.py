"""One flight in virtual time: who talks to whom, what the particles hit, and what is remembered.

Everything that happens is an actor on one timeline. The trace hash covers every byte on both links, with
its time, so two flights with equal hashes were the same flight.
"""

import hashlib
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from os import getpid
from typing import Any

from flight_sw.board_watch import SupplyOrder
from flight_sw.controller import TC_CEILING, TM_CEILING, Boot, Controller, Inputs
from flight_sw.dictionary.housekeeping import HOUSEKEEPING
from flight_sw.link_profile import link_settings
from flight_sw.profile import Profile
from flight_sw.resources.lookahead import Outlook
from flight_sw.space_link.keys import KeySet, reserved_test_keys
from flight_sw.store.record_store import RecordStore
from hil.environment.forecast import outlook_of
from hil.environment.radiation import IN_MEMORY, Effect, Hit
from hil.faults.catalog import Fault, FaultKind
from hil.faults.flip import flip_fault
from hil.faults.line import pass_through
from hil.faults.regions import Region
from hil.kernel import Actor, Timeline, stream
from hil.simulation.board import VirtualBoard
from hil.simulation.ground import ANSWER_S, VirtualGround
from hil.simulation.links import Links, Wire
from hil.simulation.pace import Pace
from hil.simulation.retrieval import Retrieval

SUPPLY_PERIOD_S = 10.0
SAMPLE_S = 60.0
FORECAST_EVERY_S = 60.0
LOOK_BACK_S = 900.0  # on a noisy space link, how often what was lost is had from the stores
OPERATOR_S = 600.0  # how often the operator looks whether the payload is in SAFE
by_time = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Job:
    """One job: when it goes up, to which model, and until when its answer counts."""

    id: int
    at_s: float
    slot: int
    input: bytes
    deadline_s: float


@dataclass(slots=True)
class Landed:
    """A hit and what it found."""

    hit: Hit
    void: str


@dataclass(slots=True)
class Log:
    """What a flight leaves behind; `samples` are the true state of the plant each `SAMPLE_S`."""

    events: list[tuple[float, str, str]] = field(default_factory=list)
    housekeeping: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    results: dict[int, tuple[float, bytes]] = field(default_factory=dict)
    withdrawn: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    samples: list[tuple[float, ...]] = field(default_factory=list)
    landed: list[Landed] = field(default_factory=list)
    modes: list[tuple[float, str]] = field(default_factory=list)
    operator_actions: int = 0


class MemoryStorage:
    """Blobs that survive the controller."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        """What was written last."""
        return self._blobs.get(name)

    def write(self, name: str, content: bytes) -> None:
        """Durable at once."""
        self._blobs[name] = content


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is flown: periods, and links."""

    pace: Pace
    links: Links


class Mission:
    """The stack of one flight; `run` it to its end.

    Args:
        profile: with its periods as they are to be flown (see `Pace`).
        board: the emulated board.
        utc_s: time of day at the start, for stamps only.
    """

    def __init__(
        self, profile: Profile, board: VirtualBoard, seed: int, manner: Manner, utc_s: float
    ) -> None:
        self.timeline = Timeline()
        self.log = Log()
        self.protection = "standard"
        self.board = board
        self._profile, self._utc_s = profile, utc_s
        self._pace, self._links = manner.pace, manner.links
        self._chance = stream(seed, "line-noise")
        self._space_chance = stream(seed, "space-noise")
        self._had_contact_until_s = 0.0
        self._digest = hashlib.sha256()
        self._keys: KeySet = reserved_test_keys()
        self._records = RecordStore(MemoryStorage())
        session = int(stream(seed, "controller-session").integers(1, 2**32))
        self._controller = Controller(profile, self._keys, Boot(1, "simulated", 0, 0, session))
        settings = link_settings(profile)
        self.ground = VirtualGround(self._keys, settings, profile.spacecraft.apid, self._hear)
        self._retrieval = Retrieval(self.ground, utc_s)
        self._counters = {TC_CEILING: 0, TM_CEILING: 0}
        self._stored: dict[str, int] = {}
        self._saved: frozenset[str] = frozenset()
        self._to_controller = b""
        self._wires = {name: Wire(profile.serial.baud) for name in ("to-board", "from-board")}
        self._supply_due_s = self._forecast_due_s = 0.0
        self._hung_at_s = 0.0
        self._brain = Actor("controller", self._step_controller)
        self._node = Actor("board", self._step_board)

    def run(self, duration_s: float) -> Iterator[float]:
        """Fly; yields the time reached now and then, for a progress bar."""
        timeline = self.timeline
        timeline.wake(self._brain, 0.0)
        timeline.call(0.0, "sample", self._sample)
        timeline.call(1.0, "operator", self._begin)
        timeline.call(OPERATOR_S, "operator", self._operate)
        if self._links.has_gaps:
            timeline.call(self._links.contact_s, "contact", self._lose_contact)
        if self._links.space_bit_error_rate:
            timeline.call(ANSWER_S, "operator", self._repeat)
            timeline.call(LOOK_BACK_S, "operator", self._look_back)
        span_s = max(duration_s / 200, 600.0)
        reached_s = 0.0
        while reached_s < duration_s:
            reached_s = min(reached_s + span_s, duration_s)
            timeline.run(reached_s)
            yield reached_s
        self.board.physics.advance_to(duration_s)

    @property
    def trace_hash(self) -> str:
        """Digest of every byte on both links, with its time."""
        return self._digest.hexdigest()

    def plan_jobs(self, jobs: list[Job]) -> None:
        """Send each job up at its time."""
        for job in jobs:
            self.timeline.call(job.at_s, "job", partial(self._submit, job))

    def plan_hits(self, hits: list[Hit]) -> None:
        """Let each particle hit at its time."""
        for hit in hits:
            self.timeline.call(hit.at_s, "hit", partial(self._strike, hit))

    def _step_controller(self, now: float) -> None:
        board_in, self._to_controller = self._to_controller, b""
        contact = self._links.in_contact(now)
        self.ground.now_s = now
        uplink = self._through_space(self.ground.take_uplink()) if contact else b""
        supply_on = current_a = None
        if now >= self._supply_due_s:
            self._supply_due_s = now + SUPPLY_PERIOD_S
            self.board.physics.advance_to(now)
            supply_on = self.board.physics.switched_on
            current_a = self.board.physics.current_a
        inputs = Inputs(
            utc_s=self._utc_s + now,
            space=((1, uplink),) if uplink else (),
            connections=(1,) if contact else (),
            board=board_in,
            supply_on=supply_on,
            current_a=current_a,
            outlook=self._forecast(now),
            stored=self._stored,
            saved=self._saved,
        )
        outputs, wake_at = self._controller.step(now, inputs)
        self._saved = self._records.save(outputs.records)
        self._stored = outputs.counters
        self._counters.update(outputs.counters)
        self._note(now, b"S", outputs.space)
        self._note(now, b"B", outputs.board)
        if outputs.supply != SupplyOrder():
            self._switch(now, outputs.supply)
        if outputs.board:
            arrive_s = self._wires["to-board"].arrival_s(now, outputs.board)
            self.timeline.call(arrive_s, "line", partial(self._arrive_at_board, outputs.board))
        if outputs.space and contact:
            self.ground.receive(self._through_space(outputs.space))
        self.timeline.wake(self._brain, wake_at)

    def _through_space(self, data: bytes) -> bytes:
        return pass_through(data, self._links.space_noise, self._space_chance)

    def _forecast(self, now: float) -> Outlook | None:
        if now < self._forecast_due_s or self._profile.look_ahead is None:
            return None
        self._forecast_due_s = now + FORECAST_EVERY_S
        return outlook_of(self.board.physics)

    def _step_board(self, now: float) -> None:
        serial, wake_at = self.board.step(now)
        self._note(now, b"N", serial)
        if serial:
            arrive_s = self._wires["from-board"].arrival_s(now, serial)
            self.timeline.call(arrive_s, "line", partial(self._arrive_at_controller, serial))
        if wake_at != float("inf"):
            self.timeline.wake(self._node, wake_at)

    def _arrive_at_board(self, data: bytes, now: float) -> None:
        if self.board.running:
            self.board.serial_in += pass_through(data, self._links.noise, self._chance)
            self.timeline.wake(self._node, now)

    def _arrive_at_controller(self, data: bytes, now: float) -> None:
        self._to_controller += pass_through(data, self._links.noise, self._chance)
        self.timeline.wake(self._brain, now)

    def _switch(self, now: float, order: SupplyOrder) -> None:
        if order.on is not None:
            self.board.switch(now, on=order.on)
        if order.pulse_reset:
            self.board.reset(now)
        self.timeline.wake(self._node, now)

    def _note(self, now: float, who: bytes, data: bytes) -> None:
        if data:
            self._digest.update(b"%s%.6f:%d:" % (who, now, len(data)) + data)

    def _begin(self, now: float) -> None:
        """What an operator does first: slow telemetry down, set the scrub, start work."""
        for structure in HOUSEKEEPING:
            self.ground.send(
                "set-housekeeping-period", structure=structure, period=self._pace.housekeeping_s
            )
        self.ground.send("set-parameter", parameter="scrub_pass", value=self._pace.scrub_pass_s)
        if self.protection == "none":
            self.ground.send("set-parameter", parameter="scrub_enabled", value=0)
        self.ground.send("set-mode", mode="NOMINAL")
        self.timeline.wake(self._brain, now)

    def _operate(self, now: float) -> None:
        """Lead a payload that gave its board up out of SAFE again, once there is power."""
        energy = self.board.physics.vehicle.energy
        charged = self.board.physics.battery.charge >= energy.restart_charge
        if self.log.modes and self.log.modes[-1][1] == "SAFE" and charged:
            self.log.operator_actions += 1
            self.ground.send("set-mode", mode="NOMINAL")
            self.timeline.wake(self._brain, now)
        self.timeline.call(now + OPERATOR_S, "operator", self._operate)

    def _repeat(self, now: float) -> None:
        """Send again what was lost on the way up."""
        self.ground.now_s = now
        if self._links.in_contact(now):
            again, asked = self.ground.repeat(), self._retrieval.nudge(now)
            if again or asked:
                self.timeline.wake(self._brain, now)
        self.timeline.call(now + ANSWER_S, "operator", self._repeat)

    def _look_back(self, now: float) -> None:
        """Have the stores of the time since the last look sent, for what was lost on the way down."""
        if self._links.in_contact(now):
            self._look_at_stores(max(0.0, now - 2 * LOOK_BACK_S), now)
        self.timeline.call(now + LOOK_BACK_S, "operator", self._look_back)

    def _lose_contact(self, now: float) -> None:
        self._had_contact_until_s = now
        gap_s = self._links.contact_every_s - self._links.contact_s
        self.timeline.call(now + gap_s, "contact", self._meet)

    def _meet(self, now: float) -> None:
        """A contact begins: first what the stores kept since the last one."""
        self._look_at_stores(self._had_contact_until_s, now)
        self.timeline.call(now + self._links.contact_s, "contact", self._lose_contact)

    def _look_at_stores(self, since_s: float, now: float) -> None:
        self.ground.now_s = now
        self._retrieval.ask(since_s, now)
        self.timeline.wake(self._brain, now)

    def _submit(self, job: Job, now: float) -> None:
        self.ground.now_s = now
        self.ground.send(
            "submit-job",
            job=job.id,
            model=job.slot,
            protection=self.protection,
            priority=1,
            deadline=job.deadline_s,
            input=job.input,
        )
        self.timeline.wake(self._brain, now)

    def _strike(self, hit: Hit, now: float) -> None:
        self.board.physics.advance_to(now)
        void = self._apply(now, hit)
        self.log.landed.append(Landed(hit, void))
        self.timeline.wake(self._node, now)

    def _apply(self, now: float, hit: Hit) -> str:
        """Do what the hit does; why it does nothing, or an empty text."""
        board = self.board
        if hit.effect is Effect.LATCH_UP:
            board.physics.latch_up_a = hit.level
            return "" if board.physics.powered else "board off"
        if not board.running or board.node is None:
            return "board not running"
        if hit.effect in IN_MEMORY:
            regions = [
                Region(r.name, getpid(), r.address, r.length) for r in board.node.memory_regions()
            ]
            kind = FaultKind(hit.effect.value)
            fault = Fault(len(self.log.landed), kind, now, hit.place, hit.second)
            return flip_fault(fault, regions)[0]
        if hit.effect is Effect.WORKER_CRASH:
            board.worker.crash()
            return ""
        board.hung = True
        bite_s = now + self._profile.watchdog.timeout_s
        self.timeline.call(bite_s, "watchdog", self._bite)
        return ""

    def _bite(self, now: float) -> None:
        if self.board.hung:
            self.board.reset(now)
            self.timeline.wake(self._node, now)

    def _sample(self, now: float) -> None:
        physics = self.board.physics
        physics.advance_to(now)
        self.log.samples.append(
            (
                now,
                physics.temp_c,
                physics.mount_c,
                physics.power_w,
                physics.battery.charge,
                physics.clock_mhz,
            )
        )
        self.timeline.call(now + SAMPLE_S, "sample", self._sample)

    def _hear(self, name: str, values: Any) -> None:
        now, log = self.timeline.now_s, self.log
        if name.startswith("event:"):
            at_s = float(values["stamped_s"]) - self._utc_s  # it may have waited in a store
            insort(log.events, (at_s, name[6:], values["says"]), key=by_time)
            if name == "event:mode-changed":
                insort(log.modes, (at_s, values["after"]), key=by_time)
            elif name == "event:retrieval-done" and self._retrieval.heard_end(
                values["store"], at_s, now
            ):
                self.timeline.wake(self._brain, now)
        elif name == "housekeeping:1":
            log.housekeeping.append((now, dict(values)))
        elif name == "result":
            log.results[int(values["job"])] = (now, bytes(values["output"]))
        elif name == "withdrawal":
            log.withdrawn += 1
            log.results.pop(int(values["job"]), None)
        elif name == "job-failed":
            log.failed[int(values["job"])] = str(values["reason"])
