"""Flipped bits: found, mended, told; and no answer that was computed with one stands."""

import pytest

from hil.faults.catalog import Fault, FaultKind
from hil.faults.rig_messages import Injected
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import event
from hil.suite.jobs import Jobs

pytestmark = pytest.mark.needs(feature=["inference", "faults"])

FOUND_S = 10.0


def inject(rig: RunningBoard, kind: FaultKind, place: float = 0.3, second: float = 0.4) -> Injected:
    """One fault now; a fault that does not land is void, and the test with it."""
    assert rig.hand is not None
    done = rig.hand.inject(Fault(id=0, kind=kind, place=place, second=second))
    if not done.landed:
        pytest.skip(f"the fault did not land: {done.reason}")
    return done


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (FaultKind.WEIGHT_FLIP, "page-corrected"),
        (FaultKind.WEIGHT_DOUBLE_FLIP, "page-rebuilt"),
        (FaultKind.CHECK_FLIP, "check-repaired"),
        (FaultKind.VOTE_FLIP, "vote-repaired"),
    ],
)
def test_flip_is_mended_and_told(
    nominal: RunningBoard, measure: Measures, kind: FaultKind, told: str
) -> None:
    """Each kind of flip is found by the scrubber or the vote and told as what it was."""
    before_s = nominal.now_s()
    done = inject(nominal, kind)
    event(nominal.ground, told, nominal.within(FOUND_S))
    measure("found_after", nominal.now_s() - before_s, "s", high=nominal.within(FOUND_S))
    assert nominal.hand is not None
    states = nominal.hand.verify(done.number)
    assert not any(state == "flipped" for state in states), states


def test_answers_are_right_under_flips(jobs: Jobs, nominal: RunningBoard) -> None:
    """Ten jobs with a flip before each: what is confirmed equals the golden twin."""
    for seed in range(10):
        inject(nominal, FaultKind.WEIGHT_FLIP, place=0.05 + 0.09 * seed)
        job = jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", seed))
        final = jobs.confirmed(job)
        attempts = {final.attempt: jobs.result(job)}
        while final.attempt not in {result.attempt for result in attempts.values()}:
            result = jobs.result(job)  # of a later attempt: the first was withdrawn
            attempts[result.attempt] = result
        kept = next(one for one in attempts.values() if one.attempt == final.attempt)
        assert jobs.is_golden(job, kept.output)


def test_flips_are_counted(nominal: RunningBoard) -> None:
    """Housekeeping counts what was mended."""
    before = nominal.housekeeping().values["flips_corrected"]
    inject(nominal, FaultKind.WEIGHT_FLIP, place=0.61)
    event(nominal.ground, "page-corrected", nominal.within(FOUND_S))
    assert nominal.until(
        lambda: nominal.housekeeping().values["flips_corrected"] > before, nominal.within(5.0)
    )
