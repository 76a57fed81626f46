"""Every fault class of the catalog by the thousand: none is silent, hangs or kills."""

import pytest

from flight_sw.inference.job import Protection
from hil.campaign.trials.benches import Benches
from hil.campaign.trials.plan import SHARD_TRIALS, Cell, Shard
from hil.faults.classes import CATALOG, FaultClass
from tests.figures.scale import FAULTS_PERCENT

SEED = 91
NOT_BACK = ("hang", "dead")
SPARE = 1.05  # trials beyond the goal, because some faults find nothing and are void
SPARE_OF_TWO = 1.3  # the first may leave the second nothing to strike
TWO = (FaultClass.PAIR, FaultClass.RECOVERY)


@pytest.fixture(scope="module")
def benches():
    """The shipped model on the emulated board."""
    with Benches("hotspot", "emulated") as opened:
        yield opened


def trials_of(benches, fault, count):
    """So many faults of a class, under the protection that promises most, in a campaign's shards."""
    cell = Cell(fault, Protection(CATALOG[fault].promised))
    for first in range(0, count, SHARD_TRIALS):
        yield from benches.run(Shard(cell, first, min(SHARD_TRIALS, count - first)), SEED)


@pytest.mark.long
@pytest.mark.figure("F3", "F4")
@pytest.mark.parametrize("fault", list(FaultClass), ids=lambda fault: fault.value)
def test_no_fault_of_a_class_is_silent_hangs_or_kills(fault, benches, figure):
    """As many as the long tier asks for; what failed is named by the id that does it again."""
    spare = SPARE_OF_TWO if fault in TWO else SPARE
    count = round(CATALOG[fault].long * spare * FAULTS_PERCENT.value / 100)
    trials = list(trials_of(benches, fault, count))
    landed = [trial for trial in trials if trial.outcome != "void"]
    failed = [trial for trial in landed if trial.failed]
    figure("F4.landed", len(landed), label=fault.value)
    figure("F4.failures", len(failed))
    figure("F3.not_back", sum(trial.outcome in NOT_BACK for trial in landed))
    figure("F3.worst_s", max((trial.recover_s or 0.0 for trial in landed), default=0.0))
    assert not failed, [f"{fault.value}:{SEED}:{trial}" for trial in failed[:3]]
