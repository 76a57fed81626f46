"""The report of a campaign: one HTML file, its tables and plots inline, a line for each failure."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hil.campaign.record import Outcome
from hil.campaign.trials import plots
from hil.campaign.trials.plan import SHARD_TRIALS, Cell, Plan, Shard, cells_of
from hil.campaign.trials.shards import ShardFile
from hil.campaign.trials.strata import render_strata
from hil.campaign.trials.table import fault_id, trials_of
from hil.campaign.trials.trial import Trial
from hil.faults.classes import CATALOG, Bench

BENCHES = {
    Bench.STACK: "controller, node, worker and both links in virtual time; results are computed",
    Bench.STORE: "the store on an emulated disk that loses, tears and reorders what was not synced",
    Bench.PROCESS: "a real worker process, hit through /proc/PID/mem; its memory layout differs from "
    "run to run, so a replay hits the same place of another layout",
    Bench.GRAPH: "a live model, its activations hit between two layers",
}
ON_A_PORT = (
    "real programs and a real port, in real time; times count from the strike to the report, and "
    '"replay" repeats a fault on the stack bench of a shipped board alone'
)
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#22303c;max-width:66rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2.2rem}table{border-collapse:collapse}
td,th{padding:.2rem .8rem .2rem 0;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td:first-child,th:first-child,td.t{text-align:left}tr:nth-child(even) td{background:#f8fafc}
code{background:#f1f5f9;padding:.1rem .3rem;word-break:break-all;white-space:normal}
details{margin:.4rem 0}summary{cursor:pointer}
svg{max-width:100%;height:auto}.bad{color:#b91c1c;font-weight:600}.wide{overflow-x:auto}
p.note{color:#52606d}
"""


def write_report(
    plan: Plan, found: Mapping[Shard, ShardFile], table: Mapping[str, Any], path: Path
) -> None:
    """Render the page into `path`."""
    path.write_text(render(plan, found, table), "utf-8")


def render(plan: Plan, found: Mapping[Shard, ShardFile], table: Mapping[str, Any]) -> str:
    """The page as HTML text."""
    cells = [(cell, trials_of(found, cell)) for cell in cells_of(plan)]
    cells = [(cell, trials) for cell, trials in cells if trials]
    failures = table["failures"]
    verdict = "nothing failed" if not failures else f'<span class="bad">{failures} failed</span>'
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_safe(plan.name)}</title>',
        f"<style>{_STYLE}</style>",
        f"<h1>Campaign {_safe(plan.name)}: {table['trials']} faults, {verdict}</h1>",
        f'<p class="note">{_safe(table["holds_for"])}</p>',
        _rates(table),
        _section("Where failures come from", _heat_maps(cells)),
        _section("By way, region, layer and bit", render_strata(table)),
        _section("How long detection and recovery take", _latencies(cells)),
        _section("Failures", _failures(plan, cells)),
        _section("Void", _void(table)),
        _section("How it was sampled", _sampling(plan, cells)),
        "</html>\n",
    ]
    return "\n".join(parts)


def _rates(table: Mapping[str, Any]) -> str:
    words = [outcome.value for outcome in Outcome]
    head = "".join(f"<th>{word}</th>" for word in words)
    rows = []
    for row in table["cells"].values():
        rate = row["failure_rate"]
        counts = "".join(
            f"<td{_bad(word, row['outcomes'][word])}>{row['outcomes'][word]}</td>" for word in words
        )
        rows.append(
            f"<tr><td>{row['class']}</td><td class=t>{row['protection']}</td><td>{row['trials']}</td>"
            f"{counts}<td>{100 * rate['rate']:.3g} %</td>"
            f"<td>{100 * rate['low']:.3g} to {100 * rate['high']:.3g} %</td>"
            f"<td>{100 * rate['upper']:.3g} %</td></tr>"
        )
    return (
        f"<div class=wide><table><tr><th>class</th><th>protection</th><th>faults</th>{head}"
        "<th>failed</th><th>95 % interval</th><th>at most</th></tr>"
        + "".join(rows)
        + "</table></div>"
        '<p class="note">Failures are silent, hang and dead, over faults that landed. "At most" is the '
        "one-sided 95 % bound.</p>"
    )


def _heat_maps(cells: Sequence[tuple[Cell, tuple[Trial, ...]]]) -> str:
    drawn = [(cell, trials) for cell, trials in cells if any(trial.layer for trial in trials)]
    if not drawn:
        return "<p>No fault of this campaign fell into a layer.</p>"
    return "".join(
        f"<h3>{cell.fault.value}, {cell.protection.value}</h3>{plots.layer_by_bit(trials)}"
        + _changed(trials)
        for cell, trials in drawn
    )


