"""`vanallen bench NAME`: runs one bench of this package and shows its figures.

A bench is a module of this package with `run() -> Mapping`: figures by name, nested where they belong
together. A mapping named `goals` (name -> true or false) decides the exit code.
"""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flight_sw.errors import UserError
from hil.desk import Json

NOT_BENCHES = frozenset({"__init__", "command"})
GOALS = "goals"


def bench_names() -> list[str]:
    """The benches that come with the package: modules that have a `run`."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(
        file.stem
        for file in files
        if file.stem not in NOT_BENCHES and "\ndef run(" in file.read_text("utf-8")
    )


def bench(
    name: Annotated[str, typer.Argument(help="Which bench; without it all names are listed.")] = "",
    as_json: Json = False,
) -> None:
    """Measure what the project claims on this machine; 1 if a goal is missed."""
    if not name:
        typer.echo("\n".join(bench_names()))
        return
    if name not in bench_names():
        raise UserError(f"bench {name!r}: not known; one of: {', '.join(bench_names())}")
    figures: Mapping[str, Any] = importlib.import_module(f"hil.bench.{name}").run()
    typer.echo(json.dumps(figures, indent=1) if as_json else "\n".join(_lines(figures)))
    goals = figures.get(GOALS, {})
    raise typer.Exit(0 if all(goals.values()) else 1)


def _lines(figures: Mapping[str, Any], indent: str = "") -> list[str]:
    """Figures for people, nested ones indented."""
    lines: list[str] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}", *_lines(value, indent + "  ")]
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(f"{indent}{name:<36} {shown}")
    return lines
