"""The book of jobs: none lost, none answered twice without a withdrawal between."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flight_sw.inference.job import (
    Admission,
    FailReason,
    Failure,
    Job,
    JobState,
    Protection,
    Refusal,
    RunReport,
    SlotOffer,
    Withdrawal,
)
from flight_sw.inference.ledger import JobLedger, LedgerLimits

ALL = SlotOffer(4, frozenset(Protection))
OPEN = Admission(True, True, {1: ALL, 2: ALL})
BARE = SlotOffer(4, frozenset({Protection.NONE}))
DIGEST = b"d" * 32


def _job(job_id=1, **fields):
    return replace(Job(id=job_id, slot=1, input=b"abcd", deadline_s=100.0), **fields)


def _answered(ledger, job_id=1, start=10, end=11, **fields):
    """Submit, start and answer one job; the result."""
    assert ledger.submit(_job(job_id, **fields), OPEN, 0.0) is None
    attempt = ledger.started(job_id, DIGEST)
    return ledger.result(RunReport(job_id, attempt, b"out", start, end))


@pytest.mark.parametrize(
    ("admission", "job", "expected"),
    [
        (replace(OPEN, mode_allows=False), _job(), Refusal.MODE),
        (replace(OPEN, governor_allows=False), _job(), Refusal.GOVERNOR),
        (OPEN, _job(slot=9), Refusal.NO_MODEL),
        (OPEN, _job(input=b"abc"), Refusal.SHAPE),
        (OPEN, _job(deadline_s=5.0), Refusal.DEADLINE),
        (
            replace(OPEN, slots={1: BARE}),
            _job(),
            Refusal.PROTECTION,
        ),
    ],
)
def test_a_job_that_cannot_run_is_refused_with_its_reason(admission, job, expected):
    """Every refusal is one value that names the reason."""
    assert JobLedger().submit(job, admission, 5.0) is expected


def test_an_unprotectable_model_still_serves_unprotected_jobs():
    """A model that is not proven live may be used by those who ask for no protection."""
    admission = replace(OPEN, slots={1: BARE})
    assert JobLedger().submit(_job(protection=Protection.NONE), admission, 0.0) is None


def test_count_and_bytes_are_bounded():
    """Too many jobs are BUSY, too many bytes are QUOTA."""
    ledger = JobLedger(LedgerLimits(open_jobs=2, held_bytes=100))
    assert ledger.submit(_job(1), OPEN, 0.0) is None
    assert ledger.submit(_job(2), OPEN, 0.0) is None
    assert ledger.submit(_job(3), OPEN, 0.0) is Refusal.BUSY
    assert JobLedger(LedgerLimits(held_bytes=3)).submit(_job(1), OPEN, 0.0) is Refusal.QUOTA


def test_an_id_is_used_once():
    """A repeated id is refused while the job is open and after it is answered."""
    ledger = JobLedger()
    _answered(ledger)
    assert ledger.submit(_job(1), OPEN, 0.0) is Refusal.DUPLICATE
    ledger.confirm(1, 12)
    assert ledger.submit(_job(1), OPEN, 0.0) is Refusal.DUPLICATE


def test_urgent_then_early_deadline_then_first_come():
    """The order of running is priority, deadline, admission."""
    ledger = JobLedger()
    ledger.submit(_job(1, priority=2, deadline_s=1.0), OPEN, 0.0)
    ledger.submit(_job(2, priority=0, deadline_s=9.0), OPEN, 0.0)
    ledger.submit(_job(3, priority=0, deadline_s=8.0), OPEN, 0.0)
    ledger.submit(_job(4, priority=0, deadline_s=8.0), OPEN, 0.0)
    order = []
    while (job := ledger.next_to_run()) is not None:
        ledger.started(job.id, DIGEST)
        order.append(job.id)
    assert order == [3, 4, 2, 1]


def test_a_result_says_where_it_comes_from():
    """Model digest, protection, ticks and attempt travel with the answer."""
    answer = _answered(JobLedger())
    assert (answer.model_digest, answer.protection, answer.attempt) == (
        DIGEST,
        Protection.STANDARD,
        1,
    )
    assert (answer.tick_start, answer.tick_end, answer.slot, answer.output) == (10, 11, 1, b"out")


def test_a_hit_withdraws_exactly_the_results_since_the_last_clean_pass():
    """Answers that ended before the page's last clean tick stay, later ones run again."""
    ledger = JobLedger()
    _answered(ledger, 1, 10, 19)
    _answered(ledger, 2, 18, 20)
    _answered(ledger, 3, 30, 31)
    _answered(ledger, 4, 30, 31, slot=2)
    assert ledger.withdraw_since(1, since_tick=20, found_tick=40) == [
        Withdrawal(2, 1, requeued=True),
        Withdrawal(3, 1, requeued=True),
    ]
    states = [ledger.state(i) for i in (1, 2, 3, 4)]
    assert states == [
        JobState.PROVISIONAL,
        JobState.QUEUED,
        JobState.QUEUED,
        JobState.PROVISIONAL,
    ]


