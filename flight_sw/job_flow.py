"""Jobs between ground and board: the ledger decides, this carries its decisions both ways.

It knows which models the board has, hands at most JOBS_ON_BOARD_MAX jobs to the node at once, and
turns what the node reports into result, withdrawal and failure reports.
"""

from collections.abc import Mapping

from flight_sw.board_link import messages as m
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import JOB_INPUT_LARGE_BYTES_MAX
from flight_sw.inference.job import (
    Admission,
    FailReason,
    Job,
    JobState,
    Protection,
    Refusal,
    RunReport,
    SlotOffer,
    Withdrawal,
)
from flight_sw.inference.ledger import JobLedger
from flight_sw.mode import WORKING
from flight_sw.questions import part_report, question_job, times_report, within_s
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.report import Channel, Report, report

FIRST_RUN_S = 0.5  # assumed of a model that has not run yet
JOBS_ON_BOARD_MAX = 2  # one running, one ready behind it
DIGEST_DIGITS = 16  # of a digest, in reports

_ADMISSION = {
    Refusal.MODE: Reason.WRONG_MODE,
    Refusal.GOVERNOR: Reason.THROTTLED,
    Refusal.NO_MODEL: Reason.NO_SUCH_MODEL,
    Refusal.PROTECTION: Reason.UNPROTECTED,
    Refusal.SHAPE: Reason.WRONG_SHAPE,
    Refusal.QUOTA: Reason.QUEUE_FULL,
    Refusal.BUSY: Reason.QUEUE_FULL,
    Refusal.DEADLINE: Reason.DEADLINE_PASSED,
    Refusal.DUPLICATE: Reason.DUPLICATE_JOB,
}
_FAILURE = {
    FailReason.SHAPE: Reason.WRONG_SHAPE,
    FailReason.BAD_INPUT: Reason.NOT_FINITE,
    FailReason.NO_MODEL: Reason.NO_SUCH_MODEL,
    FailReason.NONFINITE: Reason.MODEL_FAILED,
    FailReason.RUNTIME: Reason.MODEL_FAILED,
    FailReason.DEADLINE: Reason.DEADLINE_PASSED,
    FailReason.ATTEMPTS: Reason.ATTEMPTS_SPENT,
    FailReason.CANCELLED: Reason.CANCELLED,
    FailReason.EMPTY: Reason.EMPTY,
    FailReason.TOO_LONG: Reason.TOO_LARGE,
}
_REFUSED_BY_BOARD = {
    "NO_SUCH_MODEL": FailReason.NO_MODEL,
    "SHAPE": FailReason.SHAPE,
    "BAD_INPUT": FailReason.BAD_INPUT,
    "NO_MODEL": FailReason.NO_MODEL,
    "NO_TEXT": FailReason.SHAPE,
    "EMPTY_PROMPT": FailReason.EMPTY,
    "PROMPT_TOO_LONG": FailReason.TOO_LONG,
}


