"""The comparison of governors: equal budgets for tuning, held-out seeds, intervals, one table.

Each tunable policy has four candidates, its model's own default among them. Candidates fly the training
seeds in all scenarios; the best on-time share wins after a heavy charge for heat above the limit and for
brown-outs. Then all fly the held-out seeds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from flight_sw.resources.lookahead import Caution
from hil.environment.conditions import Conditions, conditions_along
from hil.environment.orbit import load_orbit
from hil.environment.vehicle import Vehicle, load_vehicle
from hil.governors import baselines, ours
from hil.governors.oracle import best_on_time
from hil.governors.plant import LIMIT_C, Outcome, Trace, fly_policy, make_trace, task_of
from hil.governors.policy import Policy, Task

SCENARIOS = {
    "nominal": "cubesat-12u",
    "small radiator": "small-radiator",
    "power-poor": "power-poor",
}
ORBITS = 3
FORECAST_ORBITS = 4  # beyond the end, for the last forecast
TRAINING_SEEDS = range(1000, 1002)
STUDENT_95 = {20: 2.093, 10: 2.262, 5: 2.776, 3: 4.303, 2: 12.706}  # two-sided, n - 1 degrees
HEAT_CHARGE, BROWN_OUT_CHARGE = 1e-3, 0.2  # of on-time share, per kelvin second and per brown-out
LOOK_AHEAD, STEP_WISE, ORACLE = "look-ahead", "step_wise", "oracle bound"
Make = Callable[[Task], Policy]

FIXED: dict[str, Make] = {
    "fixed 1800": lambda _: baselines.Fixed(3),
    "fixed 1400": lambda _: baselines.Fixed(2),
    "fixed 1000": lambda _: baselines.Fixed(1),
    "Pi firmware": baselines.PiFirmware,
    "Jetson clamp": baselines.JetsonClamp,
    "step_wise default": lambda task: baselines.StepWise(task, LIMIT_C),
    "power_allocator default": lambda task: baselines.PowerAllocator(task, LIMIT_C, 70.0, 3.8),
}


def _bang_bang(trip_c: float, hysteresis_k: float) -> Make:
    return lambda task: baselines.BangBang(task, trip_c, hysteresis_k)


def _step_wise(trip_c: float) -> Make:
    return lambda task: baselines.StepWise(task, trip_c)


def _allocator(desired_c: float, on_c: float, sustainable_w: float) -> Make:
    return lambda task: baselines.PowerAllocator(task, desired_c, on_c, sustainable_w)


def _barrier(heat: float, energy: float) -> Make:
    return lambda task: baselines.Barrier(task, heat, energy)


def _staircase(soft_c: float, release_c: float) -> Make:
    return lambda task: ours.Staircase(task, soft_c, release_c)


def _look_ahead(margin_k: float, haste: float, reserve_wh: float) -> Make:
    return lambda task: ours.LookAhead(task, Caution(margin_k, haste=haste, reserve_wh=reserve_wh))


def _labelled(make: Callable[..., Make], *candidates: tuple[float, ...]) -> dict[str, Make]:
    return {"/".join(f"{v:g}" for v in values): make(*values) for values in candidates}


TUNED: dict[str, dict[str, Make]] = {
    "bang-bang": _labelled(_bang_bang, (80, 10), (80, 4), (79, 3), (78, 3)),
    STEP_WISE: _labelled(_step_wise, (80,), (79,), (78,), (77,)),
    "power_allocator": _labelled(
        _allocator, (80, 70, 3.8), (80, 75, 3.8), (79.5, 74, 4.2), (79, 76, 3.6)
    ),
    "barrier": _labelled(_barrier, (0.3, 0.002), (0.1, 0.01), (0.6, 0.005), (0.3, 0.02)),
    "staircase": _labelled(_staircase, (80, 74), (79, 77), (78.5, 77.5), (78, 76)),
    LOOK_AHEAD: _labelled(
        _look_ahead, (0.3, 1.6, 0.3), (0.0, 1.6, 0.3), (0.0, 2.0, 0.3), (0.0, 2.0, 0.5)
    ),
}


@dataclass(frozen=True, slots=True)
class Field:
    """Where the contest is held: conditions, vehicles, and the traces of some seeds."""

    conditions: Conditions
    vehicles: Mapping[str, Vehicle]
    duration_s: float

    def fly(self, make: Make, scenario: str, trace: Trace) -> Outcome:
        """One run."""
        vehicle = self.vehicles[scenario]
        policy = make(task_of(trace, vehicle))
        return fly_policy(policy, vehicle, self.conditions, trace, self.duration_s)


def make_field(orbit: str = "leo-550") -> Field:
    """Three orbits at 550 km with the three shipped vehicles."""
    path = load_orbit(orbit)[1]
    vehicles = {name: load_vehicle(file) for name, file in SCENARIOS.items()}
    reach_s = (ORBITS + FORECAST_ORBITS) * path.period_s
    return Field(conditions_along(path, reach_s), vehicles, ORBITS * path.period_s)


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one seed; `label` names the candidate of a tuned policy."""

    scenario: str
    policy: str
    label: str
    seed: int


