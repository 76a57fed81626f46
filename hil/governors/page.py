"""The comparison of governors as one page: goals, what the oracle says of them, and the whole table."""

import html
from collections.abc import Mapping
from typing import Any

from hil.governors.plot import draw_table

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#22303c;max-width:70rem;margin:2rem auto;"
    "padding:0 1rem}td,th{padding:.15rem .8rem .15rem 0;text-align:left}svg{max-width:100%}"
)


def render(result: Mapping[str, Any], jobs_goal: float) -> str:
    """HTML of one run of the bench; stands alone."""
    goals = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{'met' if met else 'missed'}</td></tr>"
        for name, met in result["goals"].items()
    )
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in verdicts(result, jobs_goal))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Governors compared</title><style>{_STYLE}</style>
<h1>Governors compared over {result["seeds"]} seeds</h1>
<table>{goals}</table>
<ul>{lines}</ul>
{draw_table(result["table"])}
</html>
"""


def verdicts(result: Mapping[str, Any], jobs_goal: float) -> list[str]:
    """A sentence for each scenario: what was reached, and what nobody can exceed."""
    lines = []
    for scenario, reached in result["jobs_vs_step_wise"].items():
        bound = result["oracle_vs_step_wise"][scenario]
        what = (
            f"{scenario}: {reached:.3f} times the jobs of step_wise within equal limits; no governor "
            f"can exceed {bound:.3f}, for that is what one who knew every arrival would reach"
        )
        if bound < jobs_goal:
            what += f", so {jobs_goal:.2f} is out of reach here"
        behind = result["behind_best_within_limits"][scenario]
        place = f"{100 * behind:.1f} % behind" if behind > 0 else f"{-100 * behind:.1f} % ahead of"
        lines.append(f"{what}. On time: {place} the best baseline that keeps heat and charge.")
        ours = result["behind_best_of_all"][scenario]
        oracle = result["oracle_behind_best_of_all"][scenario]
        if oracle > 0:
            lines.append(
                f"{scenario}: the best baseline of all breaks a limit and is {100 * ours:.1f} % ahead; "
                f"even the oracle, which keeps the limits, stays {100 * oracle:.1f} % behind it."
            )
    return lines
