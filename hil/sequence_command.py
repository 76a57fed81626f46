"""`vanallen sequence` and `vanallen send --at`: telecommands that are kept on board for later."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flight_sw.dictionary.automation_commands import SEQUENCES_MAX
from hil import board_files, places
from hil.desk import DEFAULT_SPACE, Board, Json, read_keys

if TYPE_CHECKING:
    from hil.ground.send_command import Bench, SendOptions


def keep(bench: "Bench", words: Sequence[str], at: str, options: "SendOptions") -> int:
    """Put a telecommand, as words, into the schedule; the exit code of sending it.

    Raises:
        UserError: the time or the telecommand is wrong, or may not be kept.
    """
    from hil.ground.send_command import send_values
    from hil.ground.stored_commands import At, entry_values, parse_time

    later = At(parse_time(at, time.time()))
    values = entry_values(words, later, bench.profile.spacecraft.apid)
    return send_values(bench, "insert-entry", values, options)


def sequence(
    number: Annotated[int, typer.Argument(min=1, max=SEQUENCES_MAX, help="Place on board.")],
    file: Annotated[Path, typer.Argument(help="Steps, a .yaml file; see the manual page.")],
    run: Annotated[bool, typer.Option("--run", help="Start it once it is loaded.")] = False,
    space: Annotated[str, typer.Option(help="Space link.")] = DEFAULT_SPACE,
    board: Board = "emulated",
    keys: Annotated[Path | None, typer.Option(help="Key file.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder for durable counters.")] = None,
    as_json: Json = False,
) -> None:
    """Load a sequence of telecommands, with delays and conditions, to run on board."""
    from hil.ground.send_command import OK, Bench, SendOptions, send_values
    from hil.ground.stored_commands import sequence_values

    profile = board_files.read_board(board)
    values = sequence_values(file, number, profile.spacecraft.apid)
    found = read_keys(keys or places.key_file())
    bench = Bench(space, found, state or places.ground_state(), profile)
    options = SendOptions(as_json=as_json)
    code = send_values(bench, "load-sequence", values, options)
    if code == OK and run:
        code = send_values(bench, "run-sequence", {"sequence": number}, options)
    raise typer.Exit(code)
