"""The stack bench sees what it should: repairs, silent errors, void faults; the same twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from flight_sw.inference.job import Protection
from flight_sw.radiation.native import PAGE_BYTES
from flight_sw.worker_watch import LOAD_STALL_S
from hil.campaign.trials.draw import draw
from hil.campaign.trials.kit import StackKit, open_kit
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.stack_bench import run_stack_trials
from hil.campaign.trials.strike import CROWDED
from hil.campaign.trials.trial import run_batch, take_back
from hil.campaign.trials.verdict import to_trial
from hil.faults.classes import FaultClass


@pytest.fixture(scope="module")
def standard() -> Iterator[StackKit]:
    """The trained CNN under the standard class."""
    with open_kit("hotspot", "emulated", Protection.STANDARD) as kit:
        yield kit


def test_a_block_gives_the_same_trials_twice(standard: StackKit) -> None:
    """Outcome, place and latency of every fault come again, on a stack of its own each time."""
    first = list(run_stack_trials(standard, FaultClass.SEU, 5, range(8)))
    assert first == list(run_stack_trials(standard, FaultClass.SEU, 5, range(8)))
    assert {trial.outcome for trial in first} == {"corrected"}
    assert all(trial.layer and trial.bit >= 0 for trial in first)


def test_without_protection_the_bench_sees_silent_errors() -> None:
    """With the scrub off and jobs unprotected, flipped weights lead to wrong answers."""
    with open_kit("hotspot", "emulated", Protection.NONE) as kit:
        trials = list(run_stack_trials(kit, FaultClass.SEU, 1, range(12)))
    assert any(trial.outcome == "silent" and trial.wrong for trial in trials)


@pytest.mark.parametrize("fault", [FaultClass.MBU, FaultClass.SEU_STATE_TWO])
def test_the_second_of_two_equal_faults_waits_until_the_first_is_told(
    standard: StackKit, fault: FaultClass
) -> None:
    """Twice the same bits would be the right ones again; in a batch each finds its place mended."""
    with opened_stack(standard, fault) as stack:
        drawn = draw(5, fault, 0)
        one, two = run_batch(stack, [drawn, replace(drawn, index=1)])
    first, second = one.strikes[0], two.strikes[0]
    assert [hit.address for hit in first.hits] == [hit.address for hit in second.hits]
    told = [e.at_s for e in one.notes.events if first.at_s <= e.at_s <= second.at_s]
    assert told
    assert [to_trial(seen, standard).outcome for seen in (one, two)] == ["corrected"] * 2


def test_a_fault_whose_place_is_never_mended_is_void(standard: StackKit) -> None:
    """With the scrub off the second fault at a place waits as long as it may, and does not count."""
    with opened_stack(standard, FaultClass.SEU) as stack:
        stack.order("set-parameter", parameter="scrub_enabled", value=0)
        stack.fly(1.0)
        drawn = draw(5, FaultClass.SEU, 0)
        one, two = run_batch(stack, [drawn, replace(drawn, index=1)])
    assert to_trial(one, standard).failed
    assert two.strikes[0].void == CROWDED


def test_a_stuck_bit_is_judged_by_the_reports_of_its_own_page(standard: StackKit) -> None:
    """Several are stuck in one batch, each on its page; what is told of one speaks for no other."""
    with opened_stack(standard, FaultClass.STUCK_BIT) as stack:
        (seen,) = run_batch(stack, [draw(5, FaultClass.STUCK_BIT, 0)])
    assert to_trial(seen, standard).detect_s is not None
    one = seen.strikes[0]
    one.hits = tuple(replace(hit, offset=hit.offset ^ PAGE_BYTES) for hit in one.hits)
    assert to_trial(seen, standard).detect_s is None


def test_a_new_value_of_a_voted_record_is_not_taken_for_a_fault(standard: StackKit) -> None:
    """Where a bit was hit and mended, the record may say something else later: that is left alone."""
    with opened_stack(standard, FaultClass.SEU_STATE) as stack:
        seen = run_batch(stack, [draw(5, FaultClass.SEU_STATE, 0)])
        one = seen[0].strikes[0]
        one.hits = tuple(replace(hit, after=hit.before) for hit in one.hits)
        told = len(stack.notes.events)
        assert take_back(stack, seen)
        stack.fly(1.0)
        assert "vote-repaired" not in [event.name for event in stack.notes.events[told:]]


def test_a_worker_that_stands_still_in_a_load_is_soon_noticed(standard: StackKit) -> None:
    """Its processor time tells; the load that follows is not taken for a latch-up of the board."""
    with opened_stack(standard, FaultClass.RECOVERY) as stack:
        worker = stack.board.worker
        worker.crash()
        stack.fly(0.1)
        assert worker.works(stack.timeline.now_s)
        worker.hang(stack.timeline.now_s)
        notes = stack.begin()
        stack.fly(LOAD_STALL_S + 5.0)
        assert not worker.hung
        why = [e.values["why"] for e in notes.events if e.name == "worker-restarted"]
        assert why == ["hung while loading"]
        assert "latch-up" not in [event.name for event in notes.events]
        job = stack.submit(0)
        stack.fly(5.0)
        assert job in notes.confirmed


@contextmanager
def opened_stack(kit: StackKit, fault: FaultClass) -> Iterator[TrialStack]:
    """A stack that works."""
    stack = TrialStack(kit, f"batch-{fault.value}")
    assert stack.get_ready()
    yield stack
    stack.board.clean_up()


def test_a_fault_that_finds_nothing_is_void(
    standard: StackKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flip that no memory takes is void and never masked."""
    monkeypatch.setattr("hil.campaign.trials.inject.memory_map", lambda _: [])
    (trial,) = run_stack_trials(standard, FaultClass.SEU, 5, range(1))
    assert trial.outcome == "void"
    assert "no memory region" in trial.why


def test_a_pair_of_which_one_fault_found_nothing_is_void(standard: StackKit) -> None:
    """One fault is no pair; a failure stays one, whatever the other did."""
    with opened_stack(standard, FaultClass.PAIR) as stack:
        (seen,) = run_batch(stack, [draw(5, FaultClass.PAIR, 0)])
    assert to_trial(seen, standard).outcome != "void"
    seen.strikes[1].void = "board off"
    trial = to_trial(seen, standard)
    assert (trial.outcome, trial.why) == ("void", f"{seen.strikes[1].variant}: board off")
    assert to_trial(replace(seen, answers_ping=False), standard).outcome == "dead"
