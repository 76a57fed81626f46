"""`vanallen bench governor`: the default governor against named baselines in the same plant.

The rules are in `hil.governors.contest`; the whole table is written beside its plot. A goal that is
missed is shown as missed, with the figure.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.governors.contest import LOOK_AHEAD, SCENARIOS, STEP_WISE, compare, make_field, tune
from hil.governors.plot import draw_table

HELD_OUT = 20
OUT = Path("runs/governor")
JOBS_GOAL, WORSE_GOAL = 1.10, 0.02
BOUND = "bound"


def run(seeds: int = HELD_OUT, out: Path = OUT) -> Mapping[str, Any]:
    """Tune on training seeds, fly the held-out ones, and say which goals are met."""
    field = make_field()
    chosen = tune(field)
    table = compare(field, chosen, range(seeds))
    result = {"seeds": seeds, "chosen": chosen, **judge(table), "table": table}
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.json").write_text(json.dumps(result, indent=1), "utf-8")
    (out / "table.svg").write_text(draw_table(table), "utf-8")
    return result


def judge(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """The figures that the goals are about, and the goals."""
    ours = {scenario: rows[LOOK_AHEAD] for scenario, rows in table.items()}
    ratios = {
        s: ours[s]["jobs_per_orbit"] / table[s][STEP_WISE]["jobs_per_orbit"] for s in SCENARIOS
    }
    behind = {s: _best(rows) - ours[s]["on_time"] for s, rows in table.items()}
    behind_any = {
        s: _best(rows, within_limits=False) - ours[s]["on_time"] for s, rows in table.items()
    }
    return {
        "brown_outs": max(row["brown_outs"] for row in ours.values()),
        "above_limit_ks": max(row["above_ks"] for row in ours.values()),
        "jobs_vs_step_wise": ratios,
        "behind_best_within_limits": behind,
        "behind_best_of_all": behind_any,
        "goals": {
            "no_brown_outs": all(row["brown_outs"] == 0 for row in ours.values()),
            "never_above_limit": all(row["above_ks"] == 0 for row in ours.values()),
            "jobs_vs_step_wise": min(ratios.values()) >= JOBS_GOAL,
            "never_far_behind": max(behind_any.values()) <= WORSE_GOAL,
        },
    }


def _best(rows: Mapping[str, Mapping[str, float]], *, within_limits: bool = True) -> float:
    """Best on-time share of any baseline; of those that keep heat and charge where asked."""
    fair = [
        row["on_time"]
        for name, row in rows.items()
        if name not in (LOOK_AHEAD, BOUND)
        and (not within_limits or (row["above_ks"] == 0 and row["brown_outs"] == 0))
    ]
    return max(fair)
