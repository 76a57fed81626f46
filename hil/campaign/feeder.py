"""Sends the jobs up, each at its time, never more at once than the payload should hold.

A job that is refused for a passing reason (queue full, board away, still in SAFE) waits and goes up
again under its own number; if its first telecommand was carried out after all, the payload says so.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flight_sw.dictionary.reason import Reason
from hil.ground.client import Ground
from hil.ground.reports import Stage
from hil.ground.request import Request

IN_FLIGHT_MAX = 8  # telecommands without an answer
OPEN_MAX = 64  # jobs admitted and not answered
BACK_OFF_S = 0.3
LOST_S = 6.0  # a telecommand that says nothing for so long is sent again
PASSING = frozenset(
    {
        Reason.QUEUE_FULL,
        Reason.BOARD_AWAY,
        Reason.WRONG_MODE,
        Reason.THROTTLED,
        Reason.NO_SUCH_MODEL,  # a board that boots has none for a moment
        Reason.UNPROTECTED,
    }
)


@dataclass(frozen=True, slots=True)
class JobToFly:
    """One job; `at_s` counts from the start of the timeline."""

    id: int
    at_s: float
    model: str
    slot: int
    input: bytes
    deadline_s: float


class Feeder:
    """The jobs of one flight.

    Args:
        is_answered: whether a job has a result or a failure by now.
    """

    def __init__(
        self,
        ground: Ground,
        jobs: Sequence[JobToFly],
        protection: str,
        is_answered: Callable[[int], bool],
    ) -> None:
        self.admitted: set[int] = set()
        self.refused: dict[int, Reason] = {}
        self._ground = ground
        self._protection = protection
        self._is_answered = is_answered
        self._waiting = deque(sorted(jobs, key=lambda job: job.at_s))
        self._in_flight: dict[int, tuple[JobToFly, Request]] = {}
        self._resume_s = 0.0

    @property
    def done(self) -> bool:
        """Whether every job is admitted or refused for good."""
        return not self._waiting and not self._in_flight

    @property
    def open(self) -> int:
        """Jobs that the payload works on."""
        return sum(not self._is_answered(job) for job in self.admitted)

    def step(self, now_s: float) -> None:
        """Hear what became of what was sent, then send what is due."""
        for job, request in list(self._in_flight.values()):
            self._settle(job, request, now_s)
        room = min(IN_FLIGHT_MAX, OPEN_MAX - self.open) - len(self._in_flight)
        while room > 0 and now_s >= self._resume_s and self._is_due(now_s):
            job = self._waiting.popleft()
            self._in_flight[job.id] = (job, self._send(job))
            room -= 1

    def _is_due(self, now_s: float) -> bool:
        return bool(self._waiting) and self._waiting[0].at_s <= now_s and self._ground.is_connected

    def _send(self, job: JobToFly) -> Request:
        return self._ground.send(
            "submit-job",
            job=job.id,
            model=job.slot,
            protection=self._protection,
            priority=3,
            deadline=job.deadline_s,
            input=job.input,
        )

    def _settle(self, job: JobToFly, request: Request, now_s: float) -> None:
        if not request.is_final:
            if time.monotonic() - request.sent_s > LOST_S:
                self._again(job, now_s)
            return
        reason = request.reason
        if request.stage is Stage.DONE or reason is Reason.DUPLICATE_JOB:
            del self._in_flight[job.id]
            self.admitted.add(job.id)
        elif reason in PASSING:
            self._again(job, now_s)
        else:
            del self._in_flight[job.id]
            self.refused[job.id] = reason or Reason.NOT_ALLOWED

    def _again(self, job: JobToFly, now_s: float) -> None:
        del self._in_flight[job.id]
        self._waiting.appendleft(job)
        self._resume_s = now_s + BACK_OFF_S