def test_a_run_in_flight_while_damage_is_found_is_not_believed():
    """A report of a run that began before the hit leads to a re-run, not to an answer."""
    ledger = JobLedger()
    ledger.submit(_job(), OPEN, 0.0)
    attempt = ledger.started(1, DIGEST)
    assert ledger.withdraw_since(1, since_tick=5, found_tick=12) == []
    assert ledger.result(RunReport(1, attempt, b"bad", 12, 13)) is None
    assert ledger.state(1) is JobState.QUEUED
    attempt = ledger.started(1, DIGEST)
    assert ledger.result(RunReport(1, attempt, b"good", 13, 14)).output == b"good"


def test_a_result_is_final_only_after_a_clean_pass_that_began_later():
    """The boundary tick does not confirm: the run may have ended after the check."""
    ledger = JobLedger()
    _answered(ledger, end=11)
    assert ledger.confirm(1, 11) == []
    assert [r.job_id for r in ledger.confirm(1, 12)] == [1]
    assert ledger.state(1) is JobState.CONFIRMED
    assert ledger.held_bytes == 0


def test_an_unprotected_result_is_final_at_once():
    """Nothing scrubs behind an unprotected job, so nothing will withdraw it."""
    ledger = JobLedger()
    _answered(ledger, protection=Protection.NONE)
    assert ledger.withdraw_since(1, 0, 99) == []
    assert ledger.state(1) is JobState.CONFIRMED


def test_a_lost_board_costs_reruns_not_jobs():
    """Running jobs are queued again and unconfirmed answers withdrawn."""
    ledger = JobLedger()
    _answered(ledger, 1)
    ledger.submit(_job(2), OPEN, 0.0)
    first = ledger.started(2, DIGEST)
    assert ledger.board_lost() == [Withdrawal(1, 1, requeued=True)]
    assert ledger.result(RunReport(2, first, b"late", 1, 2)) is None
    assert (ledger.state(1), ledger.state(2)) == (JobState.QUEUED, JobState.QUEUED)


def test_a_job_that_keeps_failing_is_given_up():
    """A retryable failure is tried again up to the limit and then reported once."""
    ledger = JobLedger(LedgerLimits(attempts=2))
    ledger.submit(_job(), OPEN, 0.0)
    for _ in range(2):
        ledger.failed(1, ledger.started(1, DIGEST), FailReason.RUNTIME)
    assert ledger.take_failures() == [Failure(1, 2, FailReason.RUNTIME)]
    assert ledger.take_failures() == []


def test_a_wrong_shape_is_not_tried_again():
    """Failures that no retry can help are final at once."""
    ledger = JobLedger()
    ledger.submit(_job(), OPEN, 0.0)
    ledger.failed(1, ledger.started(1, DIGEST), FailReason.SHAPE)
    assert ledger.take_failures() == [Failure(1, 1, FailReason.SHAPE)]


def test_a_deadline_ends_waiting_and_running_but_not_an_answer():
    """Late jobs fail with DEADLINE; an answer given in time stays."""
    ledger = JobLedger()
    _answered(ledger, 1)
    ledger.submit(_job(2), OPEN, 0.0)
    ledger.expire(100.0)
    assert ledger.take_failures() == [Failure(2, 0, FailReason.DEADLINE)]
    assert ledger.state(1) is JobState.PROVISIONAL


