"""The recovery ladder: worker, node, board, supply; each fault takes the mildest rung that mends it."""

import pytest

from hil.faults.catalog import Fault, FaultKind
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import event
from hil.suite.jobs import Jobs

pytestmark = pytest.mark.needs(feature=["board", "faults"])


def inject(rig: RunningBoard, kind: FaultKind, *, sticky: bool = False) -> None:
    """One fault now; void if it does not land."""
    assert rig.hand is not None
    done = rig.hand.inject(Fault(id=0, kind=kind, sticky=sticky))
    if not done.landed:
        pytest.skip(f"the fault did not land: {done.reason}")


def works(rig: RunningBoard, jobs: Jobs) -> None:
    """All models proven again, and a job answered rightly."""
    rig.models.clear()
    rig.to_nominal()
    job = jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", 9))
    assert jobs.is_golden(job, jobs.result(job).output)


@pytest.fixture
def rested(nominal: RunningBoard) -> RunningBoard:
    """A board whose recovery ladder begins at its first rung: leading it out of SAFE forgives."""
    nominal.to_safe()
    nominal.to_nominal()
    nominal.ground.forget()
    return nominal


@pytest.mark.parametrize("kind", [FaultKind.WORKER_CRASH, FaultKind.WORKER_HANG])
def test_lost_worker_is_restarted(
    nominal: RunningBoard, jobs: Jobs, measure: Measures, kind: FaultKind
) -> None:
    """The node lives on, starts its worker anew, and no reset is needed."""
    resets = nominal.housekeeping(2).values["board_resets"]
    before_s = nominal.now_s()
    inject(nominal, kind)
    if kind is FaultKind.WORKER_HANG:  # work is what shows that it hangs
        jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", 2))
    event(nominal.ground, "worker-restarted", nominal.within(30.0))
    measure("worker_back", nominal.now_s() - before_s, "s", high=nominal.within(30.0))
    works(nominal, jobs)
    assert nominal.housekeeping(2).values["board_resets"] == resets


def test_crashed_node_comes_back(nominal: RunningBoard, jobs: Jobs) -> None:
    """The board's software ends and is started again, as its service manager does."""
    inject(nominal, FaultKind.NODE_CRASH)
    event(nominal.ground, "board-up", nominal.within(nominal.patience.board_up_s))
    works(nominal, jobs)


@pytest.mark.needs(feature="supply")
def test_hung_board_is_reset(rested: RunningBoard, jobs: Jobs, measure: Measures) -> None:
    """Without heartbeats the controller pulls the reset line, and the board recovers."""
    resets = rested.housekeeping(2).values["board_resets"]
    inject(rested, FaultKind.BOARD_HANG)
    event(rested.ground, "board-silent", rested.within(15.0))
    back = event(rested.ground, "recovered", rested.within(rested.patience.board_up_s))
    measure("recovery", back.values["time"], "s", high=rested.within(rested.patience.board_up_s))
    works(rested, jobs)
    assert rested.housekeeping(2).values["board_resets"] > resets


@pytest.mark.needs(feature="supply")
def test_board_that_no_reset_wakes_is_power_cycled(rested: RunningBoard, jobs: Jobs) -> None:
    """A hang that survives the reset line ends with the power: the next rung of the ladder."""
    cycles = rested.housekeeping(2).values["board_power_cycles"]
    inject(rested, FaultKind.BOARD_HANG, sticky=True)
    event(rested.ground, "recovered", rested.within(2 * rested.patience.board_up_s))
    works(rested, jobs)
    assert rested.housekeeping(2).values["board_power_cycles"] > cycles


@pytest.mark.needs(feature=["supply", "power"], fixture="supply_switch")
def test_supply_that_was_cut_is_switched_on_again(nominal: RunningBoard, jobs: Jobs) -> None:
    """Nobody ordered the board off, yet it is: the controller notices and restores its power."""
    nominal.power_cycle()
    event(nominal.ground, "board-up", nominal.within(nominal.patience.board_up_s))
    works(nominal, jobs)


def test_latch_up_is_ended_by_a_power_cycle(nominal: RunningBoard, jobs: Jobs) -> None:
    """A current that only a power cut ends is seen, told and cut."""
    assert nominal.hand is not None
    limit_a = nominal.entry.profile.power.current_limit_a
    done = nominal.hand.inject(Fault(id=0, kind=FaultKind.LATCH_UP, level=limit_a + 0.5))
    assert done.landed
    event(nominal.ground, "over-current", nominal.within(10.0))
    event(nominal.ground, "board-up", nominal.within(nominal.patience.board_up_s))
    assert nominal.hand.environment().latch_up_a == 0.0
    works(nominal, jobs)
