"""`vanallen`: the one command line of rig, ground and bench. Heavy parts load with their command.

Exit codes: 0 it worked, 1 it did not (a fault not handled, a telecommand refused), 2 a mistake of the
user, 69 no controller at the address, 130 ended with ^C.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from flight_sw.errors import UserError, VanAllenError
from hil import archive_command, board_files, places, sequence_command, simulate_command
from hil.bench.command import bench
from hil.board_commands import board_app, shipped_on
from hil.campaign_command import campaign_app
from hil.desk import DEFAULT_SPACE, Board, Json, keys_app, read_keys
from hil.dictionary_export.command import dictionary_app
from hil.model_command import model_app
from hil.rig_commands import hil_app
from hil.soak_command import soak

USER_ERROR, INTERRUPTED = 2, 130

# What a newcomer needs comes first, whatever the order of declaration below.
FIRST = ("run", "simulate", "ask", "emulate", "fly", "send", "watch", "put", "get", "doctor")


class _InReadingOrder(typer.core.TyperGroup):
    """Lists commands as a newcomer would meet them."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


app = typer.Typer(
    cls=_InReadingOrder,
    help="Van Allen: flight software for a compute payload, and the rig that tries to break it.",
    epilog="Start with: vanallen run · Three terminals: emulate, fly, send/watch · Trouble: doctor",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(hil_app, name="hil", rich_help_panel="Bench")
app.add_typer(keys_app, name="keys", rich_help_panel="Bench")
app.add_typer(board_app, name="board", rich_help_panel="Bench")
app.add_typer(campaign_app, name="campaign", rich_help_panel="Bench")
app.add_typer(model_app, name="model", rich_help_panel="Bench")
app.add_typer(dictionary_app, name="dictionary", rich_help_panel="Bench")
app.command(name="bench", rich_help_panel="Bench")(bench)
app.command(rich_help_panel="Bench")(soak)
app.command(rich_help_panel="Fly")(simulate_command.simulate)
app.command(rich_help_panel="Fly by hand, in three terminals")(sequence_command.sequence)
app.command(rich_help_panel="Look back")(archive_command.plot)
app.command(rich_help_panel="Look back")(archive_command.export)

Space = Annotated[
    str, typer.Option(help="Space link: tcp:// or udp://HOST:PORT, or /dev/PORT@BAUD.")
]
Slot = Annotated[int, typer.Argument(min=1, max=8, help="File slot of the payload, 1 to 8.")]
Keys = Annotated[
    Path | None, typer.Option(help="Key file; else $VANALLEN_KEYS, else your configuration folder.")
]
State = Annotated[
    Path | None, typer.Option(help="Folder for durable counters; else below ~/.local/state.")
]


def _complete_name(incomplete: str) -> list[tuple[str, str]]:
    from hil.ground.completion import commands

    return commands(incomplete)


def _complete_value(ctx: typer.Context, incomplete: str) -> list[str]:
    from hil.ground.completion import arguments

    return arguments(ctx.params.get("name"), ctx.params.get("values") or [], incomplete)


@app.command(rich_help_panel="Fly")
def run(
    board: Board = "emulated",
    scenario: Annotated[
        str | None, typer.Option(help="Shipped scenario, or a .yaml file; else first-light.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Start of all chance: same seed, same faults.")
    ] = 1,
    model: Annotated[str | None, typer.Option(help="Shipped model, or an .onnx file.")] = None,
    input_path: Annotated[
        Path | None, typer.Option("--input", help="Input file or folder for the model.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; else a new one in runs/.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fly one mission on the emulated board and judge it: faults, repairs, results, a report."""
    from hil.campaign.run import run_command

    raise typer.Exit(run_command(board, scenario, seed, model, input_path, out, as_json))


@app.command(rich_help_panel="Fly by hand, in three terminals")
def emulate(
    link: Annotated[Path, typer.Option(help="Where the board's serial port shall appear.")],
    profile: Annotated[str, typer.Option("--board", "--profile", help="Profile name or file.")] = (
        "emulated"
    ),
    models: Annotated[
        Path | None, typer.Option(help="Folder of model slots; else the shipped models.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Start of all chance in this board.")] = 1,
    time_scale: Annotated[
        float, typer.Option(min=1, max=1000, help="How much faster heat runs than software.")
    ] = 1.0,
    state: Annotated[
        Path | None, typer.Option(help="The board's file system; else LINK.board.")
    ] = None,
) -> None:
    """Start the emulated board alone, on a pseudo-terminal that behaves like its UART."""
    from hil.emulator.settings import EmulatorOptions
    from hil.rig.board_section import rig_section
    from hil.rig.emulators import emulator_of

    file = board_files.find_board(profile)
    run_board = emulator_of(rig_section(board_files.read_board(profile)), profile)
    slots = models or shipped_on(profile, link)
    options = EmulatorOptions(
        link=link, profile=file, models=slots, seed=seed, time_scale=time_scale, state=state
    )
    raise typer.Exit(run_board(options))


@app.command(rich_help_panel="Fly by hand, in three terminals")
def fly(
    board_port: Annotated[str, typer.Option(help="Serial port of the board, emulated or real.")],
    board: Board = "emulated",
    space: Space = DEFAULT_SPACE,
    keys: Keys = None,
    state: State = None,
) -> None:
    """Start the payload controller alone, between a board and a space link."""
    from flight_sw.controller_runner import ControllerOptions, run_controller

    profile = board_files.read_board(board)
    options = ControllerOptions(
        profile=profile,
        board_port=board_port,
        space_url=space,
        keys=keys or places.key_file(),
        state=state or places.controller_state(profile.name),
    )
    typer.echo(f"controller of {profile.name}: board {board_port}, space link {space} (^C ends)")
    raise typer.Exit(run_controller(options))


@app.command(rich_help_panel="Fly by hand, in three terminals")
def send(
    name: Annotated[
        str | None,
        typer.Argument(help="Telecommand.", show_default=False, autocompletion=_complete_name),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", show_default=False, autocompletion=_complete_value
        ),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List all telecommands.")] = False,
    about: Annotated[bool, typer.Option("--about", help="Explain NAME and its arguments.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Resend the last telecommand's bytes: must be refused.")
    ] = False,
    arm: Annotated[
        bool, typer.Option("--arm", help="Only allow critical NAME, with these values, for 30 s.")
    ] = False,
    at: Annotated[str | None, typer.Option(help="Schedule it for +90s or a UTC time.")] = None,
    wait: Annotated[str, typer.Option(help="Follow until `done` or only `accepted`.")] = "done",
    within: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for that.")] = 5.0,
    space: Space = DEFAULT_SPACE,
    board: Board = "emulated",
    keys: Keys = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Send a telecommand and follow it to its end: vanallen send set-mode mode=NOMINAL"""
    from hil.ground import send_command

    if list_all or about or (name is None and not replay):
        raise typer.Exit(_explain(name if about else None))
    if wait not in ("done", "accepted"):
        raise UserError(f"--wait {wait}: write done or accepted")
    if replay and name is not None:
        raise UserError("--replay resends the last telecommand; leave out NAME")
    _look_over(name, values)
    bench = _bench(space, board, keys, state)
    if name is None:
        raise typer.Exit(send_command.replay(bench, as_json=as_json))
    words, options = values or [], send_command.SendOptions(wait, within, as_json, arm)
    if at is not None:
        raise typer.Exit(sequence_command.keep(bench, [name, *words], at, options))
    raise typer.Exit(send_command.send(bench, name, words, options))


@app.command(rich_help_panel="Fly by hand, in three terminals")
def watch(
    once: Annotated[bool, typer.Option("--once", help="One overview, then end.")] = False,
    space: Space = DEFAULT_SPACE,
    board: Board = "emulated",
    keys: Keys = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Show housekeeping and events live, limits coloured."""
    from hil.ground import watch_command

    bench = _bench(space, board, keys, state)
    raise typer.Exit(watch_command.watch(bench, once=once, as_json=as_json))


@app.command(rich_help_panel="Fly by hand, in three terminals")
def put(
    slot: Slot,
    file: Annotated[Path, typer.Argument(help="File to send.")],
    space: Space = DEFAULT_SPACE,
    board: Board = "emulated",
    keys: Keys = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Send a file to an empty slot of the payload (CFDP class 2); goes on after an outage."""
    from hil.ground import cfdp_command

    bench = _bench(space, board, keys, state)
    raise typer.Exit(cfdp_command.put(bench, slot, file, as_json=as_json))


@app.command(rich_help_panel="Fly by hand, in three terminals")
def get(
    slot: Slot,
    file: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
    space: Space = DEFAULT_SPACE,
    board: Board = "emulated",
    keys: Keys = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Bring the file in a slot of the payload down (CFDP class 2)."""
    from hil.ground import cfdp_command

    bench = _bench(space, board, keys, state)
    raise typer.Exit(cfdp_command.get(bench, slot, file, as_json=as_json))


@app.command(rich_help_panel="Fly")
def ask(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    model: Annotated[
        str | None,
        typer.Option(help="Folder with model.onnx and tokenizer.json; else the shipped tiny one."),
    ] = None,
    fact: Annotated[
        list[str] | None, typer.Option(help="Telemetry NAME=VALUE; without any, an example.")
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, max=1024, help="Longest answer.")] = 256,
    within: Annotated[float, typer.Option(min=0.1, help="Seconds for the answer.")] = 60.0,
    temperature: Annotated[float, typer.Option(min=0, help="0: always the likeliest token.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw when TEMPERATURE is above 0.")] = 0,
    protection: Annotated[str, typer.Option(help="none, standard, or vote.")] = "standard",
    rate: Annotated[float, typer.Option(min=1, help="Link rate in bit/s.")] = 9600.0,
    space: Annotated[
        str | None, typer.Option(help="A payload that flies already; else one is started.")
    ] = None,
    board: Board = "emulated",
    keys: Keys = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Ask a language model on the board about its telemetry; shows the time of every stage."""
    from hil.ask_command import Asked
    from hil.ask_command import ask as ask_model

    asked = Asked(question, tuple(fact or ()), tokens, within, rate, temperature, seed, protection)
    bench = None if space is None else _bench(space, board, keys, state)
    if bench is not None and model is not None:
        raise UserError("--model: a payload that flies has its own; see vanallen model upload")
    raise typer.Exit(ask_model(asked, model, bench, as_json=as_json))


@app.command(rich_help_panel="Bench")
def doctor(as_json: Json = False) -> None:
    """Try what works on this machine, and say what to do about the rest."""
    from hil.doctor import run_doctor

    raise typer.Exit(run_doctor(as_json=as_json))


def main() -> None:
    """Run the command line; every mistake of the user is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        _complain(error)
        sys.exit(USER_ERROR)
    except VanAllenError as error:
        _complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _complain(error: Exception) -> None:
    typer.echo(f"vanallen: {' '.join(str(error).splitlines())}", err=True)


def _look_over(name: str | None, values: list[str] | None) -> None:
    """A typing mistake is told before a key file is asked for."""
    from hil.ground.arguments import find_command, parse_arguments

    if name is not None:
        parse_arguments(find_command(name), values or [])


def _explain(name: str | None) -> int:
    from rich.console import Console

    from hil.ground.arguments import find_command
    from hil.ground.screen import command_help, command_table

    shown = command_table() if name is None else command_help(find_command(name))
    Console(highlight=False).print(shown)
    return 0


def _bench(space: str, board: str, keys: Path | None, state: Path | None) -> Any:
    from hil.ground.send_command import Bench

    profile = board_files.read_board(board)
    found = read_keys(keys or places.key_file())
    return Bench(space, found, state or places.ground_state(), profile)


if __name__ == "__main__":
    main()
