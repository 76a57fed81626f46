"""The whole payload as real processes for tests: emulated board, controller, a ground with jobs."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import VanAllenError
from flight_sw.inference.tensors import pack
from flight_sw.profile import Profile
from hil.applications.golden import GoldenTwin, same_bits
from hil.applications.models import find_model
from hil.board_files import find_board, read_board
from hil.campaign.segments import draw_segment
from hil.faults.rig_client import RigClient
from hil.ground.client import Ground
from hil.ground.reports import ModelReport, Result
from hil.kernel import stream
from hil.rig.children import Child
from hil.rig.model_slots import compile_for, install
from hil.rig.programs import (
    ControllerProgram,
    EmulatorProgram,
    free_port,
    make_keys,
    start_controller,
    start_emulator,
    wait_for_port,
)

MODEL, SLOT = "telemetry-anomaly", 1
START_S, UP_S = 60.0, 60.0  # a busy machine; a quiet one needs 4
DEADLINE_S = 30.0


@dataclass
class FlownStack:
    """A payload that flies; `folder` holds all that it writes."""

    folder: Path
    profile: Profile
    ground: Ground
    rig: RigClient
    emulator: Child
    controller: Child
    twin: GoldenTwin
    jobs: int = 0

    def pids(self) -> dict[str, int]:
        """Process ids of what runs now; without the worker while there is none."""
        plant = self.rig.plant()
        found = {"emulator": self.emulator.pid, "controller": self.controller.pid}
        found |= {"node": plant.node_pid} if plant.node_pid else {}
        return found | ({"worker": plant.worker_pid} if plant.worker_pid else {})

    def work(self) -> None:
        """To NOMINAL, and wait until the model is proven."""
        self.ground.send("set-mode", mode="NOMINAL").done()
        self.ground.expect(ModelReport, within_s=UP_S)

    def is_up(self) -> bool:
        """Whether the payload says so, in its newest housekeeping."""
        sample = self.ground.housekeeping(1)
        return sample is not None and sample.values["mode"] == "NOMINAL"

    def is_safe(self) -> bool:
        """Whether it says that it waits in SAFE."""
        sample = self.ground.housekeeping(1)
        return sample is not None and sample.values["mode"] == "SAFE"

    def lead_out(self) -> None:
        """Out of SAFE, as an operator would."""
        self.ground.send("set-mode", mode="NOMINAL").done()
        self.ground.wait_until(lambda: not self.is_safe(), UP_S)

    def job(self, within_s: float = DEADLINE_S) -> bool:
        """One job up and its answer down; whether it is the golden twin's, bit for bit."""
        self.jobs += 1
        job = self.jobs
        data = pack([draw_segment(stream(job, "flown-stack"))[None]])
        values = {"job": job, "model": SLOT, "protection": "standard", "priority": 1}
        self.ground.send("submit-job", deadline=DEADLINE_S, input=data, **values).accepted()
        result = self.ground.expect(Result, within_s=within_s, where=lambda r: r.job == job)
        return same_bits(result.output, self.twin.answer(data))

    def kill(self, name: str) -> bool:
        """SIGKILL to one of the processes; False if there is none now."""
        pid = self.pids().get(name)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def back_s(self, within_s: float) -> float | None:
        """How long until a job is answered rightly again; None if it is not in time."""
        since = time.monotonic()
        while (left_s := since + within_s - time.monotonic()) > 0:
            try:
                self.ground.wait_until(lambda: self.is_up() or self.is_safe(), left_s)
                if self.is_safe():
                    return None
                if self.is_up() and self.job(min(left_s, 10.0)):
                    return time.monotonic() - since
            except VanAllenError:
                continue  # refused while the board boots, or lost with it
        return None


@dataclass(frozen=True, slots=True)
class Setup:
    """What a test puts in place of the usual.

    Args:
        board_port: where the controller finds the board whose port is at the path it is given.
    """

    start: Callable[[ControllerProgram], Child] = start_controller
    board_port: Callable[[Path], Path] = Path


@contextmanager
def flown_stack(
    folder: Path, board: str = "emulated", setup: Setup = Setup()
) -> Iterator[FlownStack]:
    """Bring it up, and everything down again."""
    profile, file = read_board(board), find_board(board)
    compiled = compile_for(profile, {SLOT: find_model(MODEL)}, lambda _: None)
    install(folder / "models", compiled)
    keys = make_keys(folder / "keys.json", profile)
    with ExitStack() as stack:
        short = stack.enter_context(tempfile.TemporaryDirectory(prefix="vanallen-"))
        link = Path(short) / "board"
        paths = {"models": folder / "models", "state": folder / "board"}
        program = EmulatorProgram(link, file, log=folder / "emulator.log", **paths)
        emulator = stack.enter_context(start_emulator(program))
        wait_for_port(link, emulator, START_S)
        rig = RigClient(link)
        stack.callback(rig.close)
        space = f"tcp://127.0.0.1:{free_port()}"
        controller = ControllerProgram(
            profile_file=file,
            board_port=str(setup.board_port(link)),
            space=space,
            keys=folder / "keys.json",
            state=folder / "controller",
            log=folder / "controller.log",
        )
        child = stack.enter_context(setup.start(controller))
        ground = Ground(space, keys, folder / "ground", profile)
        stack.callback(ground.close)
        ground.connect(START_S)
        yield FlownStack(
            folder, profile, ground, rig, emulator, child, GoldenTwin(find_model(MODEL))
        )