class JobFlow:
    """See the module text; every method returns the reports that it causes."""

    def __init__(self) -> None:
        self.models: dict[int, m.ModelReady] = {}
        self.done = 0
        self.withdrawn = 0
        self.failed = 0
        self.frequency_mhz = 0
        self.held = False
        self._megacycles: dict[int, float] = {}
        self._changing: set[int] = set()
        self._cancelled: list[int] = []
        self._ledger = JobLedger()

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of the mission's own service 130."""
        return {
            "submit-job": self._submit_job,
            "ask-model": self._ask,
            "cancel-job": lambda call: self.cancel(call.number("job")),
        }

    @property
    def queued(self) -> int:
        """Jobs waiting or running."""
        return self._ledger.count(JobState.QUEUED) + self._ledger.count(JobState.RUNNING)

    @property
    def on_board(self) -> int:
        """Jobs that the board has and has not answered."""
        return self._ledger.count(JobState.RUNNING)

    @property
    def unconfirmed(self) -> int:
        """Answers that a scrub may still take back."""
        return self._ledger.count(JobState.PROVISIONAL)

    def submit(self, arguments: dict[str, Value], *, working: bool, now: float) -> Reason | None:
        """Admit a job as `submit-job` carries it; None when admitted."""
        data = arguments["input"]
        if not isinstance(data, bytes) or len(data) > JOB_INPUT_LARGE_BYTES_MAX:
            return Reason.TOO_LARGE
        job = Job(
            id=int(arguments["job"]),
            slot=int(arguments["model"]),
            input=data,
            deadline_s=now + float(arguments["deadline"]),
            priority=int(arguments["priority"]),
            protection=Protection(arguments["protection"]),
            admitted_s=now,
        )
        return self._admit(job, working=working, now=now)

    def _admit(self, job: Job, *, working: bool, now: float) -> Reason | None:
        slots = {
            slot: SlotOffer(model.input_bytes, _classes(model), model.is_text)
            for slot, model in self.models.items()
        }
        refusal = self._ledger.submit(job, Admission(working, True, slots), now)
        return None if refusal is None else _ADMISSION[refusal]

    def cancel(self, job: int) -> Reason | None:
        """Drop a job without an answer; the board is told if it has it."""
        if self._ledger.state(job) is JobState.RUNNING:
            self._cancelled.append(job)
        return None if self._ledger.cancel(job) else Reason.NO_SUCH_JOB

    def to_board(self, now: float) -> list[m.SubmitJob | m.CancelJob]:
        """What to tell the node now: jobs to forget, jobs to do."""
        self._ledger.expire(now)
        orders: list[m.SubmitJob | m.CancelJob] = [m.CancelJob(job) for job in self._cancelled]
        self._cancelled.clear()
        while not self.held and self._ledger.count(JobState.RUNNING) < JOBS_ON_BOARD_MAX:
            job = self._ledger.next_to_run(self._may_run)
            if job is None:
                break
            attempt = self._ledger.started(job.id, bytes.fromhex(self.models[job.slot].digest))
            order = m.SubmitJob(
                job=job.id,
                attempt=attempt,
                slot=job.slot,
                input=job.input,
                protection=job.protection.value,
                is_text=job.is_text,
                within_s=within_s(job, now) if job.is_text else 0.0,
            )
            orders.append(order)
        return orders

    def due(self, now: float, top_mhz: float) -> tuple[tuple[float, float], ...]:
        """For each unanswered job, seconds left and seconds of work at the top clock, as last seen."""
        unknown = FIRST_RUN_S * top_mhz
        return tuple(
            (job.deadline_s - now, self._megacycles.get(job.slot, unknown) / top_mhz)
            for job in self._ledger.unanswered()
        )

    def _may_run(self, job: Job) -> bool:
        """A job waits for its model, and for the protection it was promised: a load may fail both."""
        model = self.models.get(job.slot)
        known = model is not None and job.protection in _classes(model)
        return known and job.slot not in self._changing

    def on_model_ready(self, model: m.ModelReady) -> None:
        """A slot serves."""
        self._changing.discard(model.slot)
        self.models[model.slot] = model

    def on_model_gone(self, message: m.ModelGone) -> None:
        """Jobs for a slot that is being changed are admitted, and wait; an emptied one takes none."""
        if message.returns:
            self._changing.add(message.slot)
        else:
            self._changing.discard(message.slot)
            self.models.pop(message.slot, None)

    def on_part(self, message: m.AnswerPart) -> list[Report]:
        """Words of an answer on its way, unless nobody waits for them any more."""
        is_wanted = self._ledger.is_running(message.job, message.attempt)
        return [part_report(message)] if is_wanted else []

    def on_result(self, message: m.JobResult, now: float) -> list[Report]:
        """An answer, unless it is stale or already known to be tainted."""
        run = RunReport(
            message.job, message.attempt, message.output, message.tick_start, message.tick_end
        )
        answer = self._ledger.result(run)
        if answer is None:
            return []
        self.done += 1
        self._megacycles[answer.slot] = message.elapsed_s * self.frequency_mhz
        whole = report(
            "result",
            Channel.RESULTS,
            job=answer.job_id,
            attempt=answer.attempt,
            model=answer.slot,
            protection=answer.protection.value,
            epoch=answer.tick_end,
            elapsed=message.elapsed_s,
            frequency=self.frequency_mhz,
            digest=message.digest[:DIGEST_DIGITS],
            output=answer.output,
        )
        if not message.ended:
            return [whole]
        queue_s = now - answer.admitted_s - message.elapsed_s
        return [whole, times_report(message, queue_s)]

    def on_refused(self, message: m.JobRefused) -> None:
        """The node could not answer; whether it is tried again is the ledger's to say."""
        reason = _REFUSED_BY_BOARD.get(message.reason, FailReason.RUNTIME)
        self._ledger.failed(message.job, message.attempt, reason)

    def on_hit(self, message: m.PageHit) -> list[Report]:
        """Damaged weights: take back what may have been computed with them."""
        since, found = message.since_tick, message.found_tick
        classes = frozenset(map(Protection, message.classes))
        return self._withdrawals(self._ledger.withdraw_since(message.slot, since, found, classes))

    def on_clean(self, message: m.Clean) -> list[Report]:
        """Answers that are final now."""
        return [
            report("job-confirmed", Channel.RESULTS, job=answer.job_id, attempt=answer.attempt)
            for answer in self._ledger.confirm(message.slot, message.tick)
        ]

    def on_board_lost(self) -> list[Report]:
        """The board restarted: nothing unconfirmed can be trusted, nothing running will end."""
        self.models.clear()
        self._changing.clear()
        return self._withdrawals(self._ledger.board_lost())

    def take_failures(self) -> list[Report]:
        """Jobs that ended without an answer since the last call."""
        failures = self._ledger.take_failures()
        self.failed += len(failures)
        return [
            report("job-failed", Channel.RESULTS, job=f.job_id, reason=_FAILURE[f.reason].value)
            for f in failures
        ]

    def _submit_job(self, call: Call) -> Outcome:
        return self.submit(call.arguments, working=call.mode in WORKING, now=call.now)

    def _ask(self, call: Call) -> Outcome:
        job = question_job(call.arguments, call.now)
        if isinstance(job, Reason):
            return job
        return self._admit(job, working=call.mode in WORKING, now=call.now)

    def _withdrawals(self, withdrawn: list[Withdrawal]) -> list[Report]:
        self.withdrawn += len(withdrawn)
        self.done -= len(withdrawn)
        return [
            report("withdrawal", Channel.RESULTS, job=w.job_id, attempt=w.attempt)
            for w in withdrawn
        ]


def _classes(model: m.ModelReady) -> frozenset[Protection]:
    return frozenset(map(Protection, model.classes))
