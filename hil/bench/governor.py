"""`vanallen bench governor`: the default governor against named baselines in the same plant.

The rules are in `hil.governors.contest`; the whole table is written as JSON and drawn in a report. A
goal that is missed is shown as missed, with the figure. `oracle_vs_step_wise` bounds what any governor
could reach: where it is below the goal, the goal is out of reach in that scenario.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from flight_sw.errors import UserError
from hil.governors.contest import (
    LOOK_AHEAD,
    ORACLE,
    STEP_WISE,
    Run,
    bound_run,
    bounds_of,
    compare,
    fly_run,
    tune,
)
from hil.governors.page import render

HELD_OUT = 20
OUT = Path("runs/governor")
JOBS_GOAL, WORSE_GOAL = 1.10, 0.02
Table = Mapping[str, Mapping[str, Mapping[str, float]]]
T = TypeVar("T")


def run(seeds: int = HELD_OUT, out: Path = OUT) -> Mapping[str, Any]:
    """Tune on training seeds, fly the held-out ones, and say which goals are met.

    Raises:
        UserError: scipy, which solves the oracle's programme, is not installed.
    """
    _require_scipy()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
        fly_all = _spread(pool, fly_run)
        chosen = tune(fly_all=fly_all)
        table = compare(chosen, range(seeds), fly_all)
        for scenario, rows in table.items():
            runs = [Run(scenario, ORACLE, "", seed) for seed in range(seeds)]
            rows[ORACLE] = bounds_of(_spread(pool, bound_run)(runs))
    result = {"seeds": seeds, "chosen": chosen, **judge(table), "table": table}
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.json").write_text(json.dumps(result, indent=1), "utf-8")
    (out / "report.html").write_text(render(result, JOBS_GOAL), "utf-8")
    return result


def judge(table: Table) -> dict[str, Any]:
    """The figures that the goals are about, and the goals."""
    ours = {scenario: rows[LOOK_AHEAD] for scenario, rows in table.items()}
    ratios = _against_step_wise(table, LOOK_AHEAD)
    behind = {s: _best(rows) - ours[s]["on_time"] for s, rows in table.items()}
    behind_any = {
        s: _best(rows, within_limits=False) - ours[s]["on_time"] for s, rows in table.items()
    }
    oracle_behind = {
        s: _best(rows, within_limits=False) - rows[ORACLE]["on_time"] for s, rows in table.items()
    }
    return {
        "brown_outs": max(row["brown_outs"] for row in ours.values()),
        "above_limit_ks": max(row["above_ks"] for row in ours.values()),
        "jobs_vs_step_wise": ratios,
        "oracle_vs_step_wise": _against_step_wise(table, ORACLE),
        "behind_best_within_limits": behind,
        "behind_best_of_all": behind_any,
        "oracle_behind_best_of_all": oracle_behind,
        "goals": {
            "no_brown_outs": all(row["brown_outs"] == 0 for row in ours.values()),
            "never_above_limit": all(row["above_ks"] == 0 for row in ours.values()),
            "jobs_vs_step_wise": min(ratios.values()) >= JOBS_GOAL,
            "never_far_behind": max(behind_any.values()) <= WORSE_GOAL,
            "never_far_behind_within_limits": max(behind.values()) <= WORSE_GOAL,
        },
    }


def _against_step_wise(table: Table, name: str) -> dict[str, float]:
    return {
        scenario: rows[name]["jobs_per_orbit"] / rows[STEP_WISE]["jobs_per_orbit"]
        for scenario, rows in table.items()
    }


def _spread(pool: Executor, work: Callable[[Run], T]) -> Callable[[Sequence[Run]], Sequence[T]]:
    """The same work for many runs on all cores, in the order of the runs."""
    return lambda runs: list(pool.map(work, runs))


def _require_scipy() -> None:
    try:
        import scipy.optimize  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError("bench governor needs scipy; run: pip install 'vanallen[bench]'") from error


def _best(rows: Mapping[str, Mapping[str, float]], *, within_limits: bool = True) -> float:
    """Best on-time share of any baseline; of those that keep heat and charge where asked."""
    fair = [
        row["on_time"]
        for name, row in rows.items()
        if name not in (LOOK_AHEAD, ORACLE)
        and (not within_limits or (row["above_ks"] == 0 and row["brown_outs"] == 0))
    ]
    return max(fair)
