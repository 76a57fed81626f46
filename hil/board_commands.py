"""`vanallen board`: profiles, serial ports, installation on a board, and the Raspberry Pi in QEMU."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flight_sw.errors import ProfileError, UserError
from flight_sw.profile import profile_problems
from hil import board_files
from hil.desk import Board, Json
from hil.rig.board_section import rig_section
from hil.rig.ports import serial_ports

board_app = typer.Typer(
    help="Board profiles, installation on a board, and the Raspberry Pi in QEMU.",
    no_args_is_help=True,
)
qemu_app = typer.Typer(help="A Raspberry Pi 3 in QEMU as a board of the rig.", no_args_is_help=True)
board_app.add_typer(qemu_app, name="qemu-pi")

ProfileName = Annotated[str, typer.Option("--profile", help="Profile name or file.")]
Root = Annotated[Path | None, typer.Option("--root", help="Root file system of the board.")]
Host = Annotated[str | None, typer.Option("--host", help="The board over ssh: user@name.")]
SdCard = Annotated[Path | None, typer.Option("--sdcard", help="Mounted boot or root partition.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show every edit, change nothing.")]
Link = Annotated[Path, typer.Option(help="Where the board's serial port appears.")]


@board_app.command("list")
def board_list(as_json: Json = False) -> None:
    """List the profiles that come with the package, and this machine's serial ports."""
    profiles = [board_files.read_board(name) for name in board_files.board_names()]
    ports = serial_ports()
    if as_json:
        rows = [{"name": p.name, "use": p.use, "description": p.description} for p in profiles]
        lines = [{"name": p.name, "device": p.device, "stable": p.is_stable} for p in ports]
        typer.echo(json.dumps({"profiles": rows, "ports": lines}))
        return
    for profile in profiles:
        typer.echo(f"{profile.name:<20} {profile.use:<7} {profile.description}")
    typer.echo("Serial ports here:" if ports else "Serial ports here: none")
    for port in ports:
        note = "" if port.is_stable else "  (this name may change; prefer /dev/serial/by-id)"
        typer.echo(f"  {port.name} -> {port.device}{note}")


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


@board_app.command("install")
def board_install(
    profile: ProfileName,
    host: Host = None,
    sdcard: SdCard = None,
    root: Root = None,
    dry_run: Dry = False,
    port: Annotated[
        str | None, typer.Option(help="The board's UART, if not the profile's.")
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(help="Offline wheelhouse: vanallen board wheels FOLDER.")
    ] = None,
    flashed: Annotated[
        bool, typer.Option("--flashed", help="Controller on the board too; UART: space link.")
    ] = False,
    on_confirm: Annotated[
        str, typer.Option(help="The platform's command after software was confirmed.")
    ] = "",
    on_roll_back: Annotated[
        str, typer.Option(help="The platform's command after software was taken back.")
    ] = "",
) -> None:
    """Put the software on a board: every edit shown, backed up on the board, and reversible."""
    from hil.rig.install.command import Software, Target, install

    target = Target(host, sdcard, root)
    software = Software(port, wheels, flashed, on_confirm, on_roll_back)
    raise typer.Exit(install(profile, target, software, dry_run=dry_run))


@board_app.command("uninstall")
def board_uninstall(host: Host = None, sdcard: SdCard = None, root: Root = None) -> None:
    """Give a board's files back as they were before the first installation."""
    from hil.rig.install.command import Target, uninstall

    raise typer.Exit(uninstall(Target(host, sdcard, root)))


@board_app.command("doctor")
def board_doctor(
    profile: ProfileName = "generic-arm64",
    port: Annotated[str | None, typer.Option(help="Port to try, its ends joined.")] = None,
    root: Annotated[Path, typer.Option(help="Root file system to look at.")] = Path("/"),
    as_json: Json = False,
) -> None:
    """Look for the usual faults of a board's setup and say the cure; 1 if there is one."""
    from hil.rig.install.doctor import WORDS, examine

    findings = examine(root, board_files.read_board(profile), port)
    if as_json:
        rows = [
            {"what": f.what, "ok": f.ok, "seen": f.seen, "cure": "" if f.ok else f.cure}
            for f in findings
        ]
        typer.echo(json.dumps(rows, indent=1))
    else:
        for one in findings:
            cure = "" if one.ok else f"; {one.cure}"
            typer.echo(f"{WORDS[one.ok]:<6} {one.what}: {one.seen}{cure}")
    raise typer.Exit(0 if all(one.ok for one in findings) else 1)


@board_app.command("wheels")
def board_wheels(
    folder: Annotated[Path, typer.Argument(help="Where the wheels go.")],
    python: Annotated[str, typer.Option(help="Python of the board, such as 3.11.")] = "3.11",
) -> None:
    """Fill an offline wheelhouse for a 64-bit Arm board; our own wheel is cross built."""
    from hil.rig.wheelhouse import CONTROLLER_NEEDS, NODE_NEEDS, cross_wheel, dependency_wheels

    own = cross_wheel(folder)
    found = dependency_wheels(folder, (*NODE_NEEDS, *CONTROLLER_NEEDS), python)
    typer.echo(f"{own.name} and {len(found) - 1} more in {folder}")


@qemu_app.command("build")
def qemu_build() -> None:
    """Build the SD card: Debian's kernel and base, our wheels; the same input, the same bytes."""
    from hil.rig.qemu_pi.process import build_image

    build_image(typer.echo)


@qemu_app.command("start")
def qemu_start(link: Link, models: Annotated[Path | None, typer.Option()] = None) -> None:
    """Be the board until ^C or `stop`: the same as vanallen emulate --board qemu-raspberry-pi-3."""
    from hil.emulator.settings import EmulatorOptions
    from hil.rig.qemu_pi.process import run_qemu_pi

    slots = models or shipped_on("qemu-raspberry-pi-3", link)
    profile = board_files.find_board("qemu-raspberry-pi-3")
    raise typer.Exit(run_qemu_pi(EmulatorOptions(link=link, profile=profile, models=slots)))


@qemu_app.command("stop")
def qemu_stop(link: Link) -> None:
    """Stop the board behind a port."""
    from hil.rig.qemu_pi.process import stop_board

    if not stop_board(link):
        raise UserError(f"{link}: no board runs there")
    typer.echo(f"{link}: stopped")


def shipped_on(board: str, link: Path) -> Path:
    """The shipped models in a board's slots, compiled for its processor."""
    from hil.shipped_slots import fill_slots

    return fill_slots(link.with_name(link.name + ".models"), board_files.read_board(board))
