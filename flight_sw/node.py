"""The board's side of the payload: live weights, scrubber, worker and sensors, in one fixed order.

`Node.step` does no I/O: the runner (or a simulation) brings bytes and readings and carries out what
comes back. The weights that the worker computes with are mapped here too, so a crashed worker loses
nothing and the scrubber reads the very bytes that the kernels read.
"""

from collections import deque
from dataclasses import dataclass

from flight_sw.board_jobs import BoardJobs
from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel, Signal
from flight_sw.board_models import BoardModel, BoardModels
from flight_sw.board_self_test import BoardSelfTest
from flight_sw.errors import DecodeError
from flight_sw.inference.worker_messages import Loaded, LoadFailed, SelfTested
from flight_sw.node_memory import NodeMemory
from flight_sw.profile import Profile
from flight_sw.radiation.protected import MemoryRegion
from flight_sw.radiation.scrub import Scrubber, ScrubHit
from flight_sw.radiation.voted import VotedRecord, VoteLost
from flight_sw.worker_watch import Restarted, WorkerNews, WorkerWatch

ANSWERS_REMEMBERED = 4096
CONTACT_LOST_S = 5.0  # without orders for so long, the board goes to its coolest level by itself
SCRUB_SLICE_S = 0.05
SCRUB_SLICES = 20  # of a pass, so that a slow one needs no more wake-ups
SCRUB_PAGES_MAX = 4096  # per step: 16 MiB, some milliseconds
RELOADS_MAX = 3  # loads repeated because a flip fell into one


@dataclass(frozen=True, slots=True)
class Readings:
    """What the board's sensors say; None where a reading failed."""

    temp_c: float | None = None
    power_w: float | None = None
    frequency_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class NodeInputs:
    """What happened since the last step; `serial_room` is how many bytes the port may take."""

    serial: bytes = b""
    serial_reopened: bool = False
    serial_room: int = 16_384
    worker: bytes = b""
    worker_alive: bool = False
    readings: Readings | None = None


@dataclass(frozen=True, slots=True)
class NodeOutputs:
    """What the runner has to do now; `level` None means: leave the clock as it is."""

    serial: bytes
    worker: bytes
    start_worker: bool
    level: int | None
    feed_watchdog: bool


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """Who this board is."""

    serial_number: str
    boots: int
    session: int


