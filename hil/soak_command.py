"""`vanallen soak`: days of flight under swarms of faults; 0 if nothing broke, 1 if something did."""

import json
import sys
from typing import Annotated

import typer

from flight_sw.errors import UserError
from hil.desk import Board, Json

DAYS_MAX = 400.0


def soak(
    days: Annotated[float, typer.Option(help="Simulated days.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Start of all chance.")] = 1,
    model: Annotated[str, typer.Option(help="Shipped model, or an .onnx file.")] = "hotspot",
    board: Board = "emulated",
    as_json: Json = False,
) -> None:
    """Fly the whole stack under random subsets of faults, and see it come back each time."""
    from hil.campaign.soak import Tally
    from hil.campaign.soak import soak as fly

    if not 0 < days <= DAYS_MAX:
        raise UserError(f"--days {days:g}: give more than 0 and at most {DAYS_MAX:g}")
    shows = sys.stderr.isatty() and not as_json

    def show(share: float, tally: Tally) -> None:
        if shows:
            faults = sum(tally.faults.values())
            text = f"\r{100 * share:3.0f} % · {faults} faults · {len(tally.broken)} broken"
            sys.stderr.write(text + ("\n" if share >= 1 else ""))

    figures = fly(days, seed, model, board, show)
    if as_json:
        typer.echo(json.dumps(figures, indent=1))
    else:
        ends = ", ".join(f"{count} in {mode}" for mode, count in figures["ended_in"].items())
        typer.echo(
            f"{figures['days']:.3g} days, {figures['faults']} faults of {len(figures['by_way'])} ways, "
            f"{figures['rounds']} rounds ended {ends}; longest way back "
            f"{figures['longest_to_recover_s']:g} s\ntrace {figures['trace_hash']}\n"
            + "\n".join(figures["broken"] or ["nothing broke"])
        )
    if figures["broken"]:
        typer.echo(f"fly it again: vanallen soak --days {days!r} --seed {seed}", err=True)
    raise typer.Exit(1 if figures["broken"] else 0)
