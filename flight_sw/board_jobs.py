"""Jobs on the board: a short queue, one at a time, each on the parts that its protection class needs.

A voted job runs on two independent copies of the weights and on the third if those two differ, bit for
bit. Pure: worker news come in, answers and suspicions go out.
"""

from collections import deque
from dataclasses import dataclass, field

from flight_sw.board_link import messages as m
from flight_sw.board_models import BoardModels
from flight_sw.inference.bundle import VOTE_COPIES
from flight_sw.inference.worker_messages import Ask, Done, Failed, Piece, Run, RunFailure, Talk
from flight_sw.worker_watch import WorkerWatch

JOBS_WAITING_MAX = 8
AGREEMENT = 2  # equal answers that make a voted one
# A run that ends like this may well have met damaged weights.
SUSPECT = frozenset({RunFailure.CHECKSUM, RunFailure.NONFINITE})


@dataclass(slots=True)
class _Running:
    job: m.SubmitJob
    tick_start: int
    numbers: tuple[int, ...]
    answers: list[bytes | None] = field(default_factory=list)
    elapsed_s: float = 0.0
    talk: Talk | None = None


class BoardJobs:
    """The queue and the job that runs; `suspects` are slots whose weights need a look now."""

    def __init__(self, models: BoardModels, worker: WorkerWatch) -> None:
        self.suspects: set[int] = set()
        self._models = models
        self._worker = worker
        self._changing: set[int] = set()
        self._waiting: deque[m.SubmitJob] = deque()
        self._running: _Running | None = None

    def queue(self, job: m.SubmitJob) -> m.JobRefused | None:
        """Take a job, or say why not."""
        if job.slot in self._changing:  # sent before the controller knew: it tries again
            return m.JobRefused(job.job, job.attempt, "RUNTIME")
        if job.slot not in self._models.ready:
            return m.JobRefused(job.job, job.attempt, "NO_SUCH_MODEL")
        if not self._models.numbers_for(job.slot, job.protection):
            return m.JobRefused(job.job, job.attempt, "UNPROTECTED")
        if len(self._waiting) >= JOBS_WAITING_MAX:
            return m.JobRefused(job.job, job.attempt, "QUEUE_FULL")
        self._waiting.append(job)
        return None

    def cancel(self, number: int) -> None:
        """Forget a job that waits, and stop an answer in words."""
        self._waiting = deque(job for job in self._waiting if job.job != number)
        self._worker.stop(number)

    def clear(self) -> None:
        """Forget all that wait."""
        self._waiting.clear()

    def change(self, slot: int) -> list[m.JobRefused]:
        """The model in a slot goes: jobs that wait for it, and the one that runs, are given back."""
        self._changing.add(slot)
        back = [job for job in self._waiting if job.slot == slot]
        self._waiting = deque(job for job in self._waiting if job.slot != slot)
        lost = self.lost("RUNTIME")  # whatever runs: the worker starts anew
        refused = [m.JobRefused(job.job, job.attempt, "RUNTIME") for job in back]
        return [*([lost] if lost else []), *refused]

    def changed(self, slot: int) -> None:
        """The slot has a model again, or none for good."""
        self._changing.discard(slot)

    def start(self, now: float, tick: int) -> m.JobRefused | None:
        """Give the worker the next job; refused if the slot has lost its class since it was queued."""
        if self._running is not None or not self._waiting or not self._worker.ready:
            return None
        job = self._waiting.popleft()
        numbers = self._models.numbers_for(job.slot, job.protection)
        if not numbers:
            return m.JobRefused(job.job, job.attempt, "UNPROTECTED")
        self._running = _Running(job, tick, numbers)
        self._run_part(self._running, now)
        return None

    def piece(self, news: Piece) -> m.AnswerPart | None:
        """Words of an answer on its way; of a voted one, those of the first run."""
        running = self._running
        if running is None or running.answers:
            return None
        return m.AnswerPart(running.job.job, running.job.attempt, news.first, news.text)

    def take(self, news: Done | Failed, now: float, tick: int) -> m.JobResult | m.JobRefused | None:
        """How a run ended: the job's end, or None while a vote goes on or nothing ran."""
        running = self._running
        if running is None:
            return None
        voted = len(running.numbers) == VOTE_COPIES
        if isinstance(news, Failed):
            if news.reason in SUSPECT:
                self.suspects.add(running.job.slot)
            if not voted or news.reason not in (*SUSPECT, RunFailure.RUNTIME):
                return self.lost(news.reason.value.upper())
            running.answers.append(None)
        else:
            running.answers.append(news.output)
            running.elapsed_s += news.elapsed_s
            running.talk = news.talk
        winner = _agreed(running.answers, AGREEMENT if voted else 1)
        if winner is None and len(running.answers) < len(running.numbers):
            if len(running.answers) >= AGREEMENT:
                self.suspects.add(running.job.slot)
            self._run_part(running, now)
            return None
        if winner is None:
            return self.lost("CHECKSUM")
        self._running = None
        job = running.job
        talk = running.talk or Talk(0, 0.0, "")
        return m.JobResult(
            job=job.job,
            attempt=job.attempt,
            output=winner,
            elapsed_s=running.elapsed_s,
            tick_start=running.tick_start,
            tick_end=tick,
            digest=self._models.digest_of(running.numbers[0]),
            tokens=talk.tokens,
            prefill_s=talk.prefill_s,
            ended=talk.ended,
        )

    def lost(self, reason: str) -> m.JobRefused | None:
        """The job that ran ends without an answer."""
        running, self._running = self._running, None
        if running is None:
            return None
        return m.JobRefused(running.job.job, running.job.attempt, reason)

    @property
    def running_slot(self) -> int | None:
        """The slot of the job that runs."""
        return None if self._running is None else self._running.job.slot

    def _run_part(self, running: _Running, now: float) -> None:
        job, number = running.job, running.numbers[len(running.answers)]
        run: Run | Ask = Run(job.job, number, job.input)
        if job.is_text:
            run = Ask(job.job, number, job.input, job.within_s)
        self._worker.run(run, now)


def _agreed(answers: list[bytes | None], needed: int) -> bytes | None:
    given = [answer for answer in answers if answer is not None]
    return next((answer for answer in given if given.count(answer) >= needed), None)
