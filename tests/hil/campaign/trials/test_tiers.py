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
from hil.campaign.trials.trial import Trial
from hil.faults.classes import CATALOG, DEAR_CI, HEAT_CI, Bench, FaultClass

BATCH = 24
SEED = 20_261_121
# A real process is never the same twice, so chance decides where a bit lies in it. One failure there
# asks for more: 1 of 473 says the same as 0 of 299, a rate below 1 % at 95 % confidence.
ONE_OF = 473
# Begun first, so that two processes end at about the same time.
LONGEST = frozenset(
    {
        FaultClass.SEU_PROCESS,
        FaultClass.SENSOR,
        FaultClass.RECOVERY,
        FaultClass.HEAT,
        FaultClass.STUCK_BIT,
        FaultClass.SEFI,
    }
)

TWO = (FaultClass.PAIR, FaultClass.RECOVERY)
MODELS = {False: "hotspot", True: "telemetry-anomaly"}


@pytest.fixture(scope="module")
def benches() -> Iterator[dict[bool, Benches]]:
    """Kits shared by all classes: with a model whose answers are small where they matter little."""
    with ExitStack() as opened:
        yield {
            light: opened.enter_context(Benches(model, "emulated", brisk=True))
            for light, model in MODELS.items()
        }


@pytest.mark.parametrize("fault", sorted(FaultClass, key=lambda one: one not in LONGEST))
def test_faults_of_every_class_end_well(benches: dict[bool, Benches], fault: FaultClass) -> None:
    """The CI number of each class: no failure, every fault landed, each way within its limits."""
    entry = CATALOG[fault]
    trials = fly(benches, fault, 0, entry.ci)
    failed = [trial for trial in trials if trial.failed]
    if len(failed) == 1 and entry.bench is Bench.PROCESS:
        trials += fly(benches, fault, entry.ci, ONE_OF - entry.ci)
        failed = [trial for trial in trials if trial.failed][1:]
    assert failed == []
    void = Counter(trial.outcome for trial in trials)["void"]
    if fault in TWO:  # the first may leave the second nothing to strike; others come instead
        assert void < len(trials) / 3
        more = fly(benches, fault, entry.ci, 2 * void)
        assert [trial for trial in more if trial.failed] == []
        assert sum(trial.outcome != "void" for trial in trials + more) >= entry.ci
    else:
        assert void == 0
    assert len(trials) >= entry.ci
    assert {trial.variant.split("+")[0] for trial in trials} <= _ways(fault)


def fly(benches: dict[bool, Benches], fault: FaultClass, first: int, count: int) -> list[Trial]:
    """So many faults of a class, in batches where it can be."""
    entry = CATALOG[fault]
    shard = Shard(Cell(fault, Protection(entry.promised)), first, count)
    return list(benches[entry.light].run(shard, SEED, BATCH))


def test_most_classes_are_sampled_to_a_percent_by_every_commit() -> None:
    """299 faults of each class but five, which the long tier samples so; every pair comes."""
    few = {fault.value: entry.ci for fault, entry in CATALOG.items() if entry.ci < 299}
    dear = ("seu-process", "sensor", "stuck-bit", "recovery")
    assert few == dict.fromkeys(dear, DEAR_CI) | {"heat": HEAT_CI}
    assert upper_bound(0, DEAR_CI) <= 0.03
    assert CATALOG[FaultClass.HEAT].long == 299
    assert {entry.long for entry in CATALOG.values()} == {299, 2995}
    assert upper_bound(0, 299) <= 0.01
    assert upper_bound(1, ONE_OF) <= 0.01
    assert upper_bound(0, 2995) <= 0.001
    assert upper_bound(0, HEAT_CI) <= 1 / 3
    assert CATALOG[FaultClass.PAIR].ci >= len(PAIRS)


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
    ways = {way for one in CATALOG.values() for way in one.variants}
    return ways if fault in TWO else set(entry.variants)