def test_a_cancelled_job_is_reported_and_an_answered_one_cannot_be_cancelled():
    """Cancelling works until there is an answer."""
    ledger = JobLedger()
    _answered(ledger, 1)
    ledger.submit(_job(2), OPEN, 0.0)
    assert not ledger.cancel(1)
    assert ledger.cancel(2)
    assert ledger.take_failures() == [Failure(2, 0, FailReason.CANCELLED)]


class LedgerMachine(RuleBasedStateMachine):
    """Random lives of jobs against a plain account of what was promised and what was given."""

    def __init__(self):
        super().__init__()
        self.ledger = JobLedger(
            LedgerLimits(open_jobs=4, attempts=3, held_bytes=40, remembered=500)
        )
        self.promised: set[int] = set()  # admitted
        self.answered: dict[int, int] = {}  # job -> attempt whose answer stands
        self.ended: set[int] = set()
        self.running: dict[int, int] = {}
        self.next_id = 1
        self.tick = 0

    @rule(slot=st.sampled_from([1, 2, 3]), kind=st.sampled_from(list(Protection)))
    def submit(self, slot, kind):
        job = _job(self.next_id, slot=slot, protection=kind, deadline_s=self.tick + 30.0)
        refusal = self.ledger.submit(job, OPEN, float(self.tick))
        assert (refusal is Refusal.NO_MODEL) == (slot == 3)
        if refusal is None:
            self.promised.add(self.next_id)
        self.next_id += 1

    @rule()
    def start(self):
        job = self.ledger.next_to_run()
        if job is not None:
            self.running[job.id] = self.ledger.started(job.id, DIGEST)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), back=st.integers(0, 5))
    def report(self, data, back):
        job_id, attempt = data.draw(st.sampled_from(sorted(self.running.items())))
        start = max(self.tick - back, 0)
        answer = self.ledger.result(RunReport(job_id, attempt, b"o", start, self.tick))
        if answer is not None:
            assert job_id not in self.answered, "answered twice"
            assert job_id not in self.ended
            self.answered[job_id] = answer.attempt
            if answer.protection is Protection.NONE:
                self.ended.add(job_id)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), reason=st.sampled_from([FailReason.RUNTIME, FailReason.SHAPE]))
    def fail(self, data, reason):
        job_id, attempt = data.draw(st.sampled_from(sorted(self.running.items())))
        self.ledger.failed(job_id, attempt, reason)

    @rule(slot=st.sampled_from([1, 2]), back=st.integers(0, 20))
    def hit(self, slot, back):
        self._withdrawn(self.ledger.withdraw_since(slot, max(self.tick - back, 0), self.tick))

    @rule()
    def lose_board(self):
        self._withdrawn(self.ledger.board_lost())
        self.running.clear()

    @rule(slot=st.sampled_from([1, 2]), back=st.integers(0, 10))
    def confirm(self, slot, back):
        for result in self.ledger.confirm(slot, self.tick - back):
            assert self.answered[result.job_id] == result.attempt
            self.ended.add(result.job_id)

    @rule(ticks=st.integers(1, 12))
    def pass_time(self, ticks):
        self.tick += ticks
        self.ledger.expire(float(self.tick))

    def _withdrawn(self, withdrawals):
        for item in withdrawals:
            assert item.job_id not in self.ended, "a final answer was withdrawn"
            assert self.answered.pop(item.job_id) == item.attempt

    @invariant()
    def no_job_is_lost(self):
        for failure in self.ledger.take_failures():
            assert failure.job_id not in self.answered
            assert failure.job_id not in self.ended
            self.ended.add(failure.job_id)
        for job_id in self.promised:
            is_final = self.ledger.state(job_id) in (JobState.CONFIRMED, JobState.FAILED)
            assert self.ledger.state(job_id) is not None
            assert is_final == (job_id in self.ended)
            is_provisional = self.ledger.state(job_id) is JobState.PROVISIONAL
            assert is_provisional == (job_id in self.answered and job_id not in self.ended)

    @invariant()
    def memory_is_bounded(self):
        assert self.ledger.held_bytes <= 40 + 4


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=60, stateful_step_count=40)
