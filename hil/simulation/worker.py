"""The inference worker inside the simulation: results are real, durations come from the profile.

The very class of the worker process answers, with onnxruntime computing on the live weights; only its
clock is replaced by a model of the board: a fixed part and multiply-adds at the current clock.
"""

from collections import deque
from collections.abc import Callable, Mapping

from flight_sw.inference.worker import Worker
from flight_sw.inference.worker_messages import (
    Done,
    Load,
    Reply,
    Request,
    RequestDecoder,
    Run,
    encode,
)
from hil.emulator.settings import Work

PING_S = 0.001


class VirtualWorker:
    """One worker process as the node sees it, on virtual time.

    Args:
        work: the board's speed.
        macs: multiply-adds of one run by slot.
        top_mhz: clock at which `work` holds.
        make: what runs in the process.
    """

    def __init__(
        self,
        work: Work,
        macs: Mapping[int, int],
        top_mhz: float,
        make: Callable[[], Worker] = Worker,
    ) -> None:
        self.alive = False
        self.hung = False
        self.busy_until_s = 0.0
        self.runs = 0
        self.busy_s = 0.0
        self._given_s = self._hung_with_s = 0.0
        self._work = work
        self._macs = macs
        self._top_mhz = top_mhz
        self._make = make
        self._worker = make()
        self._requests = RequestDecoder()
        self._waiting: deque[tuple[float, bytes]] = deque()

    def start(self) -> None:
        """A fresh process: no models, nothing waiting."""
        self.alive, self.hung = True, False
        self.busy_until_s = self._given_s = 0.0
        self._worker, self._requests = self._make(), RequestDecoder()
        self._waiting.clear()

    def crash(self) -> None:
        """It dies, and what it was doing with it."""
        self.alive = False
        self._waiting.clear()

    def hang(self, now_s: float) -> None:
        """It stands still until it is started anew."""
        self._hung_with_s, self.hung = self._used_s(now_s), True

    def send(self, data: bytes, now_s: float, clock_mhz: float) -> None:
        """Take requests; each answer is ready when the work before it and its own are done."""
        if not self.alive or self.hung:
            return
        for request in self._requests.feed(data):
            replies = self._worker.answer(request)
            while self._worker.talks:
                replies += self._worker.turn()
            duration_s = self._duration_s(request, clock_mhz)
            self.busy_until_s = max(self.busy_until_s, now_s) + duration_s
            self._given_s += duration_s
            timed = b"".join(encode(self._timed(reply, duration_s)) for reply in replies)
            self._waiting.append((self.busy_until_s, timed))
            if isinstance(request, Run):
                self.runs += 1
                self.busy_s += duration_s

    def receive(self, now_s: float) -> bytes:
        """Answers that are ready."""
        out = b""
        while self._waiting and self._waiting[0][0] <= now_s and not self.hung:
            out += self._waiting.popleft()[1]
        return out

    def cpu_s(self, now_s: float) -> float | None:
        """Processor time used until now: one that hangs uses none."""
        if not self.alive:
            return None
        return self._hung_with_s if self.hung else self._used_s(now_s)

    def works(self, now_s: float) -> bool:
        """Whether it computes at this moment."""
        return self.alive and not self.hung and self.busy_until_s > now_s

    def next_s(self) -> float:
        """When the next answer is ready."""
        return self._waiting[0][0] if self._waiting and not self.hung else float("inf")

    def _used_s(self, now_s: float) -> float:
        return self._given_s - max(self.busy_until_s - now_s, 0.0)

    def _duration_s(self, request: Request, clock_mhz: float) -> float:
        slower = self._top_mhz / max(clock_mhz, 1.0)
        if isinstance(request, Run):
            macs = self._macs.get(request.slot, 0)
            return (self._work.overhead_s + macs / self._work.macs_per_s) * slower
        return self._work.load_s * slower if isinstance(request, Load) else PING_S

    @staticmethod
    def _timed(reply: Reply, duration_s: float) -> Reply:
        if isinstance(reply, Done):
            return Done(reply.job_id, reply.output, duration_s)
        return reply
