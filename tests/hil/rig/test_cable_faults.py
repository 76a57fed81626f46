"""Faults of a board's cable on real ports, with the real controller: mended or refused by name in 10 s.

The board computes without a model here: its first boot is what counts. Before its software speaks, a
boot loader talks two kilobytes of text and zeros on the line, at every start.
"""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flight_sw.errors import VanAllenError
from flight_sw.profile import parse_profile
from hil.board_files import find_board
from hil.faults.rig_client import RigClient
from hil.ground.client import Ground
from hil.ground.reports import EventReport
from hil.rig.programs import (
    ControllerProgram,
    EmulatorProgram,
    free_port,
    make_keys,
    start_controller,
    start_emulator,
    wait_for_port,
)

# A busy machine. The ten seconds are held in virtual time (tests/flight_sw/test_board_line.py), and on
# real ports by the benchmark (`vanallen bench board`, reconnect_s).
WITHIN_S = 30.0
USUAL_START_S = 3.0  # on a quiet machine; one that is slower by so much gets as much more time
START_S = 60.0  # a busy machine
UNPLUGGED_S = 1.5
BOOT_TEXT = r'"U-Boot 2023.01 \r\nHit any key\0\xff\0 ' + "#" * 2000 + r'\0\r\n"'


@dataclass
class Bench:
    """A controller on the port `link`, which is a name that may lead to one board or another."""

    folder: Path
    ending: ExitStack
    link: Path = field(init=False)

    def __post_init__(self):
        self.short = Path(self.ending.enter_context(tempfile.TemporaryDirectory(prefix="va-")))
        self.link = self.short / "port"
        self.profile = self.profile_at(None)

    def profile_at(self, baud):
        """The emulated board's profile with a talkative boot loader, at another rate if told."""
        text = find_board("emulated").read_text()
        old = next(line for line in text.splitlines() if line.strip().startswith("boot_text:"))
        text = text.replace(old, f"  boot_text: {BOOT_TEXT}")
        if baud is not None:
            text = text.replace("baud: 921600", f"baud: {baud}")
        file = self.folder / f"profile-{baud}.yaml"
        file.write_text(text)
        return file

    def board(self, name, seed):
        """Start a board; the rig's hand on it."""
        link = self.short / name
        (self.folder / name / "models").mkdir(parents=True)
        places = {"models": self.folder / name / "models", "state": self.folder / name / "state"}
        log = self.folder / f"{name}.log"
        program = EmulatorProgram(link, self.profile, log=log, seed=seed, **places)
        child = self.ending.enter_context(start_emulator(program))
        wait_for_port(link, child, START_S)
        rig = RigClient(link)
        self.ending.callback(rig.close)
        return rig

    def plug(self, name):
        """Let the port's name lead to this board, and its supply switch with it."""
        for suffix in ("", ".supply"):
            target = self.link.with_name(f"port{suffix}")
            fresh = self.link.with_name(f"port{suffix}.new")
            fresh.symlink_to(f"{name}{suffix}")
            fresh.replace(target)

    def controller(self, profile):
        """Start one with its own state and keys; a ground that has led it out of SAFE."""
        number = len(list(self.folder.glob("controller-*.log")))
        read = parse_profile(profile.read_text(), str(profile))
        keys = make_keys(self.folder / f"keys-{number}", read)
        space, state = f"tcp://127.0.0.1:{free_port()}", self.folder / f"controller-{number}"
        state.mkdir()
        program = ControllerProgram(
            profile_file=profile,
            board_port=str(self.link),
            space=space,
            keys=self.folder / f"keys-{number}",
            state=state,
            log=self.folder / f"controller-{number}.log",
        )
        self.running = self.ending.enter_context(start_controller(program))
        ground = Ground(space, keys, self.folder / f"ground-{number}", read)
        self.ending.callback(ground.close)
        _connect(ground)
        ground.send("set-housekeeping-period", structure=1, period=0.25).done(START_S)
        ground.send("set-mode", mode="NOMINAL").done(START_S)
        return ground


def _connect(ground):
    end_s = time.monotonic() + START_S
    while True:
        try:
            return ground.connect(within_s=1.0)
        except VanAllenError:
            assert time.monotonic() < end_s


def event(ground, name, within_s, fits=lambda values: True):
    """Values of the next event of that name, and with values that fit."""

    def is_it(one):
        return one.name == name and fits(one.values)

    return ground.expect(EventReport, within_s=within_s, where=is_it).values


def is_up(ground):
    """Whether the newest housekeeping says so."""
    sample = ground.housekeeping(1)
    return sample is not None and sample.values["board"] == "UP"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A bench on which one board flies."""
    with ExitStack() as ending:
        bench = Bench(tmp_path_factory.mktemp("cable"), ending)
        began_s = time.monotonic()
        bench.rig = bench.board("first", seed=1)
        bench.plug("first")
        bench.ground = bench.controller(bench.profile)
        event(bench.ground, "board-up", START_S)
        assert bench.ground.wait_until(lambda: is_up(bench.ground), START_S)
        bench.within_s = WITHIN_S * max(1.0, (time.monotonic() - began_s) / USUAL_START_S)
        yield bench


def test_a_cable_that_is_pulled_and_put_back_is_mended(bench):
    """The port vanishes and comes back under its name; the board is up again."""
    bench.rig.noise(unplugged=True)
    assert bench.ground.wait_until(lambda: not is_up(bench.ground), bench.within_s)
    bench.ground.wait_until(lambda: False, UNPLUGGED_S)
    bench.rig.noise(unplugged=False)
    assert bench.ground.wait_until(lambda: is_up(bench.ground), bench.within_s)


def test_a_power_cycle_from_outside_is_survived(bench):
    """Somebody switches the board off and on: it speaks again, after its boot loader's text."""
    boots = bench.rig.plant().boots
    switch = bench.short / "first.supply" / "state"

    def is_cut():
        plant = bench.rig.plant()
        if plant.powered and plant.boots == boots:
            switch.write_text("0\n")  # again: the controller closes an open switch within a tenth
            return False
        return True

    assert bench.ground.wait_until(is_cut, bench.within_s)
    switch.write_text("1\n")
    event(bench.ground, "board-up", bench.within_s, lambda values: values["boots"] > boots)
    assert bench.ground.wait_until(lambda: is_up(bench.ground), bench.within_s)


def test_another_board_under_the_same_name_is_refused(bench):
    """The name of the port leads to another unit: its serial number is told, and it gets no power."""
    second = bench.board("second", seed=2)
    bench.plug("second")
    bench.rig.noise(unplugged=True)
    told = event(bench.ground, "board-refused", bench.within_s)
    assert told["serial_number"] != told["expected"].split()[-1]
    assert bench.ground.wait_until(lambda: not second.plant().powered, bench.within_s)
    assert bench.ground.wait_until(
        lambda: bench.ground.housekeeping(1).values["mode"] == "SAFE", bench.within_s
    )


@pytest.mark.long  # five seconds of garbage; in virtual time: tests/flight_sw/test_board_line.py
def test_a_wrong_rate_is_named(bench):
    """What arrives makes no frame: the event names the rate that the controller listens at."""
    bench.running.stop()
    bench.plug("first")
    bench.rig.noise(unplugged=False)
    ground = bench.controller(bench.profile_at(57600))
    told = event(ground, "line-garbled", bench.within_s)
    assert told["baud"] == 57600
