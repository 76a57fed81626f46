"""Keeps the inference worker alive and honest: loads, runs, pings, and restarts it when it hangs.

onnxruntime fed with flipped bits can crash, hang or run away, so it lives in a process of its own and
is never waited for. A load takes long and says nothing, so there processor time is the sign of life: one
that is stopped or waits for ever uses none.
Pure: bytes and the process's state come in, bytes and a wish to restart go out.
"""

from dataclasses import dataclass
from typing import Self

from flight_sw.errors import DecodeError
from flight_sw.inference.worker_messages import (
    Ask,
    Done,
    Failed,
    Load,
    Loaded,
    LoadFailed,
    Piece,
    Ping,
    Pong,
    Rehearse,
    Rehearsed,
    Reply,
    ReplyDecoder,
    Run,
    SelfTest,
    SelfTested,
    Stop,
    encode,
)
from flight_sw.profile import Inference

PINGS_PER_TIMEOUT = 4
LOAD_TIMEOUT_S = 60.0  # a 0.6 B language model takes 34 s to prove
LOAD_STALL_S = 10.0
START_TIMEOUT_S = 15.0  # first import of onnxruntime on a small board
RESTARTS_IN_A_ROW_MAX = 5
LONG_PAUSE_S = 10.0  # after that many, one attempt each ten seconds


@dataclass(frozen=True, slots=True)
class Restarted:
    """The worker has to be started anew; `lost` is the run that died with it."""

    why: str
    lost: Run | Ask | None


WorkerNews = Loaded | LoadFailed | Done | Piece | Failed | SelfTested | Rehearsed | Restarted


