"""Which program is the board on this machine, by the profile's `rig.emulator`."""

from collections.abc import Callable

from flight_sw.errors import UserError
from hil.emulator.process import run_emulator
from hil.emulator.settings import EmulatorOptions
from hil.rig.board_section import RigSection
from hil.rig.qemu_pi.process import run_qemu_pi


def emulator_of(section: RigSection, name: str) -> Callable[[EmulatorOptions], int]:
    """The program to run.

    Raises:
        UserError: the profile is that of a real board.
    """
    if section.emulator == "none":
        raise UserError(
            f"board {name} is a real one, nothing here emulates it; take emulated or "
            "qemu-raspberry-pi-3, or start the node on the board: python -m flight_sw node"
        )
    return run_qemu_pi if section.emulator == "qemu-pi" else run_emulator
