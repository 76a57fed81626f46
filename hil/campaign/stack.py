"""The whole stack of a flight on this machine: board emulator, controller, ground, and the rig's port.

Keys are made for the run alone and stay in its folder.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import PortError
from flight_sw.profile import Profile
from hil.campaign.folder import RunFolder
from hil.faults.rig_client import RigClient
from hil.ground.archive import Archive
from hil.ground.client import Ground
from hil.rig.children import Child
from hil.rig.model_slots import install
from hil.rig.patience import Patience, patience
from hil.rig.programs import (
    START_S,
    ControllerProgram,
    EmulatorProgram,
    StackFailed,
    check_running,
    free_port,
    make_keys,
    start_controller,
    start_emulator,
    wait_for_port,
)

__all__ = ["Setup", "Stack", "StackFailed", "start_stack"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What to start.

    Args:
        compiled: by slot, the folder of the compiled model.
        time_scale: how much faster heat runs than the flight software's clock.
    """

    folder: RunFolder
    profile_file: Path
    profile: Profile
    compiled: Mapping[int, Path]
    seed: int
    time_scale: float


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that runs.

    Args:
        weights: by model name, the file with the right bytes of its live weights.
    """

    ground: Ground
    rig: RigClient
    emulator: Child
    controller: Child
    weights: dict[str, Path]
    patience: Patience
    profile: Profile

    def check(self) -> None:
        """Raise StackFailed if one of the programs has ended."""
        check_running("controller", self.controller)
        check_running("board emulator", self.emulator)


@contextmanager
def start_stack(setup: Setup) -> Iterator[Stack]:
    """Bring everything up, and everything down again whatever happens.

    Raises:
        ModelError: a compiled model is damaged.
        StackFailed: a program does not start.
    """
    weights = install(setup.folder.state("models"), setup.compiled)
    keys = make_keys(setup.folder.keys, setup.profile)
    with ExitStack() as stack:
        short = stack.enter_context(tempfile.TemporaryDirectory(prefix="vanallen-"))
        link = Path(short) / "board"
        emulator = stack.enter_context(start_emulator(_emulator(setup, link)))
        wait_for_port(link, emulator)
        rig = RigClient(link)
        stack.callback(rig.close)
        space = f"tcp://127.0.0.1:{free_port()}"
        controller = stack.enter_context(start_controller(_controller(setup, link, space)))
        ground = Ground(
            space,
            keys,
            setup.folder.state("ground"),
            setup.profile,
            Archive(setup.folder.telemetry),
        )
        stack.callback(ground.close)
        running = Stack(
            ground, rig, emulator, controller, weights, patience(setup.profile), setup.profile
        )
        _connect(running)
        yield running


def _emulator(setup: Setup, link: Path) -> EmulatorProgram:
    folder = setup.folder
    return EmulatorProgram(
        link=link,
        profile_file=setup.profile_file,
        models=folder.state("models"),
        state=folder.state("board"),
        log=folder.log("emulator"),
        seed=setup.seed,
        time_scale=setup.time_scale,
    )


def _controller(setup: Setup, link: Path, space: str) -> ControllerProgram:
    folder = setup.folder
    return ControllerProgram(
        profile_file=setup.profile_file,
        board_port=str(link),
        space=space,
        keys=folder.keys,
        state=folder.state("controller"),
        log=folder.log("controller"),
    )


def _connect(stack: Stack) -> None:
    end_s = time.monotonic() + START_S
    while True:
        stack.check()
        try:
            stack.ground.connect(within_s=0.5)
        except PortError as error:
            if time.monotonic() > end_s:
                raise StackFailed(f"the controller does not answer: {error}") from error
        else:
            return
