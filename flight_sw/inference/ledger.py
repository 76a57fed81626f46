"""The controller's book of jobs: none is lost, none is answered twice without a withdrawal between.

It holds a job's input until its answer is confirmed, so that a scrub hit, a crashed worker or a
dead board costs a re-run and never the job. Pure: time and ticks come in as arguments.

Ticks are the node's count of scrub steps. A result may have used a damaged page if its run ended at
or after the tick at which that page was last seen clean; it is safe once every page of the slot has
been seen clean at a tick later than the end of the run.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from flight_sw.inference.finished import FinishedJobs
from flight_sw.inference.job import (
    RETRYABLE,
    Admission,
    FailReason,
    Failure,
    Job,
    JobState,
    Protection,
    Refusal,
    Result,
    RunReport,
    Withdrawal,
)

MAX_OPEN_JOBS = 256
MAX_HELD_BYTES = 64 << 20  # inputs and unconfirmed outputs together
MAX_ATTEMPTS = 8  # a job that kills the worker must not do it for ever
PROTECTED = frozenset(Protection) - {Protection.NONE}
MAX_REMEMBERED = 4096  # finished ids kept to refuse duplicates


@dataclass(frozen=True, slots=True)
class LedgerLimits:
    """How much the ledger may hold and how often it tries."""

    open_jobs: int = MAX_OPEN_JOBS
    held_bytes: int = MAX_HELD_BYTES
    attempts: int = MAX_ATTEMPTS
    remembered: int = MAX_REMEMBERED


@dataclass(frozen=True, slots=True)
class _Entry:
    job: Job
    state: JobState = JobState.QUEUED
    attempt: int = 0
    model_digest: bytes = b""
    result: Result | None = None


class JobLedger:
    """Every open job with its state; see the module text for the rule of ticks."""

    def __init__(self, limits: LedgerLimits | None = None) -> None:
        self._limits = limits or LedgerLimits()
        self._open: dict[int, _Entry] = {}  # in order of admission
        self._finished = FinishedJobs(self._limits.remembered)
        self._failures: list[Failure] = []
        self._last_hit_tick: dict[tuple[int, Protection], int] = {}

    def submit(self, job: Job, admission: Admission, now_s: float) -> Refusal | None:
        """Admit the job, or say the one reason why not."""
        refusal = self._refusal(job, admission, now_s)
        if refusal is None:
            self._open[job.id] = _Entry(job)
        return refusal

    def next_to_run(self, may_run: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """The queued job to run now: most urgent first, then earliest deadline, then first come.

        Jobs that `may_run` holds back keep their place and do not hold up the others.
        """
        queued = [
            e.job for e in self._open.values() if e.state is JobState.QUEUED and may_run(e.job)
        ]
        return min(queued, key=lambda job: (job.priority, job.deadline_s), default=None)

    def unanswered(self) -> list[Job]:
        """Jobs that wait or run, the earliest deadline first."""
        entries = (e for e in self._open.values() if e.state is not JobState.PROVISIONAL)
        return sorted((entry.job for entry in entries), key=lambda job: job.deadline_s)

    def started(self, job_id: int, model_digest: bytes) -> int:
        """Note that a queued job went to the board; returns the attempt number, from 1."""
        entry = self._open[job_id]
        if entry.state is not JobState.QUEUED:
            raise ValueError(f"job {job_id} is {entry.state.value}, not queued")
        attempt = entry.attempt + 1
        self._open[job_id] = replace(
            entry, state=JobState.RUNNING, attempt=attempt, model_digest=model_digest
        )
        return attempt

    def result(self, report: RunReport) -> Result | None:
        """Take a run's output; None if it is stale or if damage found since makes it
        untrustworthy.
        """
        entry = self._running(report.job_id, report.attempt)
        if entry is None:
            return None
        job = entry.job
        unprotected = job.protection is Protection.NONE
        if not unprotected and report.tick_start <= self._last_hit_tick.get(
            (job.slot, job.protection), -1
        ):
            self._again(entry, FailReason.ATTEMPTS)
            return None
        answer = Result(
            job_id=job.id,
            attempt=entry.attempt,
            slot=job.slot,
            output=report.output,
            model_digest=entry.model_digest,
            protection=job.protection,
            tick_start=report.tick_start,
            tick_end=report.tick_end,
            admitted_s=job.admitted_s,
        )
        if unprotected:  # no scrub will ever confirm or withdraw it
            self._finish(job.id, JobState.CONFIRMED)
        else:
            self._open[job.id] = replace(entry, state=JobState.PROVISIONAL, result=answer)
        return answer

    def is_running(self, job_id: int, attempt: int) -> bool:
        """Whether this attempt is the one on the board."""
        return self._running(job_id, attempt) is not None

    def failed(self, job_id: int, attempt: int, reason: FailReason) -> None:
        """Take a run's failure: tried again if that can help, else final (see `take_failures`)."""
        entry = self._running(job_id, attempt)
        if entry is None:
            return
        if reason in RETRYABLE:
            self._again(entry, reason)
        else:
            self._fail(entry, reason)

    def confirm(self, slot: int, clean_tick: int) -> list[Result]:
        """Every page of `slot` was seen clean at `clean_tick` or later: earlier answers are
        final.
        """
        done = [
            e.result
            for e in self._open.values()
            if e.result is not None and e.job.slot == slot and e.result.tick_end < clean_tick
        ]
        for answer in done:
            self._finish(answer.job_id, JobState.CONFIRMED)
        return done

    def withdraw_since(
        self,
        slot: int,
        since_tick: int,
        found_tick: int,
        classes: frozenset[Protection] = PROTECTED,
    ) -> list[Withdrawal]:
        """A page that jobs of these classes use in `slot`, last clean at `since_tick`, was found
        damaged at `found_tick`.

        Withdraws every unconfirmed answer that may have used it. A run still in flight is judged
        when its report comes: one that started at or before `found_tick` runs again.
        """
        for key in ((slot, protection) for protection in classes):
            self._last_hit_tick[key] = max(found_tick, self._last_hit_tick.get(key, -1))
        return self._withdraw(
            [
                e
                for e in self._open.values()
                if e.result is not None
                and e.job.slot == slot
                and e.job.protection in classes
                and e.result.tick_end >= since_tick
            ]
        )

    def board_lost(self) -> list[Withdrawal]:
        """The board is gone and its scrub history with it: nothing unconfirmed can be trusted."""
        for entry in [e for e in self._open.values() if e.state is JobState.RUNNING]:
            self._again(entry, FailReason.ATTEMPTS)
        self._last_hit_tick.clear()  # a new boot counts its ticks from zero
        return self._withdraw([e for e in self._open.values() if e.result is not None])

    def expire(self, now_s: float) -> None:
        """Fail queued and running jobs whose deadline has passed; their late reports are stale."""
        for entry in list(self._open.values()):
            if entry.state is not JobState.PROVISIONAL and entry.job.deadline_s <= now_s:
                self._fail(entry, FailReason.DEADLINE)

    def cancel(self, job_id: int) -> bool:
        """End an unanswered job on request; False if it is answered, finished or unknown."""
        entry = self._open.get(job_id)
        if entry is None or entry.state is JobState.PROVISIONAL:
            return False
        self._fail(entry, FailReason.CANCELLED)
        return True

    def take_failures(self) -> list[Failure]:
        """Failures since the last call, oldest first; each is given once."""
        taken, self._failures = self._failures, []
        return taken

    def state(self, job_id: int) -> JobState | None:
        """Where the job is; None if it was never admitted or is long forgotten."""
        entry = self._open.get(job_id)
        return entry.state if entry is not None else self._finished.state(job_id)

    def count(self, state: JobState) -> int:
        """How many open jobs are in `state`."""
        return sum(entry.state is state for entry in self._open.values())

    @property
    def held_bytes(self) -> int:
        """Bytes of inputs and unconfirmed outputs kept for re-runs."""
        return sum(
            len(e.job.input) + (len(e.result.output) if e.result is not None else 0)
            for e in self._open.values()
        )

    def _refusal(self, job: Job, admission: Admission, now_s: float) -> Refusal | None:
        offer = admission.slots.get(job.slot)
        checks = (
            (not admission.mode_allows, Refusal.MODE),
            (not admission.governor_allows, Refusal.GOVERNOR),
            (self.state(job.id) is not None, Refusal.DUPLICATE),
            (job.deadline_s <= now_s, Refusal.DEADLINE),
            (offer is None, Refusal.NO_MODEL),
            (offer is not None and not offer.fits(job), Refusal.SHAPE),
            (
                offer is not None and job.protection not in offer.classes,
                Refusal.PROTECTION,
            ),
            (len(self._open) >= self._limits.open_jobs, Refusal.BUSY),
            (self.held_bytes + len(job.input) > self._limits.held_bytes, Refusal.QUOTA),
        )
        return next((refusal for is_true, refusal in checks if is_true), None)

    def _running(self, job_id: int, attempt: int) -> _Entry | None:
        entry = self._open.get(job_id)
        if entry is None or entry.state is not JobState.RUNNING or entry.attempt != attempt:
            return None
        return entry

    def _withdraw(self, entries: list[_Entry]) -> list[Withdrawal]:
        withdrawn = []
        for entry in entries:
            requeued = self._again(entry, FailReason.ATTEMPTS)
            withdrawn.append(Withdrawal(entry.job.id, entry.attempt, requeued))
        return withdrawn

    def _again(self, entry: _Entry, reason_when_used_up: FailReason) -> bool:
        if entry.attempt >= self._limits.attempts:
            self._fail(entry, reason_when_used_up)
            return False
        self._open[entry.job.id] = replace(entry, state=JobState.QUEUED, result=None)
        return True

    def _fail(self, entry: _Entry, reason: FailReason) -> None:
        self._failures.append(Failure(entry.job.id, entry.attempt, reason))
        self._finish(entry.job.id, JobState.FAILED)

    def _finish(self, job_id: int, state: JobState) -> None:
        del self._open[job_id]
        self._finished.put(job_id, state)
