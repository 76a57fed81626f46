"""The board's side of the payload: live weights, scrubber, worker and sensors, in one fixed order.

`Node.step` does no I/O: the runner (or a simulation) brings bytes and readings and carries out what
comes back. The weights that the worker computes with are mapped here too, so a crashed worker loses
nothing and the scrubber reads the very bytes that the kernels read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flight_sw.board_golden import BoardGolden
from flight_sw.board_health import HealthTeller
from flight_sw.board_jobs import BoardJobs
from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel, Signal
from flight_sw.board_link.health import BoardHealth
from flight_sw.board_models import BoardModel, BoardModels
from flight_sw.board_scrub import BoardScrub
from flight_sw.board_self_test import BoardSelfTest
from flight_sw.board_updates import Act, BoardUpdates, ShelfNews, ShelfOrder
from flight_sw.errors import DecodeError
from flight_sw.inference.worker_messages import (
    Loaded,
    LoadFailed,
    LoadFailure,
    Piece,
    Rehearsed,
    SelfTested,
)
from flight_sw.node_life import Beat, NodeLife
from flight_sw.node_memory import NodeMemory
from flight_sw.profile import Profile
from flight_sw.radiation.protected import MemoryRegion
from flight_sw.radiation.voted import VotedRecord
from flight_sw.worker_watch import Restarted, WorkerNews, WorkerWatch

CONTACT_LOST_S = 5.0  # without orders for so long, the board goes to its coolest level by itself
SCRUB_SLICE_S = 0.05
SCRUB_SLICES = 20  # of a pass, so that a slow one needs no more wake-ups
STALE_PERIODS = 5  # of heartbeats without a reading: its sensor hangs
RELOADS_MAX = 3  # loads repeated because a flip fell into one


@dataclass(frozen=True, slots=True)
class Readings:
    """What the board's sensors say; None where a reading failed."""

    temp_c: float | None = None
    power_w: float | None = None
    frequency_mhz: float | None = None
    health: BoardHealth | None = None


