"""A campaign at the desk: progress while it runs, words or JSON afterwards, and the report."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_sw.errors import UserError
from hil.campaign.trials.benches import Benches
from hil.campaign.trials.bounds import upper_bound
from hil.campaign.trials.engine import Engine, LocalEngine
from hil.campaign.trials.plan import SHARD_TRIALS, Cell, Plan, Shard, parse_id, shards_of
from hil.campaign.trials.runner import RunOptions, Show, State, run_campaign
from hil.campaign.trials.shards import read_all, read_stored_plan
from hil.campaign.trials.table import make_table

REPORT_FILE = "report.html"


def run_session(plan: Plan, options: RunOptions, engine: Engine, *, as_json: bool) -> int:
    """Run a plan; 0 if nothing failed, else 1.

    Raises:
        UserError: the plan, the folder, the model or the engine cannot be used.
    """
    engine.check(plan)  # a mistake is told before anything is written
    if sys.stderr.isatty() and not as_json:
        table = _with_bar(plan, options, engine)
    else:
        table = run_campaign(plan, options, engine, lambda _: None)
    report = options.folder / REPORT_FILE
    _write_report(plan, options.folder)
    typed = table | {"folder": str(options.folder), "report": str(report)}
    print(json.dumps(typed, indent=1) if as_json else "\n".join(_words(typed)))
    return 1 if table["failures"] else 0


def make_engine(name: str, workers: int, board: str, inventory: Path | None) -> Engine:
    """The engine of that name; an inventory means a board of the rig.

    Raises:
        UserError: there is none, it is not installed, or the inventory has no such board.
    """
    if name == "port" or inventory is not None:
        from hil.campaign.trials.port_engine import PortEngine, board_entry

        return PortEngine(board_entry(board, inventory))
    if name == "local":
        return LocalEngine(workers)
    if name != "ray":
        raise UserError(f"--engine {name}: write local, ray or port")
    from hil.campaign.trials.ray_engine import RayEngine

    return RayEngine(workers)


@dataclass(frozen=True, slots=True)
class FlownAs:
    """How the faults of a plan were flown, as far as one of them depends on it; see Plan.

    Args:
        batch: faults of one flight.
        n: faults of each cell of the plan, where the last batch ends; None for a fault before it.
    """

    brisk: bool = False
    batch: int = 1
    n: int | None = None


def replay_session(fault_id: str, flown_as: FlownAs, *, as_json: bool) -> int:
    """Do one fault again: its shard up to it and its batch, as a stack remembers; 1 if it failed.

    Raises:
        UserError: there is no such fault.
    """
    wanted = parse_id(fault_id)
    first = wanted.index - wanted.index % SHARD_TRIALS
    place = wanted.index - first
    if flown_as.n is not None and wanted.index >= flown_as.n:
        raise UserError(f"{fault_id}: a plan with --n {flown_as.n} ends at {flown_as.n - 1}")
    count = (
        place + 1 if flown_as.batch == 1 else min(SHARD_TRIALS, (flown_as.n or sys.maxsize) - first)
    )
    shard = Shard(Cell(wanted.fault, wanted.protection), first, count)
    with Benches(wanted.model, wanted.board, brisk=flown_as.brisk) as benches:
        trial = list(benches.run(shard, wanted.seed, flown_as.batch))[place]
    figures = {name: getattr(trial, name) for name in trial.__struct_fields__}
    if as_json:
        print(json.dumps({"id": str(wanted)} | figures, indent=1))
    else:
        print(f"{wanted}: {trial.outcome} ({trial.why})")
        shown = {k: v for k, v in figures.items() if k not in ("index", "outcome", "why")}
        print("\n".join(f"  {name:<10}{value}" for name, value in shown.items()))
    return 1 if trial.failed else 0


def report_session(folder: Path) -> int:
    """Write the report of what is there."""
    _write_report(read_stored_plan(folder).plan, folder)
    print(folder / REPORT_FILE)
    return 0


def _write_report(plan: Plan, folder: Path) -> None:
    from hil.campaign.trials.report import write_report

    found = read_all(folder, plan.digest, shards_of(plan))
    write_report(plan, found, make_table(plan, found), folder / REPORT_FILE)


def _with_bar(plan: Plan, options: RunOptions, engine: Engine) -> dict[str, Any]:
    """A bar with the rate and the bound that holds so far."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(plan.name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    started_s, first = time.monotonic(), [None]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(state: State) -> None:
            first[0] = state.done if first[0] is None else first[0]
            rate = (state.done - first[0]) / max(time.monotonic() - started_s, 1e-3)
            bound = upper_bound(state.failures, state.landed)
            text = f"{rate:.1f}/s · {state.failures} failed · below {100 * bound:.2g} %"
            bar.update(task, completed=state.done, total=state.planned, description=text)

        shown: Show = show
        return run_campaign(plan, options, engine, shown)


def _words(table: dict[str, Any]) -> list[str]:
    counted = f"{table['trials']} faults, {table['failures']} failures"
    lines = [f"{table['name']}: {counted}, model {table['model']}, seed {table['seed']}"]
    for row in table["cells"].values():
        words = ", ".join(f"{n} {word}" for word, n in row["outcomes"].items() if n)
        upper = row["failure_rate"]["upper"]
        lines.append(
            f"{row['class']:<15}{row['protection']:<9} {words} · failures below {100 * upper:.3g} %"
        )
        lines += [f"  failed: {e['id']} ({e['why']})" for e in row["examples"][:3]]
    lines += [f"  ended early: {cell} {word}" for cell, word in table["ended_early"].items()]
    return [*lines, table["holds_for"], f"report {table['report']}"]
