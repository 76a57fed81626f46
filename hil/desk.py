"""`vanallen keys` and `vanallen board`: what a desk needs before anything flies."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from flight_sw.devices.storage import read_key_file, write_key_file
from flight_sw.errors import KeyFileError, ProfileError
from flight_sw.profile import profile_problems
from flight_sw.space_link.keys import KeySet, format_keys, new_keys, parse_keys
from hil import board_files, places

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Board = Annotated[str, typer.Option(help="Shipped profile, or a .yaml file of your own.")]

keys_app = typer.Typer(help="Make and look at the keys of the space link.", no_args_is_help=True)
board_app = typer.Typer(help="List, show and check board profiles.", no_args_is_help=True)


@keys_app.command("new")
def keys_new(
    file: Annotated[Path | None, typer.Argument(help="Where; else your key file.")] = None,
    board: Board = "emulated",
    force: Annotated[bool, typer.Option("--force", help="Move an existing file aside.")] = False,
) -> None:
    """Make new link keys in a file that only you can read (mode 0600)."""
    path = file or places.key_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{path.parent}: cannot make the folder: {error.strerror}") from error
    if force and path.exists():
        aside = _free_name(path)
        path.rename(aside)
        typer.echo(f"the old keys are now {aside}")
    fresh = new_keys(board_files.read_board(board).spacecraft.id, os.urandom(64))
    write_key_file(path, format_keys(fresh))
    typer.echo(f"{path}: new keys for board {fresh.board:#x}, readable by you alone")


@keys_app.command("show")
def keys_show(
    file: Annotated[Path | None, typer.Argument(help="Which; else your key file.")] = None,
    as_json: Json = False,
) -> None:
    """Show which keys a file holds, never a byte of them."""
    path = file or places.key_file()
    found = read_keys(path)
    rows: list[dict[str, Any]] = [
        {"direction": key.direction.value, "board": key.board, "spi": key.spi, "key_id": key.key_id}
        for key in (found.tc, found.tm)
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    typer.echo(str(path))
    for row in rows:
        words = (
            f"{row['direction']}  board {row['board']:#x}  spi {row['spi']}  key {row['key_id']}"
        )
        typer.echo(f"  {words}  AES-256-GCM")


@board_app.command("list")
def board_list(as_json: Json = False) -> None:
    """List the profiles that come with the package."""
    profiles = [board_files.read_board(name) for name in board_files.board_names()]
    if as_json:
        rows = [{"name": p.name, "use": p.use, "description": p.description} for p in profiles]
        typer.echo(json.dumps(rows))
        return
    for profile in profiles:
        typer.echo(f"{profile.name:<20} {profile.use:<7} {profile.description}")


@board_app.command("show")
def board_show(name: Annotated[str, typer.Argument(help="Profile name or file.")]) -> None:
    """Print a profile with its comments."""
    path = board_files.find_board(name)
    board_files.read_board(name)
    typer.echo(f"# {path}\n{path.read_text('utf-8').rstrip()}")


@board_app.command("check")
def board_check(file: Annotated[str, typer.Argument(help="Profile name or file.")]) -> None:
    """Read a profile strictly and say all that is wrong with it, each with line and field."""
    path = board_files.find_board(file)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    problems = profile_problems(text, str(path))
    for problem in problems[:-1]:
        typer.echo(f"vanallen: {problem}", err=True)
    if problems:
        raise ProfileError(problems[-1])
    profile = board_files.read_board(file)
    if profile.emulated is not None:
        from hil.emulator.settings import read_profile

        read_profile(path)
    from hil.rig.board_section import rig_section

    rig_section(profile)
    typer.echo(f"{file}: {profile.name}, a sound {profile.use} profile")


@board_app.command("calibrate")
def board_calibrate(
    log: Annotated[Path, typer.Argument(help="CSV: time_s, temp_c, power_w, frequency_mhz.")],
    board: Board = "emulated",
    out: Annotated[Path, typer.Option(help="Profile to write.")] = Path("calibrated.yaml"),
    as_json: Json = False,
) -> None:
    """Fit heat and power to a recorded run, plot the fit, and write a profile with it."""
    from hil.calibrate_command import calibrate_command

    raise typer.Exit(calibrate_command(log, board, out, as_json=as_json))


def read_keys(path: Path) -> KeySet:
    """The keys in a file.

    Raises:
        KeyFileError: missing, open to others or no key file; one line with the remedy.
    """
    return parse_keys(read_key_file(path), str(path))


def _free_name(path: Path) -> Path:
    taken = {other.name for other in path.parent.iterdir()}
    number = 1
    while f"{path.name}.old-{number}" in taken:
        number += 1
    return path.with_name(f"{path.name}.old-{number}")
