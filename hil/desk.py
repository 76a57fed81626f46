"""`vanallen keys`: what a desk needs before anything flies."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from flight_sw.devices.storage import read_key_file, write_key_file
from flight_sw.errors import KeyFileError
from flight_sw.space_link.keys import KeySet, format_keys, new_keys, parse_keys
from hil import board_files, places

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Board = Annotated[str, typer.Option(help="Shipped profile, or a .yaml file of your own.")]

DEFAULT_SPACE = "tcp://127.0.0.1:5540"

keys_app = typer.Typer(help="Make and look at the keys of the space link.", no_args_is_help=True)


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
    fresh = new_keys(board_files.read_board(board).spacecraft.id, os.urandom(96))
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
    typer.echo("  master key: " + ("yes" if found.master else "none, so no change over the link"))


@keys_app.command("change")
def keys_change(
    file: Annotated[Path | None, typer.Argument(help="Which; else your key file.")] = None,
    space: Annotated[str, typer.Option(help="Space link, as for send.")] = DEFAULT_SPACE,
    board: Board = "emulated",
    state: Annotated[Path | None, typer.Option(help="Folder of the counters, as for send.")] = None,
    as_json: Json = False,
) -> None:
    """Change both keys over the link: old ones work until the new are proven. Repeat if cut off."""
    from hil.ground import key_change
    from hil.ground.send_command import Bench

    path = file or places.key_file()
    profile = board_files.read_board(board)
    bench = Bench(space, read_keys(path), state or places.ground_state(), profile)
    raise typer.Exit(key_change.change_command(bench, path, as_json=as_json))


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
