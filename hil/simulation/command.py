"""`vanallen simulate`: fly days in seconds, show progress, write the report."""

import html
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flight_sw.errors import UserError
from hil.simulation.flight import Flight, FlightOptions, fly, passed, rerun, summary
from hil.simulation.report import write_report

DAYS_MAX = 400.0


def simulate_command(options: FlightOptions, out: Path, *, as_json: bool) -> int:
    """Fly and report; 0 if no answer was wrong, else 1 and the line that flies it again.

    Raises:
        UserError: something in the options cannot be used.
    """
    if not 0 < options.days <= DAYS_MAX:
        raise UserError(f"--days {options.days:g}: give more than 0 and at most {DAYS_MAX:g}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot make the folder: {error.strerror}") from error
    started_s = time.process_time()
    reached = deque([0.0], maxlen=1)
    try:
        flight = _fly(options, reached.append, bar=sys.stderr.isatty() and not as_json)
    except KeyboardInterrupt:
        _end_early(options, out, reached[-1])
        raise
    spent_s = time.process_time() - started_s
    figures = summary(flight)
    figures["seconds_per_sim_day"] = round(spent_s / options.days, 3)
    (out / "summary.json").write_text(json.dumps(figures, indent=1), "utf-8")
    write_report(flight, out / "report.html")
    print(json.dumps(figures, indent=1) if as_json else _words(figures, out))
    if not passed(flight):
        print(f"failed; fly it again: {rerun(options)}", file=sys.stderr)
        return 1
    return 0


def _fly(options: FlightOptions, reached: Callable[[float], None], *, bar: bool) -> Flight:
    if not bar:
        return fly(options, reached)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(f"{options.days:g} days on {options.orbit}", total=1.0)

        def both(share: float) -> None:
            reached(share)
            shown.update(task, completed=share)

        return fly(options, both)


def _end_early(options: FlightOptions, out: Path, share: float) -> None:
    """A summary and a page that say how far it came; nothing of it is judged."""
    figures = {
        "orbit": options.orbit,
        "days": options.days,
        "seed": options.seed,
        "ended_early": "somebody interrupted it",
        "reached_days": round(share * options.days, 4),
        "again": rerun(options),
    }
    (out / "summary.json").write_text(json.dumps(figures, indent=1), "utf-8")
    rows = "".join(f"<p>{name}: {html.escape(str(value))}</p>\n" for name, value in figures.items())
    head = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>ended early</title>\n'
    (out / "report.html").write_text(f"{head}<h1>This flight ended early</h1>\n{rows}</html>\n")
    print(f"ended early; fly it again: {figures['again']}", file=sys.stderr)


def _words(figures: dict[str, Any], out: Path) -> str:
    jobs, hits = figures["jobs"], figures["hits"]
    rows = {
        "jobs": (
            f"{jobs['equal_to_golden']} of {jobs['submitted']} answered rightly, "
            f"{jobs['on_time']} on time, {jobs['wrong']} wrong"
        ),
        "particles": f"{hits['landed']} of {hits['planned']} hit something, {hits['void']} nothing",
        "up": (
            f"{100 * figures['availability']:.2f} % of the time, {figures['boots']} boots, "
            f"{figures['brown_outs']} brown-outs"
        ),
        "hottest": f"{figures['max_temp_c']:.1f} °C",
        "charge": f"{100 * figures['lowest_charge']:.0f} % at the lowest",
        "trace": figures["trace_hash"][:16],
        "report": str(out / "report.html"),
    }
    title = (
        f"{figures['days']:g} days on {figures['orbit']}, seed {figures['seed']}: "
        f"{figures['seconds_per_sim_day']:.1f} s of processor time per day"
    )
    lines = [title, *(f"{name:<10}{text}" for name, text in rows.items())]
    lines += [f"declared  {line}" for line in figures["declared"]]
    return "\n".join(lines)