@dataclass(frozen=True, slots=True)
class NodeInputs:
    """What happened since the last step.

    `serial_room` is how many bytes the port may take; `worker_cpu_s` the processor time that the worker
    process has used, None where it was not read.
    """

    serial: bytes = b""
    serial_reopened: bool = False
    serial_room: int = 16_384
    worker: bytes = b""
    worker_alive: bool = False
    worker_cpu_s: float | None = None
    readings: Readings | None = None
    shelved: tuple[ShelfNews, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeOutputs:
    """What the runner has to do now; `level` None means: leave the clock as it is."""

    serial: bytes
    worker: bytes
    start_worker: bool
    level: int | None
    feed_watchdog: bool
    shelf: tuple[ShelfOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """Who this board is.

    By slot: `trials` are seconds left of models that are not confirmed yet, `left_out` why a stored
    model is not here.
    """

    serial_number: str
    boots: int
    session: int
    trials: Mapping[int, float] = field(default_factory=dict)
    reset_cause: str = "unknown"
    left_out: Mapping[int, LoadFailure] = field(default_factory=dict)


class Node:
    """See the module text. All times are seconds of one monotonic clock."""

    def __init__(self, profile: Profile, models: tuple[BoardModel, ...], facts: BoardFacts) -> None:
        self._profile = profile
        self._models = BoardModels(models, profile.inference.min_coverage)
        self._models.refused |= {
            slot: m.ModelRefused(slot, why.value) for slot, why in facts.left_out.items()
        }
        self._facts = facts
        self._channel = Channel(facts.session, profile.serial.baud)
        limits = profile.inference
        self._worker = WorkerWatch.within(limits, self._models.directories)
        self._jobs = BoardJobs(self._models, self._worker)
        self._self_test = BoardSelfTest(self._models, self._worker, limits.self_test_s)
        self._scrub = BoardScrub(self._models)
        self._updates = BoardUpdates(self._models, self._worker, limits.min_coverage, facts.trials)
        self._memory = NodeMemory(self._models, self._scrub, self.memory_regions)
        self._golden = BoardGolden()
        self._health = HealthTeller()
        self._life = NodeLife(profile)
        self._reloads: dict[int, int] = {}
        self._order = VotedRecord(
            "node",
            {
                "level": len(profile.frequency.levels_mhz) - 1,
                "scrub_enabled": 1,
                "scrub_pass_ms": round(profile.scrub.pass_s * 1000),
            },
        )
        self._level_set: int | None = None
        self._introduced = False
        self._contact_s: float | None = None
        self._beat_due_s = float("-inf")
        self._beats = 0
        self._rested = False
        self._readings, self._read_s = Readings(), float("-inf")

    def step(self, now: float, inputs: NodeInputs) -> tuple[NodeOutputs, float]:
        """Take what happened, do what is due, and say when to come back at the latest."""
        self._take_readings(now, inputs)
        self._vote()
        self._hear_controller(now, inputs)
        self._hear_shelf(inputs.shelved)
        start_worker = self._tend_worker(now, inputs)
        self._walk(now)
        self._say_if(self._jobs.start(now, self._scrub.tick))
        self._say_all(self._updates.step(now))
        self._self_test.step(now)
        self._rested = self._rested and self._worker.ready
        self._beat(now)
        level = self._choose_level(now)
        outputs = NodeOutputs(
            serial=self._channel.transmit(now, inputs.serial_room),
            worker=self._worker.take_output(),
            start_worker=start_worker,
            level=level,
            feed_watchdog=self._life.may_feed(now),
            shelf=(
                *self._updates.take_orders(),
                *self._golden.orders(now, frozenset(self._models.slots)),
            ),
        )
        return outputs, self._wake_at(now)

    def adopt(self, slot: int, models: tuple[BoardModel, ...]) -> None:
        """Take other parts over for a slot, or none: between two steps, by whoever staged them.

        What was answered is made safe first, or told as damaged; jobs in hand are given back.
        """
        self._say_all(self._scrub.look_at_all(self._worker.loading_slot)[1])
        self._say(m.ModelGone(slot, returns=bool(models)))
        self._say_all(self._jobs.change(slot))
        if self._worker.loading_slot is not None:
            self._say_all(self._scrub.fence(self._worker.loading_slot, None))
        self._models.replace(slot, models)
        self._scrub.survey()
        self._worker.serve(self._models.directories)
        if not models:
            self._jobs.changed(slot)
        for region in self.memory_regions():
            self._say(m.Region(region.name, region.address, region.length))

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """The memory map: every protected region by name, with its address in this process."""
        regions = [
            line for mo in self._models.parts.values() for line in mo.region.memory_regions()
        ]
        return (*regions, *self._order.memory_regions())

    @property
    def _pass_s(self) -> float | None:
        """Time for one scrub of everything, or None while ground has it stand still."""
        order = self._order.read()
        return order["scrub_pass_ms"] / 1000 if order["scrub_enabled"] else None

    def _say(self, message: m.Message) -> None:
        if self._introduced:
            self._channel.send(m.encode(message))

    def _say_if(self, message: m.Message | None) -> None:
        if message is not None:
            self._say(message)

    def _say_all(self, messages: Iterable[m.Message]) -> None:
        for message in messages:
            self._say(message)

    def _take_readings(self, now: float, inputs: NodeInputs) -> None:
        if inputs.readings is not None:
            self._readings, self._read_s = inputs.readings, now
            self._say_if(self._health.news(inputs.readings.health))
            self._life.beat(Beat.SENSORS, now)
        elif now - self._read_s > STALE_PERIODS * self._profile.heartbeat.period_s:
            self._readings = Readings()  # what was read last must not be told as new

    def _vote(self) -> None:
        found = self._order.vote()  # where it lost, the controller's next order sets it right
        if found is not None:
            self._say(m.VoteRepaired("node", found.bits, lost=found.lost))

    def _hear_shelf(self, shelved: Iterable[ShelfNews]) -> None:
        for news in shelved:
            if news.act is Act.CHECK_GOLDEN:
                self._say_if(self._golden.take(news))
            else:
                self._updates.shelved(news)

    def _hear_controller(self, now: float, inputs: NodeInputs) -> None:
        if inputs.serial_reopened:
            self._channel.port_reopened()
        for item in self._channel.receive(inputs.serial, now):
            if item is Signal.PEER_RESTARTED:
                self._introduced = False
                self._jobs.clear()
                self._updates.controller_lost()
                continue
            try:
                self._obey(m.decode_for_node(bytes(item)), now)
            except DecodeError:
                continue  # the frame's CRC was right, so this is another version's message
        if self._channel.connected and not self._introduced:
            self._introduce()

    def _introduce(self) -> None:
        self._introduced = True
        facts = self._facts
        self._say(
            m.Identity(
                self._profile.name,
                facts.serial_number,
                facts.boots,
                len(self._models.slots),
                facts.reset_cause,
            )
        )
        self._say_all((*self._models.ready.values(), *self._models.refused.values()))
        self._say_all(self._updates.introduce())
        self._say_if(self._health.introduce())
        for region in self.memory_regions():
            self._say(m.Region(region.name, region.address, region.length))

    def _obey(self, message: m.ToNode, now: float) -> None:
        self._contact_s = now
        if isinstance(message, m.Order):
            top = len(self._profile.frequency.levels_mhz) - 1
            self._order.set(
                level=min(max(message.level, 0), top),
                scrub_enabled=int(message.scrub_enabled),
                scrub_pass_ms=max(1, round(message.scrub_pass_s * 1000)),
            )
        elif isinstance(message, m.SubmitJob):
            self._say_if(self._jobs.queue(message))
        elif isinstance(message, m.CancelJob):
            self._jobs.cancel(message.job)
        elif isinstance(message, m.RestartWorker):
            self._worker.restart("ordered")
        elif isinstance(message, m.ScrubNow):
            pages, told = self._scrub.look_at_all(self._worker.loading_slot)
            self._say_all((*told, m.ScrubDone(message.request, pages)))
        elif isinstance(message, m.OfferUpdate | m.UpdatePart | m.SettleTrial):
            self._updates.obey(message, now)
        else:
            for answer in self._memory.obey(message, self._worker.loading_slot):
                self._say(answer)

    def _tend_worker(self, now: float, inputs: NodeInputs) -> bool:
        proving = self._worker.loading_slot
        self._worker.see_cpu(inputs.worker_cpu_s, now)
        news, start = self._worker.step(inputs.worker, alive=inputs.worker_alive, now=now)
        if self._worker.lively:
            self._life.beat(Beat.WORKER, now)
        for item in news:
            self._take_news(item, now)
        self._look_at_suspects()
        self._say_all(self._scrub.fence(proving, self._worker.loading_slot))
        return start

    def _take_news(self, news: WorkerNews, now: float) -> None:
        if isinstance(news, Loaded | LoadFailed):
            self._load_ended(news)
        elif isinstance(news, SelfTested):
            self._self_tested(news)
        elif isinstance(news, Piece):
            self._say_if(self._jobs.piece(news))
        elif isinstance(news, Rehearsed):
            self._updates.rehearsed(news)
        elif isinstance(news, Restarted):
            if self._worker.restarts > 0:
                self._say(m.WorkerRestarted(news.why))
            self._updates.worker_lost()
            self._say_if(self._jobs.lost("RUNTIME"))
        else:
            slot = self._jobs.running_slot
            ended = self._jobs.take(news, now, self._scrub.tick)
            if isinstance(ended, m.JobResult) and slot is not None:
                self._scrub.answered(slot, ended.tick_end)
            self._say_if(ended)

    def _self_tested(self, news: SelfTested) -> None:
        part = self._models.parts.get(news.slot)
        if part is None:
            return
        hits, told = ((), []) if news.is_same else self._scrub.look_at(part.region.name)
        self._say_all(told)
        self._self_test.take(news, weights_were_hit=bool(hits))

    def _look_at_suspects(self) -> None:
        """Checksums, a vote or a result that is no number point at weights: mend before the re-run."""
        for slot in self._jobs.suspects:
            for region in self._models.regions_of(slot):
                self._say_all(self._scrub.look_at(region)[1])
        self._jobs.suspects.clear()

    def _load_ended(self, news: Loaded | LoadFailed) -> None:
        """A flip that falls into a load spoils it, and the runtime may keep a copy of the damage:
        mend the page, then load and prove anew.
        """
        number = news.slot
        part = self._models.parts[number]
        if not self._models.proven(news):
            hits, told = self._scrub.look_at(part.region.name)
            self._say_all(told)
            was_proven = isinstance(news, Loaded) and self._models.was_proven(number)
            tries = self._reloads.get(number, 0)
            if tries < RELOADS_MAX and (hits or was_proven):
                self._reloads[number] = tries + 1
                self._worker.reload(number)
                return
        self._reloads.pop(number, None)
        settled = self._models.settle(news)
        self._say_all(settled)
        if settled:
            ready = self._models.ready.get(part.slot)
            self._jobs.changed(part.slot)
            self._updates.settled(part.slot, proven=ready is not None and ready.protected)

    def _walk(self, now: float) -> None:
        temp_c = self._readings.temp_c
        hot = temp_c is not None and temp_c >= self._profile.thermal.soft_limit_c
        self._say_all(self._scrub.step(now, self._pass_s, hot=hot))
        if self._scrub.lively:
            self._life.beat(Beat.SCRUB, now)

    def _beat(self, now: float) -> None:
        if now < self._beat_due_s:
            return
        self._beat_due_s = now + self._profile.heartbeat.period_s
        self._beats += 1
        beat = m.Heartbeat(
            sequence=self._beats,
            temp_c=self._readings.temp_c,
            power_w=self._readings.power_w,
            frequency_mhz=self._readings.frequency_mhz,
            level=int(self._order.read()["level"]),
            at_rest=self._rested,
            tick=self._scrub.tick,
        )
        self._rested = self._worker.ready
        self._channel.send_note(m.encode(beat))
        self._life.beat(Beat.TELLING, now)

    def _choose_level(self, now: float) -> int | None:
        patience_s = max(CONTACT_LOST_S, 3 * self._profile.heartbeat.period_s)
        lost = self._contact_s is None or now - self._contact_s >= patience_s
        level = 0 if lost else int(self._order.read()["level"])
        if level == self._level_set:
            return None
        self._level_set = level
        return level

    def _wake_at(self, now: float) -> float:
        slice_s = max(SCRUB_SLICE_S, self._order.read()["scrub_pass_ms"] / SCRUB_SLICES / 1000)
        scrub_at = now + slice_s if self._models.slots else float("inf")
        return min(
            self._beat_due_s, scrub_at, self._worker.wake_at(now), self._channel.wake_at(now)
        )
