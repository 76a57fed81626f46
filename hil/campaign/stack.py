"""The whole stack of a flight on this machine: board emulator, controller, ground, and the rig's port.

Each program is a process of its own, as on three computers. Keys are made for the run alone and stay
in its folder; the compiled models come from a cache, for the same file on the same machine gives the
same bytes.
"""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.storage import write_key_file
from flight_sw.errors import PortError, VanAllenError
from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.manifest import WEIGHTS_FILE
from flight_sw.inference.store import ModelStore
from flight_sw.profile import Profile
from flight_sw.radiation.native import crc32c
from flight_sw.space_link.keys import KeySet, format_keys, new_keys
from hil.campaign.children import Child
from hil.campaign.folder import RunFolder
from hil.campaign.patience import Patience, patience
from hil.campaign.workload import ModelToFly
from hil.faults.rig_client import RigClient
from hil.ground.archive import Archive
from hil.ground.client import Ground

SLOW_S = 0.5  # worth a line in the story
START_S = 10.0  # for a program to open its port


class StackFailed(VanAllenError):
    """A program of the stack did not start, or ended during the flight."""


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

    def check(self) -> None:
        """Raise StackFailed if one of the programs has ended."""
        for name, child in (("controller", self.controller), ("board emulator", self.emulator)):
            if child.exit_code is not None:
                raise StackFailed(
                    f"the {name} ended with code {child.exit_code}: {_last_line(child)} "
                    f"(log: {child.log})"
                )


@contextmanager
def start_stack(setup: Setup) -> Iterator[Stack]:
    """Bring everything up, and everything down again whatever happens.

    Raises:
        ModelError: a compiled model is damaged.
        StackFailed: a program does not start.
    """
    weights = install_models(setup)
    keys = make_keys(setup.folder.keys, setup.profile)
    with ExitStack() as stack:
        short = stack.enter_context(tempfile.TemporaryDirectory(prefix="vanallen-"))
        link = Path(short) / "board"
        emulator = stack.enter_context(_start_emulator(setup, link))
        _wait_for(link, emulator)
        rig = RigClient(link)
        stack.callback(rig.close)
        port = _free_port()
        controller = stack.enter_context(_start_controller(setup, link, port))
        ground = Ground(
            f"tcp://127.0.0.1:{port}",
            keys,
            setup.folder.state("ground"),
            setup.profile,
            Archive(setup.folder.telemetry),
        )
        stack.callback(ground.close)
        running = Stack(ground, rig, emulator, controller, weights, patience(setup.profile))
        _connect(running)
        yield running


def compile_models(models: Iterable[ModelToFly], on_slow: Callable[[str], None]) -> dict[int, Path]:
    """By slot, the folder of the compiled model; made now where the cache has none.

    Raises:
        ModelError: a model cannot be compiled.
    """
    cache = cache_folder()
    compiled = {}
    for model in models:
        before_s = time.monotonic()
        compiled[model.slot] = compile_cached(model.path, cache, crc32c)
        took_s = time.monotonic() - before_s
        if took_s > SLOW_S:
            on_slow(f"Compiled {model.name} for this machine in {took_s:.1f} s (kept in {cache})")
    return compiled


def install_models(setup: Setup) -> dict[str, Path]:
    """Fill the board's slots; by model name, the file with its right bytes."""
    store = ModelStore(setup.folder.state("models"))
    files = {}
    for slot, compiled in setup.compiled.items():
        manifest = store.install(compiled, slot)
        files[manifest.name] = store.directory(slot) / WEIGHTS_FILE
    return files


def cache_folder() -> Path:
    """Where compiled models are kept between runs (XDG base directories)."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "vanallen" / "models"


def make_keys(file: Path, profile: Profile) -> KeySet:
    """New keys from the operating system's random source, in a file that only we can read."""
    keys = new_keys(profile.spacecraft.id, os.urandom(64))
    write_key_file(file, format_keys(keys))
    return keys


def _start_emulator(setup: Setup, link: Path) -> Child:
    command = [
        *(sys.executable, "-m", "hil", "emulate", "--link", str(link)),
        *("--profile", str(setup.profile_file), "--models", str(setup.folder.state("models"))),
        *("--seed", str(setup.seed), "--time-scale", f"{setup.time_scale:g}"),
        *("--state", str(setup.folder.state("board"))),
    ]
    return Child(command, setup.folder.log("emulator"))


def _start_controller(setup: Setup, link: Path, port: int) -> Child:
    command = [
        *(sys.executable, "-m", "flight_sw", "controller", "--profile", str(setup.profile_file)),
        *("--board-port", str(link), "--space", f"tcp://127.0.0.1:{port}"),
        *("--keys", str(setup.folder.keys), "--state", str(setup.folder.state("controller"))),
    ]
    return Child(command, setup.folder.log("controller"))


def _wait_for(link: Path, emulator: Child) -> None:
    end_s = time.monotonic() + START_S
    while not link.exists():
        if emulator.exit_code is not None or time.monotonic() > end_s:
            raise StackFailed(
                f"the board emulator does not start: {_last_line(emulator)} (log: {emulator.log})"
            )
        time.sleep(0.02)


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_line(child: Child) -> str:
    return (child.tail().splitlines() or ["it said nothing"])[-1]
