"""An emulated board in a process of its own, with a small program in the node's place."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flight_sw.devices.supply import SysfsSupply
from hil.faults.rig_client import RigClient

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
STAND_IN = (sys.executable, str(HERE / "stand_in_node.py"))
FAST_HEAT = 200.0
START_S = ENDS_S = 60.0  # a busy machine; a quiet one needs 1


@dataclass
class Running:
    """One emulator: its process, its link and the rig's hand on it."""

    process: subprocess.Popen
    link: Path
    rig: RigClient
    boots_before: int = 1

    @property
    def root(self) -> Path:
        return self.link.with_name("board.board") / "root"

    @property
    def switch(self) -> Path:
        return self.link.with_name("board.supply")

    @property
    def supply(self) -> SysfsSupply:
        return SysfsSupply(self.switch)

    def boots(self) -> int:
        """Starts since the test began."""
        return self.rig.plant().boots - self.boots_before


def run(link: Path, profile: Path, time_scale: float = 1.0, node=STAND_IN) -> subprocess.Popen:
    """Start an emulator as a program."""
    command = [sys.executable, str(HERE / "run_emulator.py"), str(link), str(profile)]
    return subprocess.Popen(
        [*command, str(time_scale), *node],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="session")
def one_emulator(tmp_path_factory):
    """The emulator that tests share which leave it alive."""
    link = tmp_path_factory.mktemp("emulator") / "board"
    process = run(link, ROOT / "boards/emulated.yaml", FAST_HEAT)
    with RigClient(link) as rig:
        rig.wait_ready(START_S)
        yield Running(process, link, rig)
    process.terminate()
    process.communicate(timeout=ENDS_S)


@pytest.fixture
def board(one_emulator, eventually):
    """A board fresh from the power switch, on a quiet line, at rest."""
    board = one_emulator
    board.supply.set_on(False)
    eventually(lambda: not board.rig.plant().powered, "off")
    board.rig.noise(bit_error_rate=0.0, drop_rate=0.0, cut=False, unplugged=False)
    board.rig.environment(mount_c=9.0, extra_load_w=0.0, latch_up_a=0.0)
    off_s = board.rig.plant().up_s
    eventually(lambda: board.rig.plant().up_s > off_s + 0.25, "discharged")
    board.supply.set_on(True)
    eventually(lambda: board.rig.plant().watchdog_left_s is not None, "software runs")
    board.boots_before = board.rig.plant().boots
    return board


@pytest.fixture
def profile_file(tmp_path):
    """Write a profile with some words replaced."""

    def make(**words: str) -> Path:
        text = (ROOT / "boards/emulated.yaml").read_text()
        for old, new in words.items():
            key = old.replace("__", ": ")
            assert key in text, key
            text = text.replace(key, new)
        path = tmp_path / "profile.yaml"
        path.write_text(text)
        return path

    return make


@pytest.fixture
def launch(tmp_path, profile_file):
    """Start an emulator process without waiting for it; all are ended afterwards."""
    started = []

    def make(link=None, profile=None, **options) -> subprocess.Popen:
        process = run(link or tmp_path / "board", profile or profile_file(), **options)
        started.append(process)
        return process

    yield make
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.communicate(timeout=ENDS_S)


@pytest.fixture
def emulator(launch, tmp_path):
    """Start an emulator and wait until it answers."""
    clients = []

    def make(**options) -> Running:
        process = launch(**options)
        rig = RigClient(tmp_path / "board")
        clients.append(rig)
        rig.wait_ready(START_S)
        return Running(process, tmp_path / "board", rig)

    yield make
    for rig in clients:
        rig.close()
