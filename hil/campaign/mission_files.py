"""Flies a mission campaign with a progress bar on a terminal, and writes its figures and its page."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from flight_sw.errors import UserError
from hil.campaign.mission_campaign import MissionPlan, fly_missions
from hil.campaign.mission_page import render


class Show(Protocol):
    """Takes the share that is done."""

    def __call__(self, share: float, /) -> None:
        """Between 0 and 1."""
        ...


def write_missions(plan: MissionPlan, out: Path, *, bar: bool) -> dict[str, Any]:
    """Fly all cells; `figures.json` and `report.html` lie in `out` afterwards.

    Raises:
        UserError: orbit or board cannot be used, or the folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot make the folder: {error.strerror}") from error
    with _shown(bar=bar and sys.stderr.isatty()) as show:
        figures = fly_missions(plan, show)
    (out / "figures.json").write_text(json.dumps(figures, indent=1), "utf-8")
    (out / "report.html").write_text(render(figures, again(plan)), "utf-8")
    return figures


def again(plan: MissionPlan) -> str:
    """The line that flies it again."""
    options = plan.options
    return (
        f"vanallen campaign mission --orbit {options.orbit} --days {options.days:g} --flights "
        f"{plan.flights} --acceleration {options.acceleration:g} --board {options.board} "
        f"--seed {options.seed}"
    )


@contextmanager
def _shown(*, bar: bool) -> Iterator[Show]:
    if not bar:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("flying missions", total=1.0)
        yield lambda share: shown.update(task, completed=share)
