"""Runs the emulated Pi as a board of the rig: port, supply switch and rig port as every board has."""

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

from flight_sw.errors import UserError
from hil.emulator.process import run_machine
from hil.emulator.settings import LOCK_SUFFIX, EmulatorOptions, beside, read_profile
from hil.places import cache_home
from hil.rig.qemu_pi.image import Image, build, find
from hil.rig.qemu_pi.machine import PiMachine

LOCK = "lock"


def run_qemu_pi(options: EmulatorOptions) -> int:
    """Be the board until SIGTERM or SIGINT; return the exit code.

    Raises:
        UserError: no image has been built, or the profile is no emulated one.
    """
    profile, silicon = read_profile(options.profile)
    image = find(image_folder())
    if image is None:
        raise UserError(
            "no card for the emulated Raspberry Pi yet; run: vanallen board qemu-pi build"
        )
    return run_machine(options, lambda: PiMachine(options, profile, silicon, image))


def stop_board(link: Path) -> bool:
    """End the program that holds a board's port; False if none does."""
    try:
        pid = int(beside(link, LOCK_SUFFIX).read_text().strip())
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return False
    return True


def build_image(say: Callable[[str], None]) -> Image:
    """The card in the cache, made where it is missing or out of date; by one program at a time."""
    folder = image_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build(folder, say)


def image_folder() -> Path:
    """Where the card and what it is made of are kept."""
    return cache_home() / "qemu-pi"
