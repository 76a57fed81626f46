"""Every class of the catalog is sampled, in each tier: nothing silent, nothing hung, nothing dead."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flight_sw.inference.job import Protection
from hil.campaign.trials.benches import Benches
from hil.campaign.trials.bounds import upper_bound
from hil.campaign.trials.draw import PAIRS
from hil.campaign.trials.engine import LocalEngine
from hil.campaign.trials.plan import Cell, Plan, Shard
from hil.campaign.trials.runner import RunOptions, run_campaign
from hil.faults.classes import CATALOG, FaultClass

BATCH = 24
SEED = 20_261_121


MODELS = {False: "hotspot", True: "telemetry-anomaly"}
# Of the note's table and of ours: what 299 of each would cost too much for every commit.
DEAR = {
    "seu-process",
    "stuck-bit",
    "store-io",
    "boot-loop",
    "clock",
    "sensor",
    "heat",
    "recovery",
    "pair",
    "link",
}


@pytest.fixture(scope="module")
def benches() -> Iterator[dict[bool, Benches]]:
    """Kits shared by all classes: with a model whose answers are small where they matter little."""
    with ExitStack() as opened:
        yield {
            light: opened.enter_context(Benches(model, "emulated", brisk=True))
            for light, model in MODELS.items()
        }


@pytest.mark.parametrize("fault", FaultClass)
def test_faults_of_every_class_end_well(benches: dict[bool, Benches], fault: FaultClass) -> None:
    """The CI number of each class: no failure, every fault landed, each way within its limits."""
    entry = CATALOG[fault]
    cell = Cell(fault, Protection(entry.promised))
    trials = list(benches[entry.light].run(Shard(cell, 0, entry.ci), SEED, BATCH))
    assert [trial for trial in trials if trial.failed] == []
    assert Counter(trial.outcome for trial in trials)["void"] == 0
    assert len(trials) == entry.ci
    assert {trial.variant.split("+")[0] for trial in trials} <= _ways(fault)


def test_most_classes_are_sampled_to_a_percent_by_every_commit() -> None:
    """299 faults of each class but the dear ones, whose every way and every pair still comes."""
    few = {fault.value for fault, entry in CATALOG.items() if entry.ci < 299}
    assert few == DEAR
    assert upper_bound(0, 299) <= 0.01
    assert CATALOG[FaultClass.PAIR].ci >= len(PAIRS)
    assert all(CATALOG[FaultClass(one)].long >= 299 for one in DEAR)


@pytest.mark.long
@pytest.mark.parametrize("fault", FaultClass)
def test_long_tier(fault: FaultClass, tmp_path: Path) -> None:
    """The long number of each class, each fault alone, on all processors: no failure."""
    entry = CATALOG[fault]
    protections = (Protection(entry.promised),)
    plan = Plan(faults=(fault.value,), n=entry.long, seed=SEED + 1, protections=protections)
    table = run_campaign(plan, RunOptions(tmp_path / "long"), LocalEngine(), lambda _: None)
    assert table["failures"] == 0, table["cells"]
    assert table["complete"]


def _ways(fault: FaultClass) -> set[str]:
    entry = CATALOG[fault]
    two = (FaultClass.PAIR, FaultClass.RECOVERY)
    ways = {way for one in CATALOG.values() for way in one.variants}
    return ways if fault in two else set(entry.variants)
