"""`vanallen hil`: the boards of a rig, the suite on them, acceptance, and recordings of the link.

Exit codes, so that CI can tell what is worth another try: 0 passed, 1 a test or a limit failed, 64 a
mistake of the user, 69 a board is not to be had, 70 a defect of ours, 75 a board is in use. Another try
may help after 69 and 75.
"""

import json
import os
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from flight_sw.errors import UserError, VanAllenError
from hil.desk import Json

if TYPE_CHECKING:
    from hil.rig.accept import AcceptOptions, BoardRun

USAGE, INTERNAL = 64, 70
ENV_VARIABLE = "HIL_ENV"
WAIT_S = 600.0
EMULATED_MAX = 32
USAGE_ERROR: Any = (
    typer.BadParameter.__base__
)  # click's own, or that of the click inside newer typers


class _WithExitCodes(typer.core.TyperGroup):
    """Mistakes of the user end with 64 here, on one line each."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except USAGE_ERROR as error:
            error.exit_code = USAGE
            raise
        except UserError as error:
            code, said = USAGE, str(error)
        except VanAllenError as error:
            code, said = INTERNAL, str(error)
        for line in said.splitlines():
            typer.echo(f"vanallen hil: {line}", err=True)
        raise typer.Exit(code)


hil_app = typer.Typer(
    cls=_WithExitCodes,
    help="Boards of a rig: inventory, the test suite, acceptance, recordings.",
    no_args_is_help=True,
)
Env = Annotated[
    Path | None, typer.Option("--hil-env", envvar=ENV_VARIABLE, help="Inventory of boards, YAML.")
]
Selectors = Annotated[
    list[str] | None,
    typer.Option(
        "--hil-board", metavar="NAME|TAG=VALUE", help="Only these boards; again for more."
    ),
]


@hil_app.command(
    "test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def hil_test(context: typer.Context) -> None:
    """Run the suite: vanallen hil test --hil-env rig.yaml [any option of pytest]."""
    from hil.rig.record import read_records
    from hil.rig.suite_process import run_suite, verdict_code

    arguments = list(context.args)
    named = {argument.split("=", 1)[0] for argument in arguments}
    if not named & {"--hil-env", "--hil-emulated"} and not os.environ.get(ENV_VARIABLE):
        typer.echo("no --hil-env: the emulated board is tested")
        arguments.append("--hil-emulated")
    kept = _option(arguments, "--hil-record")
    if kept is None:
        kept = f"runs/hil-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        arguments.append(f"--hil-record={kept}")
    folder = Path(kept)
    began_s = time.time()
    code = run_suite(arguments)
    records = read_records(folder) if folder.is_dir() else []
    fresh = [record for record in records if record.ended_s >= began_s]
    raise typer.Exit(int(verdict_code(code, fresh)))


@hil_app.command("accept")
def hil_accept(
    hil_env: Env = None,
    hil_board: Selectors = None,
    emulated: Annotated[
        int, typer.Option(min=0, max=EMULATED_MAX, help="So many emulated boards, no inventory.")
    ] = 0,
    out: Annotated[Path | None, typer.Option(help="New folder; else one in runs/.")] = None,
    wait: Annotated[float, typer.Option("--hil-wait", min=0, help="For a lease, s.")] = WAIT_S,
    scale: Annotated[
        float | None,
        typer.Option("--hil-timeout-scale", min=0.1, help="Of limits; else by boards and cores."),
    ] = None,
    flash: Annotated[
        str, typer.Option("--hil-flash", help="never, if-different or always.")
    ] = "never",
    only: Annotated[
        str | None, typer.Option("-k", help="Only tests whose name has this; no acceptance then.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the suite on all boards at once; a certificate for each serial number, and a summary."""
    from hil.rig.accept import AcceptOptions
    from hil.rig.hooks import POLICIES
    from hil.rig.inventory import chosen, read_inventory

    if flash not in POLICIES:
        raise UserError(f"--hil-flash {flash}: write {', '.join(POLICIES)}")
    if hil_env is not None or not emulated:  # a mistake leaves no folder behind
        chosen(read_inventory(_inventory(hil_env, emulated, Path())), hil_board or [])
    folder = _new_folder(out)
    inventory = _inventory(hil_env, emulated, folder).absolute()
    entries = chosen(read_inventory(inventory), hil_board or [])
    options = AcceptOptions(
        inventory, entries, folder, wait, timeout_scale=scale, flash=flash, part=only or ""
    )
    raise typer.Exit(_accept(options, as_json=as_json))


