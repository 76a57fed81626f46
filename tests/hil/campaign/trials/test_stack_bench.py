"""The stack bench sees what it should: repairs, silent errors, void faults; the same twice."""

from collections.abc import Iterator

import pytest

from flight_sw.inference.job import Protection
from hil.campaign.trials.kit import StackKit, open_kit
from hil.campaign.trials.stack_bench import run_stack_trials
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


def test_a_fault_that_finds_nothing_is_void(
    standard: StackKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flip that no memory takes is void and never masked."""
    monkeypatch.setattr("hil.campaign.trials.inject.memory_map", lambda _: [])
    (trial,) = run_stack_trials(standard, FaultClass.SEU, 5, range(1))
    assert trial.outcome == "void"
    assert "no memory region" in trial.why
