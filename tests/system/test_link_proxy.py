"""Faults of a real line between a real controller and a real ground: service is back in 5 s."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight_sw.profile import parse_profile
from flight_sw.space_link.keys import format_keys, new_keys
from hil import board_files
from hil.emulator.cable import Terminal
from hil.faults.link import QUIET, LinkFaults
from hil.ground.client import Ground
from hil.ground.request import GroundError
from hil.kernel import stream
from hil.rig.children import Child
from hil.rig.link_proxy import LinkProxy
from tests.system.test_link_faults import FAULTS

SERVICE_S = 5.0
FIRST_TM_S = 15.0
CI_FAULT_S = 0.4
CI_KINDS = ("many bit errors", "hang-up", "stall", "blocked write", "echo", "single bytes")
LONG_S = (0.1, 5.0, 60.0)
GROWTH_KIB_MAX = 2048


class Line:
    """A controller process without a board, its space link through a proxy, and the ground."""

    def __init__(self, folder: Path) -> None:
        text = board_files.find_board("emulated").read_text("utf-8")
        text = text.replace("kind: sysfs", "kind: none")
        profile = parse_profile(text, "board.yaml")
        keys = new_keys(profile.spacecraft.id, os.urandom(96))
        (folder / "board.yaml").write_text(text)
        key_file = folder / "keys.json"
        key_file.touch(0o600)
        key_file.write_text(format_keys(keys))
        self.proxy = LinkProxy(folder / "near", folder / "far", stream(1, "proxy"))
        self.board = Terminal()
        command = [
            *(sys.executable, "-m", "flight_sw", "controller"),
            *("--profile", str(folder / "board.yaml"), "--board-port", self.board.device),
            *("--space", str(folder / "far"), "--keys", str(key_file)),
            *("--state", str(folder / "state")),
        ]
        self.child = Child(command, folder / "log")
        self.ground = Ground(f"{folder / 'near'}@921600", keys, folder / "ground", profile)
        self.ground.connect(FIRST_TM_S)
        assert self.ground.wait_until(lambda: self.ground.counts.packets > 0, FIRST_TM_S)

    def back_after_s(self) -> float:
        """How long until a telecommand is carried out and told."""
        start_s = time.monotonic()
        while time.monotonic() - start_s < 4 * SERVICE_S:
            try:
                self.ground.send("ping").done(0.5)
            except GroundError:
                self.ground.wait_until(lambda: False, 0.05)
            else:
                return time.monotonic() - start_s
        return float("inf")

    def disturbed(self, faults: LinkFaults, seconds: float) -> float:
        """Disturb the line, with telecommands going on; how long until service is back."""
        landed = self.proxy.landed
        self.proxy.disturb(faults)
        end_s = time.monotonic() + seconds
        ending = threading.Timer(seconds, self.proxy.disturb, [QUIET])
        ending.start()
        while time.monotonic() < end_s:
            try:
                self.ground.send("report-parameters").done(0.1)
            except GroundError:
                continue
        ending.join()
        back_s = self.back_after_s()
        assert self.proxy.landed > landed, "void: nothing was disturbed"
        assert self.child.exit_code is None
        return back_s

    def close(self) -> None:
        self.ground.close()
        self.child.stop()
        self.proxy.close()
        self.board.close()


def rss_kib(pid: int) -> int:
    """Resident memory of a program."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.close()


def test_service_is_back_after_each_fault_of_a_real_line(line: Line) -> None:
    """Noise, a hang-up, a stall, a blocked write, an echo and single bytes, one after the other."""
    for kind in CI_KINDS:
        back_s = line.disturbed(FAULTS[kind], CI_FAULT_S)
        assert back_s <= SERVICE_S, kind


@pytest.mark.long
@pytest.mark.parametrize("seconds", LONG_S)
def test_every_fault_of_a_real_line_for_longer(line: Line, seconds: float) -> None:
    """All kinds, each for up to a minute; the controller grows by less than 2 MiB."""
    line.disturbed(FAULTS["bit errors"], 1.0)
    before_kib = rss_kib(line.child.pid)
    for kind, faults in FAULTS.items():
        back_s = line.disturbed(faults, seconds)
        assert back_s <= SERVICE_S, kind
    assert rss_kib(line.child.pid) - before_kib < GROWTH_KIB_MAX
