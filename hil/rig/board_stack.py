"""The programs around one held board: its emulator if it has one, the controller, the keys.

A tethered board has its controller here; a flashed one has both on board, and then there is nothing to
start but the line.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from flight_sw.devices.storage import read_key_file
from flight_sw.errors import UserError
from flight_sw.space_link.keys import KeySet, parse_keys
from hil.applications.models import SLOT_MODELS, find_model
from hil.faults.rig_client import RigClient
from hil.rig.children import Child
from hil.rig.hold import HeldBoard
from hil.rig.model_slots import compile_for, install
from hil.rig.programs import (
    START_S,
    ControllerProgram,
    EmulatorProgram,
    StackFailed,
    check_running,
    free_port,
    last_line,
    make_keys,
    start_controller,
    start_emulator,
    wait_for_port,
)

FELT_S, LOOK_S = 5.0, 0.05  # until a board feels a cut of its supply; between two looks
TIME_SCALE = 20.0  # heat of an emulated board: its time constant is 186 s


class BoardStack:
    """Started with `start`, ended with `close`; what is added with `at_close` ends with it, too."""

    def __init__(self, held: HeldBoard) -> None:
        self.held = held
        self.entry = held.entry
        self.folder = held.options.folder
        self.hand: RigClient | None = None
        self.space = ""
        self._scale = held.options.timeout_scale
        self._ending = ExitStack()
        self._emulator: Child | None = None
        self._controller: Child | None = None
        self._link = Path()

    @property
    def key_file(self) -> Path:
        """The keys of its space link."""
        named = self.entry.section.keys
        return self.folder / "keys" if named is None else self.entry.folder / named

    @property
    def logs(self) -> dict[str, Path]:
        """What the programs and the board's own console say, by name."""
        found = {name: self.folder / f"{name}.log" for name in ("controller", "emulator", "hooks")}
        found["board console"] = self.folder / "board" / "console.log"
        return {name: path for name, path in found.items() if path.exists()}

    @property
    def models_folder(self) -> Path:
        """The slots of an emulated board's models, which its node stages at each start."""
        return self.folder / "models"

    def start(self) -> KeySet:
        """Start whatever this board needs, and return the keys of its space link.

        Raises:
            RigError, PortError, StackFailed: it does not start; the text says why.
        """
        keys = self._keys()
        if self.entry.section.link == "space":
            self.space = self.held.port.space_url
            return keys
        self._start_board()
        self.space = f"tcp://127.0.0.1:{free_port()}"
        self._start_controller()
        return keys

    def restart_controller(self, *, kill: bool) -> None:
        """End the controller and start it anew; `kill` leaves it no moment to store anything."""
        child = self._controller
        if child is None:
            raise UserError(f"board {self.entry.name}: its controller is not ours to restart")
        child.stop(0.0 if kill else START_S * self._scale)
        self._start_controller()

    def cut_power(self) -> None:
        """Cut the board's supply from outside and restore it.

        The controller closes an open switch within a tenth of a second, which an emulator that was held
        up for as long does not see: then it is opened again.
        """
        if self.hand is None:
            self.held.hooks.power_cycle()
            return
        state = self._link.with_name(f"{self._link.name}.supply") / "state"
        boots, end_s = self.hand.plant().boots, time.monotonic() + FELT_S * self._scale
        while (plant := self.hand.plant()).powered and plant.boots == boots:
            if time.monotonic() > end_s:
                raise StackFailed(f"board {self.entry.name}: does not feel its supply being cut")
            state.write_text("0\n")
            time.sleep(LOOK_S)
        time.sleep(self.entry.profile.supply.off_s)
        state.write_text("1\n")

    def check(self) -> None:
        """Raise StackFailed if one of our programs has ended."""
        for name, child in (("controller", self._controller), ("emulator", self._emulator)):
            if child is not None:
                check_running(name, child)

    @property
    def last_words(self) -> str:
        """What a controller that has ended said last."""
        child = self._controller
        return "" if child is None or child.exit_code is None else last_line(child)

    def at_close(self, act: Callable[[], None]) -> None:
        """Do this first when the stack ends."""
        self._ending.callback(act)

    def close(self) -> None:
        """Bring everything down; closing twice is harmless."""
        self._ending.close()
        self._controller = self._emulator = self.hand = None

    def state(self, who: str) -> Path:
        """A folder for what one of the programs keeps."""
        path = self.folder / who
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _keys(self) -> KeySet:
        if self.entry.section.keys is None:
            self.key_file.unlink(missing_ok=True)
            return make_keys(self.key_file, self.entry.profile)
        return parse_keys(read_key_file(self.key_file), str(self.key_file))

    def _start_board(self) -> None:
        if not self.entry.is_emulated:
            self.held.open_port().close()  # says what is wrong with a port better than a child can
            self._link = Path(self.held.port.url)
            return
        short = self._ending.enter_context(tempfile.TemporaryDirectory(prefix="vanallen-"))
        self._link = Path(short) / "board"
        files = {slot: find_model(name) for slot, name in enumerate(SLOT_MODELS, start=1)}
        models = self.state("models")
        install(models, compile_for(self.entry.profile, files, lambda _: None))
        program = EmulatorProgram(
            link=self._link,
            profile_file=self.entry.profile_file,
            models=models,
            state=self.state("board"),
            log=self.folder / "emulator.log",
            seed=self.entry.seed,
            time_scale=TIME_SCALE,
        )
        self._emulator = self._ending.enter_context(start_emulator(program))
        wait_for_port(self._link, self._emulator, START_S * self._scale)
        self.hand = RigClient(self._link)
        self._ending.callback(self.hand.close)

    def _start_controller(self) -> None:
        port = str(self._link) if self.entry.is_emulated else self.held.port.url
        program = ControllerProgram(
            profile_file=self.entry.profile_file,
            board_port=port,
            space=self.space,
            keys=self.key_file,
            state=self.state("controller"),
            log=self.folder / "controller.log",
        )
        self._controller = self._ending.enter_context(start_controller(program))