class Node:
    """See the module text. All times are seconds of one monotonic clock."""

    def __init__(self, profile: Profile, models: tuple[BoardModel, ...], facts: BoardFacts) -> None:
        self._profile = profile
        self._models = BoardModels(models, profile.inference.min_coverage)
        self._facts = facts
        self._channel = Channel(facts.session, profile.serial.baud)
        limits = profile.inference
        self._worker = WorkerWatch.within(limits, self._models.directories)
        self._jobs = BoardJobs(self._models, self._worker)
        self._self_test = BoardSelfTest(self._models, self._worker, profile.inference.self_test_s)
        self._scrubber = Scrubber([model.region for model in models]) if models else None
        self._memory = NodeMemory(self._models, self._scrubber, self.memory_regions)
        self._reloads: dict[int, int] = {}
        self._unconfirmed: dict[int, deque[int]] = {
            slot: deque(maxlen=ANSWERS_REMEMBERED) for slot in self._models.slots
        }
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
        self._scrubbed_s: float | None = None
        self._scrub_debt = 0.0
        self._beat_due_s = float("-inf")
        self._beats = 0
        self._readings = Readings()

    def step(self, now: float, inputs: NodeInputs) -> tuple[NodeOutputs, float]:
        """Take what happened, do what is due, and say when to come back at the latest."""
        self._take_readings(inputs)
        self._vote()
        self._hear_controller(now, inputs)
        start_worker = self._tend_worker(now, inputs)
        self._scrub(now)
        self._start_job(now)
        self._self_test.step(now)
        self._beat(now)
        level = self._choose_level(now)
        outputs = NodeOutputs(
            serial=self._channel.transmit(now, inputs.serial_room),
            worker=self._worker.take_output(),
            start_worker=start_worker,
            level=level,
            feed_watchdog=True,
        )
        return outputs, self._wake_at(now)

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """The memory map: every protected region by name, with its address in this process."""
        regions = [
            line for mo in self._models.parts.values() for line in mo.region.memory_regions()
        ]
        return (*regions, *self._order.memory_regions())

    @property
    def _tick(self) -> int:
        return 0 if self._scrubber is None else self._scrubber.tick

    def _say(self, message: m.Message) -> None:
        if self._introduced:
            self._channel.send(m.encode(message))

    def _say_if(self, message: m.Message | None) -> None:
        if message is not None:
            self._say(message)

    def _take_readings(self, inputs: NodeInputs) -> None:
        if inputs.readings is not None:
            self._readings = inputs.readings

    def _vote(self) -> None:
        before = self._order.repairs
        try:
            self._order.read()
        except VoteLost:
            self._order.reload_defaults()  # the controller's next order sets it right
            self._say(m.VoteRepaired("node", 0, lost=True))
            return
        if self._order.repairs > before:
            self._say(m.VoteRepaired("node", self._order.repairs - before, lost=False))

    def _hear_controller(self, now: float, inputs: NodeInputs) -> None:
        if inputs.serial_reopened:
            self._channel.port_reopened()
        for item in self._channel.receive(inputs.serial, now):
            if item is Signal.PEER_RESTARTED:
                self._introduced = False
                self._jobs.clear()
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
                self._profile.name, facts.serial_number, facts.boots, len(self._models.slots)
            )
        )
        for told in (*self._models.ready.values(), *self._models.refused.values()):
            self._say(told)
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
            self._scrub_all(message.request)
        else:
            for answer in self._memory.obey(message, self._worker.loading_slot):
                self._say(answer)

    def _tend_worker(self, now: float, inputs: NodeInputs) -> bool:
        proving = self._worker.loading_slot
        news, start = self._worker.step(inputs.worker, alive=inputs.worker_alive, now=now)
        for item in news:
            self._take_news(item, now)
        self._look_at_suspects()
        self._fence(proving, self._worker.loading_slot)
        return start

    def _fence(self, before: int | None, after: int | None) -> None:
        """Keep the scrubber off a region while the worker's proof turns its bytes over."""
        if before == after or self._scrubber is None:
            return
        if before is not None:
            self._scrubber.resume(self._models.parts[before].region.name)
        if after is not None:
            region = self._models.parts[after].region.name
            self._report_hits(self._scrubber.full_pass(region))
            self._scrubber.pause(region)

    def _take_news(self, news: WorkerNews, now: float) -> None:
        if isinstance(news, Loaded | LoadFailed):
            self._load_ended(news)
        elif isinstance(news, SelfTested):
            self._self_tested(news)
        elif isinstance(news, Restarted):
            if self._worker.restarts > 0:
                self._say(m.WorkerRestarted(news.why))
            self._say_if(self._jobs.lost("RUNTIME"))
        else:
            slot = self._jobs.running_slot
            ended = self._jobs.take(news, now, self._tick)
            if isinstance(ended, m.JobResult) and slot is not None:
                self._unconfirmed[slot].append(ended.tick_end)
            self._say_if(ended)

    def _self_tested(self, news: SelfTested) -> None:
        hits: tuple[ScrubHit, ...] = ()
        if not news.is_same and self._scrubber is not None:
            hits = self._scrubber.full_pass(self._models.parts[news.slot].region.name)
            self._report_hits(hits)
        self._self_test.take(news, weights_were_hit=bool(hits))

    def _look_at_suspects(self) -> None:
        """Checksums, a vote or a result that is no number point at weights: mend before the re-run."""
        for slot in self._jobs.suspects if self._scrubber is not None else ():
            for region in self._models.regions_of(slot):
                self._report_hits(self._scrubber.full_pass(region) if self._scrubber else ())
        self._jobs.suspects.clear()

    def _load_ended(self, news: Loaded | LoadFailed) -> None:
        """A flip that falls into a load spoils it, and the runtime may keep a copy of the damage:
        mend the page, then load and prove anew.
        """
        number = news.slot
        if not self._models.proven(news):
            hits: tuple[ScrubHit, ...] = ()
            if self._scrubber is not None:
                hits = self._scrubber.full_pass(self._models.parts[number].region.name)
                self._report_hits(hits)
            was_proven = isinstance(news, Loaded) and self._models.was_proven(number)
            tries = self._reloads.get(number, 0)
            if tries < RELOADS_MAX and (hits or was_proven):
                self._reloads[number] = tries + 1
                self._worker.reload(number)
                return
        self._reloads.pop(number, None)
        for message in self._models.settle(news):
            self._say(message)

    def _start_job(self, now: float) -> None:
        self._say_if(self._jobs.start(now, self._tick))

    def _scrub(self, now: float) -> None:
        elapsed_s = 0.0 if self._scrubbed_s is None else now - self._scrubbed_s
        self._scrubbed_s = now
        order = self._order.read()
        if self._scrubber is None or not order["scrub_enabled"]:
            return
        pages = self._scrubber.pages
        self._scrub_debt += elapsed_s * pages * 1000 / order["scrub_pass_ms"]
        budget = min(int(self._scrub_debt), SCRUB_PAGES_MAX)
        self._scrub_debt = min(self._scrub_debt - budget, pages)
        self._report_hits(self._scrubber.advance(budget))
        self._report_clean()

    def _scrub_all(self, request: int) -> None:
        pages = 0
        for number, model in self._models.parts.items():
            if self._scrubber is not None and number != self._worker.loading_slot:
                self._report_hits(self._scrubber.full_pass(model.region.name))
                pages += model.region.pages
        self._report_clean()
        self._say(m.ScrubDone(request, pages))

    def _report_hits(self, hits: tuple[ScrubHit, ...]) -> None:
        for message in self._memory.page_hits(hits):
            self._say(message)

    def _report_clean(self) -> None:
        """Tell the controller once answers are safe; in order with hits and answers."""
        for slot, answered in self._unconfirmed.items():
            clean = self._clean_tick(slot)
            if answered and answered[0] < clean:
                self._say(m.Clean(slot, clean))
            while answered and answered[0] < clean:
                answered.popleft()

    def _clean_tick(self, slot: int) -> int:
        if self._scrubber is None:
            return 0
        return min(self._scrubber.clean_tick(name) for name in self._models.regions_of(slot))

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
            worker_up=self._worker.up,
            tick=self._tick,
        )
        self._channel.send_note(m.encode(beat))

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
