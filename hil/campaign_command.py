"""`vanallen campaign`: plan, run, replay and report fault campaigns.

Exit codes: 0 nothing failed, 1 a fault was silent, hung or killed the payload, 2 a mistake of the user.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from flight_sw.errors import UserError
from flight_sw.inference.job import Protection
from hil.desk import Board, Json

campaign_app = typer.Typer(
    help="Fault campaigns by the thousand, with exact bounds.", no_args_is_help=True
)
Seed = Annotated[int, typer.Option(min=0, help="Start of all chance: same seed, same faults.")]


@campaign_app.command("run")
def run(
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLAN.yaml]", help="Plan; else give --fault.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="Class of faults, or `all`; may be repeated.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Faults of each class.")] = 299,
    model: Annotated[str, typer.Option(help="Shipped model, or an .onnx file.")] = "hotspot",
    protection: Annotated[
        list[Protection] | None, typer.Option(help="Protection of the jobs; may be repeated.")
    ] = None,
    board: Board = "emulated",
    seed: Seed = 1,
    out: Annotated[Path | None, typer.Option(help="Folder; else runs/campaigns/NAME.")] = None,
    engine: Annotated[str, typer.Option(help="local, ray, or port: real programs.")] = "local",
    hil_env: Annotated[
        Path | None, typer.Option("--hil-env", help="Inventory: --board names a board of it.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for one each core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run was cut.")] = False,
    stop_at_failure: Annotated[
        bool, typer.Option("--stop-at-failure", help="End at the first failure.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Do the faults of a plan and say what became of each."""
    from hil.campaign.trials.plan import made_plan, read_plan
    from hil.campaign.trials.runner import RunOptions
    from hil.campaign.trials.session import make_engine, run_session

    if (plan_file is None) is (not fault):
        raise UserError("campaign run: give a PLAN.yaml or --fault CLASS, one of the two")
    if plan_file is not None:
        wanted = read_plan(plan_file)
    else:
        classes_of = tuple(protection or [Protection.STANDARD])
        wanted = made_plan(tuple(fault or ()), classes_of, n=n, seed=seed, model=model, board=board)
    wanted = msgspec.structs.replace(wanted, port=engine == "port" or hil_env is not None)
    folder = out or Path("runs/campaigns") / f"{wanted.name}-{wanted.digest}"
    options = RunOptions(folder, resume, stop_at_failure)
    made = make_engine(engine, workers, wanted.board, hil_env)
    raise typer.Exit(run_session(wanted, options, made, as_json=as_json))


@campaign_app.command("plan")
def plan(
    bound: Annotated[float, typer.Option(help="Failure rate to stay below, such as 1e-3.")],
    failures: Annotated[int, typer.Option(min=0, max=1000, help="Failures to allow for.")] = 0,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999)] = 0.95,
    as_json: Json = False,
) -> None:
    """Say how many faults a bound needs, before any is done."""
    from hil.campaign.trials.bounds import sample_size

    try:
        trials = sample_size(bound, failures, confidence)
    except ValueError as error:
        raise UserError(f"--bound {bound:g}: {error}") from None
    figures = {"bound": bound, "failures": failures, "confidence": confidence, "trials": trials}
    words = (
        f"{trials} faults with {failures} failures keep the rate below {bound:g} "
        f"at {100 * confidence:g} % (of our sampling)"
    )
    typer.echo(json.dumps(figures) if as_json else words)


@campaign_app.command("replay")
def replay(
    fault_id: Annotated[str, typer.Argument(metavar="ID", help="As the report shows it.")],
    brisk: Annotated[bool, typer.Option("--brisk", help="Models load at once; see Plan.")] = False,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Faults of one flight, as the plan has it.")
    ] = 1,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="Faults of the plan, which ends its last batch."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Do one fault again, exactly, and tell what happened."""
    from hil.campaign.trials.session import FlownAs, replay_session

    raise typer.Exit(replay_session(fault_id, FlownAs(brisk, batch, n), as_json=as_json))


@campaign_app.command("report")
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a campaign.")],
) -> None:
    """Write the report of a campaign anew from its shards, finished or not."""
    from hil.campaign.trials.session import report_session

    raise typer.Exit(report_session(folder))


@campaign_app.command("classes")
def classes(as_json: Json = False) -> None:
    """List the fault classes with their limits."""
    from hil.faults.classes import CATALOG

    rows: list[dict[str, Any]] = [
        {
            "class": fault.value,
            "row": entry.row,
            "what": entry.what,
            "ways": list(entry.variants),
            "noticed_by": entry.noticed_by,
            "mended_by": entry.mended_by,
            "detect_s": entry.detect_s,
            "recover_s": entry.recover_s,
            "note": entry.note_s,
            "bench": entry.bench.value,
        }
        for fault, entry in CATALOG.items()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(
            f"{row['class']:<15} {row['what']} · told ≤ {row['detect_s']:g} s, "
            f"well ≤ {row['recover_s']:g} s"
        )


@campaign_app.command("canaries")
def canaries(
    name: Annotated[str, typer.Argument(help="One of them; else all.")] = "",
    as_json: Json = False,
) -> None:
    """Fly builds with one protection taken out: their campaigns must find failures, or exit code 1."""
    from hil.campaign.canaries import CANARIES, run_canaries

    names = [canary.name for canary in CANARIES]
    if name and name not in names:
        raise UserError(f"{name}: no such canary; one of: {', '.join(names)}")

    def show(row: dict[str, Any]) -> None:
        if not as_json:
            word = "caught" if row["caught"] else "NOT CAUGHT"
            found = f"{row['failures']} of {row['faults']} faults of {row['class']} failed"
            typer.echo(f"{row['canary']:<15} {word}: {found} ({row['what']})")

    rows = run_canaries(show, name)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    raise typer.Exit(0 if all(row["caught"] for row in rows) else 1)


@campaign_app.command("mission")
def mission(
    orbit: Annotated[str, typer.Option(help="Shipped orbit, or a file.")] = "leo-550",
    days: Annotated[float, typer.Option(min=0.01, max=4000, help="Of each flight.")] = 30.0,
    flights: Annotated[int, typer.Option(min=1, max=1000, help="For each cell of the table.")] = 1,
    acceleration: Annotated[float, typer.Option(min=1, help="Of hits in memory.")] = 1e5,
    board: Board = "emulated",
    seed: Seed = 1,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("runs/mission"),
    as_json: Json = False,
) -> None:
    """Fly an orbit's particles: availability and wrong answers per year, by protection and governor."""
    from hil.campaign.mission_campaign import MissionPlan
    from hil.campaign.mission_files import write_missions
    from hil.simulation.flight import FlightOptions

    options = FlightOptions(
        orbit=orbit, days=days, seed=seed, board=board, acceleration=acceleration
    )
    figures = write_missions(MissionPlan(options, flights), out, bar=not as_json)
    if as_json:
        typer.echo(json.dumps(figures, indent=1))
        return
    typer.echo(
        f"{'protection':<12}{'governor':<12}{'hits':>6}{'wrong':>7}  SDC per year (95 %)   available"
    )
    for row in figures["cells"]:
        bounds = f"{row['sdc_per_year_low']:.2g} to {row['sdc_per_year_high']:.2g}"
        typer.echo(
            f"{row['protection']:<12}{row['governor']:<12}{row['hits']:>6}{row['wrong']:>7}  "
            f"{bounds:<21} {100 * row['availability']:.3f} %"
        )
    typer.echo(f"{figures['holds_for']}\nreport {out / 'report.html'}")
