"""The programs of a stack on this machine: how each is started, and what it says if it does not.

Board emulator and controller are processes of their own, as on two computers. Campaigns and the HIL
rig start them alike, so that what one finds the other can repeat.
"""

import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.storage import write_key_file
from flight_sw.errors import VanAllenError
from flight_sw.profile import Profile
from flight_sw.space_link.keys import KeySet, format_keys, new_keys
from hil.rig.children import Child

START_S = 10.0  # for a program to open its port
LOOK_S = 0.02


class StackFailed(VanAllenError):
    """A program of the stack did not start, or ended while it was needed."""


@dataclass(frozen=True, slots=True)
class EmulatorProgram:
    """One emulated board.

    Args:
        link: where its serial port shall appear; a short path, for it names a socket too.
        models: folder of model slots.
        time_scale: how much faster heat runs than the flight software's clock.
    """

    link: Path
    profile_file: Path
    models: Path
    state: Path
    log: Path
    seed: int = 1
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ControllerProgram:
    """One payload controller between a board's port and a space link."""

    profile_file: Path
    board_port: str
    space: str
    keys: Path
    state: Path
    log: Path


def start_emulator(program: EmulatorProgram) -> Child:
    """Start it; `wait_for_port` says when its port is there."""
    command = [
        *(sys.executable, "-m", "hil", "emulate", "--link", str(program.link)),
        *("--profile", str(program.profile_file), "--models", str(program.models)),
        *("--seed", str(program.seed), "--time-scale", f"{program.time_scale:g}"),
        *("--state", str(program.state)),
    ]
    return Child(command, program.log)


def start_controller(program: ControllerProgram) -> Child:
    """Start it; its space link answers when it is ready."""
    command = [
        *(sys.executable, "-m", "flight_sw", "controller"),
        *("--profile", str(program.profile_file), "--board-port", program.board_port),
        *("--space", program.space, "--keys", str(program.keys), "--state", str(program.state)),
    ]
    return Child(command, program.log)


def wait_for_port(link: Path, emulator: Child, within_s: float = START_S) -> None:
    """Wait until an emulated board has made its port.

    Raises:
        StackFailed: it ended, or the time is up.
    """
    end_s = time.monotonic() + within_s
    while not link.exists():
        if emulator.exit_code is not None or time.monotonic() > end_s:
            raise StackFailed(
                f"the board emulator does not start: {last_line(emulator)} (log: {emulator.log})"
            )
        time.sleep(LOOK_S)


def check_running(name: str, child: Child) -> None:
    """Raise StackFailed if a program has ended."""
    if child.exit_code is not None:
        raise StackFailed(
            f"the {name} ended with code {child.exit_code}: {last_line(child)} (log: {child.log})"
        )


def make_keys(file: Path, profile: Profile) -> KeySet:
    """New keys from the operating system's random source, in a file that only we can read."""
    keys = new_keys(profile.spacecraft.id, os.urandom(96))
    write_key_file(file, format_keys(keys))
    return keys


def free_port() -> int:
    """A TCP port of this machine that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_line(child: Child) -> str:
    """The last thing a program said."""
    return (child.tail().splitlines() or ["it said nothing"])[-1]