def _accept(options: "AcceptOptions", *, as_json: bool) -> int:
    from rich.console import Console

    from hil.rig.accept import run_boards
    from hil.rig.certificate import INDEX, SUMMARY, certify
    from hil.rig.infrastructure import ExitCode
    from hil.rig.suite_process import gravest

    folder, boards = options.folder, len(options.entries)
    say = (lambda _: None) if as_json else typer.echo
    say(f"{boards} boards at once; limits of waiting times {options.scale:g}; kept in {folder}")
    console = Console(stderr=True)
    with console.status("starting") if console.is_terminal else nullcontext() as status:

        def look(waiting: "list[BoardRun]") -> None:
            if status is not None:
                status.update(", ".join(f"{one.entry.name} {one.tests_so_far}" for one in waiting))

        runs = run_boards(options, say, look)
    rows = certify(options, runs)
    if as_json:
        typer.echo((folder / SUMMARY).read_text().strip())
    say(f"{sum(row.accepted for row in rows)} of {boards} accepted: {folder / INDEX}")
    return int(gravest(ExitCode(row.code) for row in rows))


@hil_app.command("boards")
def hil_boards(hil_env: Env = None, as_json: Json = False) -> None:
    """Check an inventory, and show who holds each board now."""
    from hil.rig.board_port import board_port
    from hil.rig.inventory import read_inventory
    from hil.rig.lease import Lease
    from hil.rig.needs import features_of

    rows = []
    for entry in read_inventory(_inventory(hil_env, 0, Path())):
        holder = Lease(board_port(entry).resource).holder()
        rows.append(
            {
                "name": entry.name,
                "profile": entry.profile.name,
                "port": board_port(entry).url or "emulated here",
                "features": sorted(features_of(entry)),
                "held_by": None if holder is None else str(holder),
            }
        )
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['name']:<16} {row['profile']:<22} {row['port']}")
        typer.echo(f"{'':16} {'free' if row['held_by'] is None else 'held by ' + row['held_by']}")


@hil_app.command("replay")
def hil_replay(
    recording: Annotated[Path, typer.Argument(help="NAME.link.jsonl of a record folder.")],
    keys: Annotated[Path | None, typer.Option(help="Key file; else the recording's.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only what it came to.")] = False,
    as_json: Json = False,
) -> None:
    """Decode a recorded link anew, packets beside their bytes; 1 if a frame is refused."""
    from hil.rig.replay import replay

    found = replay(recording, keys)
    if as_json:
        names = ("bytes_up", "bytes_down", "telecommands", "reports", "file_units")
        names += ("refused", "losses")
        typer.echo(json.dumps({name: getattr(found, name) for name in names}))
    else:
        for line in () if quiet else found.lines:
            typer.echo(line)
        typer.echo(str(found))
    raise typer.Exit(0 if found.is_clean else 1)


@hil_app.command("sample")
def hil_sample() -> None:
    """Print an inventory to start from, each kind of board once."""
    typer.echo((resources.files("hil.rig") / "templates" / "rig.yaml").read_text("utf-8").rstrip())


def _inventory(named: Path | None, emulated: int, folder: Path) -> Path:
    if named is not None and emulated:
        raise UserError("--emulated makes its own inventory; leave out --hil-env")
    if named is not None:
        return named
    if not emulated:
        raise UserError(
            f"no inventory: give --hil-env FILE or {ENV_VARIABLE} (`vanallen hil sample` shows one)"
        )
    path = folder / "rig.yaml"
    lines = [
        f"  emu-{n}: {{profile: emulated, port: {{pty: auto}}}}" for n in range(1, emulated + 1)
    ]
    path.write_text("\n".join(["boards:", *lines, ""]), encoding="utf-8")
    return path


def _new_folder(out: Path | None) -> Path:
    folder = out or Path(f"runs/accept-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out {folder}: is there already; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: {error.strerror}") from error
    return folder.absolute()


def _option(arguments: list[str], name: str) -> str | None:
    for index, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
        if argument == name and index + 1 < len(arguments):
            return arguments[index + 1]
    return None