def _changed(trials: Sequence[Trial]) -> str:
    wrong = [trial for trial in trials if trial.wrong]
    if not wrong:
        return "<p>No final answer was wrong.</p>"
    changed = sum(trial.changed > 0 for trial in wrong)
    return (
        f"<p>{len(wrong)} faults left a final answer that differs from its golden twin in some bit; "
        f"{changed} of them change what the answer says at the card's threshold.</p>"
    )


def _latencies(cells: Sequence[tuple[Cell, tuple[Trial, ...]]]) -> str:
    timed = [(c, t) for c, t in cells if any(one.detect_s or one.recover_s for one in t)]
    return plots.latency_curves(timed) if timed else "<p>Nothing was timed.</p>"


def _failures(plan: Plan, cells: Sequence[tuple[Cell, tuple[Trial, ...]]]) -> str:
    rows = [
        f"<tr><td>{trial.outcome}</td><td class=t>{_safe(trial.variant)}</td>"
        f"<td class=t>{_safe(' '.join(filter(None, (trial.region, trial.layer))))}</td>"
        f"<td class=t>{_safe(trial.why)}</td>"
        f"<td class=t><code>vanallen campaign replay {_safe(fault_id(plan, cell, trial.index))}"
        f"{_manner(plan)}</code></td></tr>"
        for cell, trials in cells
        for trial in [one for one in trials if one.failed][:100]
    ]
    if not rows:
        any_cell = cells[0][0] if cells else None
        line = fault_id(plan, any_cell, 0) if any_cell else ""
        return (
            "<p>None. Any fault is done again by its number: "
            f"<code>vanallen campaign replay {_safe(line)}{_manner(plan)}</code></p>"
        )
    return (
        "<div class=wide><table><tr><th>outcome</th><th>way</th><th>place</th><th>why</th>"
        f"<th>do it again</th></tr>{''.join(rows)}</table></div>"
    )


def _manner(plan: Plan) -> str:
    batch = f" --batch {plan.batch} --n {plan.n}" if plan.batch > 1 else ""
    return batch + (" --brisk" if plan.brisk else "")


def _void(table: Mapping[str, Any]) -> str:
    rows = [
        f"<li>{row['class']}: {count} times: {_safe(why)}</li>"
        for row in table["cells"].values()
        for why, count in row["void"].items()
    ]
    return f"<ul>{''.join(rows)}</ul>" if rows else "<p>Every fault landed.</p>"


def _sampling(plan: Plan, cells: Sequence[tuple[Cell, tuple[Trial, ...]]]) -> str:
    rows = "".join(
        f"<tr><td>{cell.fault.value}</td><td class=t>{_safe(CATALOG[cell.fault].what)}</td>"
        f"<td>{CATALOG[cell.fault].detect_s:g}</td><td>{CATALOG[cell.fault].recover_s:g}</td>"
        f"<td class=t>{_safe(CATALOG[cell.fault].note_s)}</td></tr>"
        for cell, _ in cells
    )
    benches = {CATALOG[cell.fault].bench for cell, _ in cells}
    words = {f"{bench.value}: {BENCHES[bench]}" for bench in benches}
    words = {f"port: {ON_A_PORT}"} if plan.port else words
    lines = "".join(f"<li>{_safe(word)}</li>" for word in sorted(words))
    return (
        f"<p>Plan {plan.digest}, seed {plan.seed}, model {_safe(plan.model)}, board "
        f"{_safe(plan.board)}, shards of {SHARD_TRIALS}{_how(plan)}. "
        "Each fault draws from a stream of its own, named by class and number and not by "
        "protection: columns of one table met the same faults.</p>"
        f"<ul>{lines}</ul><div class=wide><table><tr><th>class</th><th>what</th><th>told by, s</th>"
        f"<th>well by, s</th><th>where the note asks for other limits</th></tr>{rows}</table></div>"
    )


def _how(plan: Plan) -> str:
    """In what it was flown differently from the profile."""
    batch = f", up to {plan.batch} faults of a class in one flight" if plan.batch > 1 else ""
    return batch + (", models load in a tenth of a second" if plan.brisk else "")


def _section(title: str, body: str) -> str:
    return f"<h2>{title}</h2>{body}"


def _bad(word: str, count: int) -> str:
    return ' class="bad"' if count and word in ("silent", "hang", "dead") else ""


def _safe(text: str) -> str:
    return html.escape(text)