def fly_run(run: Run) -> Outcome:
    """Fly it; conditions and traces are made once in each process."""
    field = _the_field()
    trace = _trace(run.seed)
    make = TUNED[run.policy][run.label] if run.policy in TUNED else FIXED[run.policy]
    return field.fly(make, run.scenario, trace)


def bound_run(run: Run) -> tuple[float, float]:
    """The oracle's bound on that seed: share of tiles in time, and tiles of a run."""
    field = _the_field()
    trace = _trace(run.seed)
    share = best_on_time(field.vehicles[run.scenario], field.conditions, trace, field.duration_s)
    return share, share * sum(tiles for _, tiles in trace.arrivals)


def bounds_of(found: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The oracle's row of the table: what can be bounded, and nothing else."""
    shares = [share for share, _ in found]
    return {
        "on_time": float(np.mean(shares)),
        "on_time_ci": half_width(shares),
        "jobs_per_orbit": float(np.mean([tiles for _, tiles in found])) / ORBITS,
    }


FlyAll = Callable[[Sequence[Run]], Sequence[Outcome]]


def fly_here(runs: Sequence[Run]) -> list[Outcome]:
    """All in this process, one after the other."""
    return [fly_run(run) for run in runs]


def tune(seeds: Sequence[int] = TRAINING_SEEDS, fly_all: FlyAll = fly_here) -> dict[str, str]:
    """For each tunable policy the candidate that does best on the training seeds."""
    runs = [
        Run(scenario, name, label, seed)
        for name, candidates in TUNED.items()
        for label in candidates
        for scenario in SCENARIOS
        for seed in seeds
    ]
    scores: dict[str, dict[str, float]] = {name: dict.fromkeys(TUNED[name], 0.0) for name in TUNED}
    for run, outcome in zip(runs, fly_all(runs), strict=True):
        scores[run.policy][run.label] += _score(outcome)
    return {name: max(of, key=of.__getitem__) for name, of in scores.items()}


def compare(
    chosen: Mapping[str, str], seeds: Sequence[int], fly_all: FlyAll = fly_here
) -> dict[str, dict[str, dict[str, float]]]:
    """Scenario -> policy -> figures with their 95 % intervals over the seeds."""
    labels = dict.fromkeys(FIXED, "") | dict(chosen)
    rows = [(scenario, name) for scenario in SCENARIOS for name in labels]
    runs = [Run(scenario, name, labels[name], seed) for scenario, name in rows for seed in seeds]
    outcomes = fly_all(runs)
    table: dict[str, dict[str, dict[str, float]]] = {scenario: {} for scenario in SCENARIOS}
    for number, (scenario, name) in enumerate(rows):
        first = number * len(seeds)
        table[scenario][name] = figures(outcomes[first : first + len(seeds)])
    return table


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Means over seeds, and half widths of the 95 % interval of the two shares."""
    on_time = [outcome.on_time for outcome in outcomes]
    per_joule = [outcome.per_joule for outcome in outcomes]
    return {
        "on_time": float(np.mean(on_time)),
        "on_time_ci": half_width(on_time),
        "jobs_per_orbit": float(np.mean([outcome.correct for outcome in outcomes])) / ORBITS,
        "per_joule": float(np.mean(per_joule)),
        "per_joule_ci": half_width(per_joule),
        "above_ks": float(np.mean([outcome.above_ks for outcome in outcomes])),
        "brown_outs": float(np.mean([outcome.brown_outs for outcome in outcomes])),
        "lowest_charge": float(np.min([outcome.lowest_charge for outcome in outcomes])),
        "max_temp_c": float(np.max([outcome.max_temp_c for outcome in outcomes])),
    }


def half_width(values: Sequence[float]) -> float:
    """Half width of the 95 % interval of the mean (Student)."""
    count = len(values)
    if count < 2:
        return math.inf
    factor = STUDENT_95.get(count, 2.0 if count > 20 else 3.2)
    return factor * float(np.std(values, ddof=1)) / math.sqrt(count)


def _score(outcome: Outcome) -> float:
    heat = HEAT_CHARGE * outcome.above_ks
    return outcome.on_time - heat - BROWN_OUT_CHARGE * outcome.brown_outs


@cache
def _the_field() -> Field:
    return make_field()


@lru_cache(maxsize=64)
def _trace(seed: int) -> Trace:
    field = _the_field()
    return make_trace(seed, field.duration_s, field.conditions)
