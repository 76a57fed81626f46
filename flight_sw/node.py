"""The board's side of the payload: live weights, scrubber, worker and sensors, in one fixed order.

`Node.step` does no I/O: the runner (or a simulation) brings bytes and readings and carries out what
comes back. The weights that the worker computes with are mapped here too, so a crashed worker loses
nothing and the scrubber reads the very bytes that the kernels read.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel, Signal
from flight_sw.errors import DecodeError
from flight_sw.inference.worker_messages import Done, Loaded, LoadFailed, Run, TensorSpec
from flight_sw.node_memory import NodeMemory
from flight_sw.profile import Profile
from flight_sw.radiation.protected import MemoryRegion, ProtectedRegion
from flight_sw.radiation.scrub import Scrubber, ScrubHit
from flight_sw.radiation.voted import VotedRecord, VoteLost
from flight_sw.worker_watch import Restarted, WorkerNews, WorkerWatch

JOBS_WAITING_MAX = 8
ANSWERS_REMEMBERED = 4096
CONTACT_LOST_S = 5.0  # without orders for so long, the board goes to its coolest level by itself
SCRUB_SLICE_S = 0.05
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
class BoardModel:
    """One compiled model staged on this board; `region` protects the bytes the worker maps.

    `live` are the (offset, length) stretches of it that kernels read; the rest is padding.
    """

    slot: int
    name: str
    directory: str
    digest: str
    region: ProtectedRegion
    live: tuple[tuple[int, int], ...] = ()


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
        self._models: Mapping[int, BoardModel] = {model.slot: model for model in models}
        self._facts = facts
        self._channel = Channel(facts.session, profile.serial.baud)
        limits = profile.inference
        directories = {model.slot: model.directory for model in models}
        self._worker = WorkerWatch(directories, limits.job_timeout_s, limits.ping_timeout_s)
        self._scrubber = Scrubber([model.region for model in models]) if models else None
        regions = {model.slot: model.region for model in models}
        self._memory = NodeMemory(regions, self._scrubber, self.memory_regions)
        self._reloads: dict[int, int] = {}
        self._ready: dict[int, m.ModelReady] = {}
        self._refused: dict[int, m.ModelRefused] = {}
        self._jobs: deque[m.SubmitJob] = deque()
        self._running: tuple[m.SubmitJob, int] | None = None
        self._unconfirmed: dict[int, deque[int]] = {
            slot: deque(maxlen=ANSWERS_REMEMBERED) for slot in self._models
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
        regions = [line for mo in self._models.values() for line in mo.region.memory_regions()]
        return (*regions, *self._order.memory_regions())

    @property
    def _tick(self) -> int:
        return 0 if self._scrubber is None else self._scrubber.tick

    def _say(self, message: m.Message) -> None:
        if self._introduced:
            self._channel.send(m.encode(message))

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
            m.Identity(self._profile.name, facts.serial_number, facts.boots, len(self._models))
        )
        for told in (*self._ready.values(), *self._refused.values()):
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
            self._queue(message)
        elif isinstance(message, m.CancelJob):
            self._jobs = deque(job for job in self._jobs if job.job != message.job)
        elif isinstance(message, m.RestartWorker):
            self._worker.restart("ordered")
        elif isinstance(message, m.ScrubNow):
            self._scrub_all(message.request)
        else:
            for answer in self._memory.obey(message, self._worker.loading_slot):
                self._say(answer)

    def _queue(self, job: m.SubmitJob) -> None:
        if job.slot not in self._ready:
            self._say(m.JobRefused(job.job, job.attempt, "NO_SUCH_MODEL"))
        elif len(self._jobs) >= JOBS_WAITING_MAX:
            self._say(m.JobRefused(job.job, job.attempt, "QUEUE_FULL"))
        else:
            self._jobs.append(job)

    def _tend_worker(self, now: float, inputs: NodeInputs) -> bool:
        proving = self._worker.loading_slot
        news, start = self._worker.step(inputs.worker, alive=inputs.worker_alive, now=now)
        for item in news:
            self._take_news(item)
        self._fence(proving, self._worker.loading_slot)
        return start

    def _fence(self, before: int | None, after: int | None) -> None:
        """Keep the scrubber off a region while the worker's proof turns its bytes over."""
        if before == after or self._scrubber is None:
            return
        if before is not None:
            self._scrubber.resume(self._models[before].region.name)
        if after is not None:
            region = self._models[after].region.name
            self._report_hits(self._scrubber.full_pass(region))
            self._scrubber.pause(region)

    def _take_news(self, news: WorkerNews) -> None:
        if isinstance(news, Loaded):
            self._loaded(news)
        elif isinstance(news, LoadFailed):
            self._load_failed(news)
        elif isinstance(news, Restarted):
            if self._worker.restarts > 0:
                self._say(m.WorkerRestarted(news.why))
            self._job_ended("RUNTIME")
        elif isinstance(news, Done):
            self._answered(news)
        else:
            self._job_ended(news.reason.value.upper())

    def _loaded(self, news: Loaded) -> None:
        model = self._models[news.slot]
        proven = news.protectable and news.coverage >= self._profile.inference.min_coverage
        known = self._ready.get(news.slot)
        if not proven and self._load_again(news.slot, known is not None and known.protected):
            return
        self._reloads.pop(news.slot, None)
        ready = m.ModelReady(
            slot=news.slot,
            name=model.name,
            coverage=news.coverage,
            protected=proven,
            weight_bytes=news.total_bytes,
            input_bytes=_tensor_bytes(news.inputs),
            output_bytes=_tensor_bytes(news.outputs),
            digest=model.digest,
        )
        self._ready[news.slot] = ready
        self._say(ready)

    def _load_failed(self, news: LoadFailed) -> None:
        if self._load_again(news.slot, was_protected=False):
            return
        self._ready.pop(news.slot, None)
        self._refused[news.slot] = m.ModelRefused(news.slot, news.reason.value)
        self._say(self._refused[news.slot])

    def _load_again(self, slot: int, was_protected: bool) -> bool:
        """A flip that falls into a load spoils it, and the runtime may keep a copy of the damage:
        mend the page, then load and prove anew.
        """
        hits: tuple[ScrubHit, ...] = ()
        if self._scrubber is not None:
            hits = self._scrubber.full_pass(self._models[slot].region.name)
            self._report_hits(hits)
        tries = self._reloads.get(slot, 0)
        if tries >= RELOADS_MAX or not (hits or was_protected):
            self._reloads.pop(slot, None)
            return False
        self._reloads[slot] = tries + 1
        self._worker.reload(slot)
        return True

    def _answered(self, done: Done) -> None:
        if self._running is None:
            return
        (job, tick_start), self._running = self._running, None
        tick = self._tick
        self._unconfirmed[job.slot].append(tick)
        self._say(m.JobResult(job.job, job.attempt, done.output, done.elapsed_s, tick_start, tick))

    def _job_ended(self, reason: str) -> None:
        if self._running is not None:
            (job, _), self._running = self._running, None
            self._say(m.JobRefused(job.job, job.attempt, reason))

    def _start_job(self, now: float) -> None:
        if self._jobs and self._running is None and self._worker.ready:
            job = self._jobs.popleft()
            self._running = job, self._tick
            self._worker.run(Run(job.job, job.slot, job.input), now)

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
        for slot, model in self._models.items():
            if self._scrubber is not None and slot != self._worker.loading_slot:
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
        return self._scrubber.clean_tick(self._models[slot].region.name)

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
        contact = self._contact_s is not None and now - self._contact_s < CONTACT_LOST_S
        level = int(self._order.read()["level"]) if contact else 0
        if level == self._level_set:
            return None
        self._level_set = level
        return level

    def _wake_at(self, now: float) -> float:
        scrub_at = now + SCRUB_SLICE_S if self._models else float("inf")
        return min(
            self._beat_due_s, scrub_at, self._worker.wake_at(now), self._channel.wake_at(now)
        )


def _tensor_bytes(specs: tuple[TensorSpec, ...]) -> int:
    return sum(np.dtype(spec.dtype).itemsize * prod(spec.shape) for spec in specs)
