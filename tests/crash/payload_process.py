"""A controller without a board as a real process, to be killed at moments that nobody chose."""

import os
import pty
import signal
import tty
from pathlib import Path
from typing import Self

from flight_sw.errors import PortError, VanAllenError
from flight_sw.profile import parse_profile
from hil.ground.client import Ground
from hil.rig.children import Child
from hil.rig.programs import ControllerProgram, free_port, make_keys, start_controller

BOARDS = Path(__file__).parents[2] / "boards"
START_S = 30.0  # a busy machine; a quiet one needs 1


class PayloadProcess:
    """Starts, kills and ends one controller after another on one state folder."""

    def __init__(self, folder: Path) -> None:
        text = (BOARDS / "emulated.yaml").read_text().replace("kind: sysfs", "kind: none")
        profile_file = folder / "board.yaml"
        profile_file.write_text(text)
        self.folder = folder
        self.profile = parse_profile(text, "board.yaml")
        self.keys = make_keys(folder / "keys.json", self.profile)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.program = ControllerProgram(
            profile_file=profile_file,
            board_port=os.ttyname(self._slave),
            space=f"tcp://127.0.0.1:{free_port()}",
            keys=folder / "keys.json",
            state=folder / "state",
            log=folder / "controller.log",
        )
        self.child: Child | None = None

    def start(self) -> None:
        """A fresh process."""
        self.child = start_controller(self.program)

    def ground(self) -> Ground:
        """The ground, with the counters of the one before."""
        return Ground(self.program.space, self.keys, self.folder / "ground", self.profile)

    def kill(self) -> None:
        """SIGKILL, at once."""
        child, self.child = self.child, None
        if child is not None:
            if child.exit_code is None:
                os.kill(child.pid, signal.SIGKILL)
            child.stop()

    def stop(self) -> None:
        """An orderly end."""
        child, self.child = self.child, None
        if child is not None:
            child.stop(10.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        os.close(self._master)
        os.close(self._slave)


def connected(payload: PayloadProcess) -> Ground:
    """A ground whose link stands, once the payload is up."""
    ground = payload.ground()
    try:
        ground.connect(START_S)
    except PortError:
        ground.close()
        assert payload.child is not None
        raise AssertionError(payload.child.tail()) from None
    return ground


def attempt(act: object) -> bool:
    """Whether it worked; a payload that dies under it is no error of the test."""
    try:
        act()
    except (VanAllenError, OSError):
        return False
    return True