class WorkerWatch:
    """One worker process, seen from the node.

    Args:
        models: slot → directory of the staged compiled model.
        job_timeout_s: longest run before the worker counts as hung.
        ping_timeout_s: longest silence of an idle worker.
        start_timeout_s, load_timeout_s: longest start, and longest load and proof of one model.
        load_stall_s: longest that a load or rehearsal may use no processor time.
    """

    def __init__(
        self,
        models: dict[int, str],
        job_timeout_s: float,
        ping_timeout_s: float,
        start_timeout_s: float = START_TIMEOUT_S,
        load_timeout_s: float = LOAD_TIMEOUT_S,
        load_stall_s: float = LOAD_STALL_S,
    ) -> None:
        self.restarts = -1  # the first start is no restart
        self.lively = False  # in the last step the worker was heard, or started anew
        self._models = models
        self._job_timeout_s = job_timeout_s
        self._ping_timeout_s = ping_timeout_s
        self._start_timeout_s = start_timeout_s
        self._load_timeout_s = load_timeout_s
        self._load_stall_s = load_stall_s
        self._ping_period_s = ping_timeout_s / PINGS_PER_TIMEOUT
        self._in_a_row = 0
        self._out = bytearray()
        self._start_due_s = float("-inf")
        self._decoder = ReplyDecoder()
        self._up = False
        self._wanted: str | None = None
        self._run: Run | Ask | None = None
        self._run_limit_s = job_timeout_s
        self._loading: int | None = None
        self._testing: int | None = None
        self._rehearsing: int | None = None
        self._to_load = sorted(models)
        self._started_s = self._busy_since_s = float("-inf")
        self._ping_sent_s: float | None = None
        self._ping_due_s = float("-inf")
        self._cpu_s: float | None = None
        self._cpu_read_s = self._cpu_rose_s = float("-inf")

    @classmethod
    def within(cls, limits: Inference, models: dict[int, str]) -> Self:
        """Make one with a profile's limits."""
        return cls(
            models,
            limits.job_timeout_s,
            limits.ping_timeout_s,
            limits.start_timeout_s,
            limits.load_timeout_s,
            limits.load_stall_s,
        )

    @property
    def ready(self) -> bool:
        """Loaded all it has to load, and free for a job."""
        return self._up and not self._to_load and not self._busy

    @property
    def loading_slot(self) -> int | None:
        """The slot whose weights the worker is proving right now."""
        return self._loading

    def run(self, job: Run | Ask, now: float) -> None:
        """Hand over a job; only while `ready`. A question may take its time, until pieces come."""
        self._run, self._busy_since_s = job, now
        prefill_s = job.within_s if isinstance(job, Ask) else 0.0
        self._run_limit_s = self._job_timeout_s + prefill_s
        self._out += encode(job)

    def stop(self, job: int) -> None:
        """Have the worker end its answer to a question, if it is that job's."""
        if isinstance(self._run, Ask) and self._run.job_id == job:
            self._out += encode(Stop(job))

    def self_test(self, slot: int, now: float) -> None:
        """Have the worker run the known input of a slot; only while `ready`."""
        self._testing, self._busy_since_s = slot, now
        self._out += encode(SelfTest(slot))

    def rehearse(self, update: Rehearse, now: float) -> None:
        """Have the worker try a model update; only while `ready`."""
        self._rehearsing, self._busy_since_s = update.update, now
        self._out += encode(update)

    def serve(self, models: dict[int, str]) -> None:
        """Other models from the next restart on, which is asked for."""
        self._models = models
        self.restart("models changed")

    def reload(self, slot: int) -> None:
        """Load and prove one slot again."""
        self._to_load.append(slot)

    def restart(self, why: str) -> None:
        """Ask for a restart at the next step."""
        self._wanted = why

    def see_cpu(self, cpu_s: float | None, now: float) -> None:
        """Processor time that the worker process has used so far; None says nothing."""
        if cpu_s is None:
            return
        if cpu_s != self._cpu_s:
            self._cpu_s, self._cpu_rose_s = cpu_s, now
        self._cpu_read_s = now

    def step(self, received: bytes, *, alive: bool, now: float) -> tuple[list[WorkerNews], bool]:
        """News of the worker, and whether the process must be started (anew) now."""
        self.lively = False
        news: list[WorkerNews] = []
        why = self._listen(received, news, now)
        why = why or self._problem(now, alive=alive)
        if why is not None and now >= self._start_due_s:
            news.append(Restarted(why, self._run))
            self._restarted(now)
            return news, True
        if self._up:
            self._work(now)
        return news, False

    def take_output(self) -> bytes:
        """Bytes for the worker's pipe."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def wake_at(self, now: float) -> float:
        """When the watch has something to do by itself."""
        return now + self._ping_period_s

    @property
    def _busy(self) -> bool:
        doing = (self._loading, self._run, self._testing, self._rehearsing)
        return any(one is not None for one in doing)

    @property
    def _occupation(self) -> tuple[str, float]:
        """What the worker is busy with, and for how long it may be."""
        if self._loading is not None:
            return "while loading", self._load_timeout_s
        if self._rehearsing is not None:
            return "in a rehearsal", self._load_timeout_s
        if self._testing is not None:
            return "in a test", self._job_timeout_s
        return "in a job" if self._run is not None else "", self._run_limit_s

    @property
    def _is_stalled(self) -> bool:
        """Whether a load stands still; while nobody reads the processor time, only its end can tell."""
        if self._loading is None and self._rehearsing is None:
            return False
        since_s = max(self._cpu_rose_s, self._busy_since_s)
        return self._cpu_read_s - since_s > self._load_stall_s

    def _listen(self, received: bytes, news: list[WorkerNews], now: float) -> str | None:
        try:
            for reply in self._decoder.feed(received):
                self._take(reply, news)
                if isinstance(reply, Piece):
                    self._busy_since_s, self._run_limit_s = now, self._job_timeout_s
        except DecodeError:
            return "spoke nonsense"
        return None

    def _take(self, reply: Reply, news: list[WorkerNews]) -> None:
        self._up = self.lively = True
        if isinstance(reply, Pong):
            self._ping_sent_s = None
            return
        if isinstance(reply, Loaded | LoadFailed):
            self._loading = None
        elif isinstance(reply, SelfTested):
            if reply.slot != self._testing:
                return
            self._testing = None
        elif isinstance(reply, Rehearsed):
            if reply.update != self._rehearsing:
                return
            self._rehearsing = None
        else:
            if self._run is None or reply.job_id != self._run.job_id:
                return
            if not isinstance(reply, Piece):
                self._run = None
            self._in_a_row = 0
        news.append(reply)

    def _problem(self, now: float, *, alive: bool) -> str | None:
        if self._wanted:
            return self._wanted
        if not alive:
            return "not running" if self.restarts < 0 else "crashed"
        if not self._up:
            return "did not start" if now - self._started_s > self._start_timeout_s else None
        doing, limit_s = self._occupation
        if doing:
            is_hung = now - self._busy_since_s > limit_s or self._is_stalled
            return f"hung {doing}" if is_hung else None
        silent = self._ping_sent_s is not None and now - self._ping_sent_s > self._ping_timeout_s
        return "hung" if silent else None

    def _work(self, now: float) -> None:
        if self._busy:
            self._ping_sent_s = None
            return
        if self._to_load:
            self._loading, self._busy_since_s = self._to_load.pop(0), now
            self._out += encode(Load(self._models[self._loading], self._loading))
        elif self._ping_sent_s is None and now >= self._ping_due_s:
            self._ping(now)

    def _ping(self, now: float) -> None:
        self._ping_sent_s, self._ping_due_s = now, now + self._ping_period_s
        self._out += encode(Ping(self.restarts))

    def _restarted(self, now: float) -> None:
        self.lively = True
        self.restarts += 1
        self._in_a_row += 1
        pause_s = LONG_PAUSE_S if self._in_a_row > RESTARTS_IN_A_ROW_MAX else 0.0
        self._start_due_s = now + pause_s
        self._forget()
        self._started_s = now
        self._ping(now)

    def _forget(self) -> None:
        self._decoder = ReplyDecoder()
        self._out.clear()
        self._up = False
        self._wanted = None
        self._run = None
        self._loading = None
        self._testing = None
        self._rehearsing = None
        self._to_load = sorted(self._models)
        self._ping_sent_s = None
