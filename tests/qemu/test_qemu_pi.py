"""The emulated Raspberry Pi as a board of the rig: boot, heat, upsets, hangs, power, and a flight.

One board serves all tests, in the order written: booting costs more than everything else. Its model is
a small one in 8-bit integers, which is soon proven; the shipped models fly with first light, in a file
of its own. What is marked `long` is left out of `.ci/run`.
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from hil.board_files import read_board
from hil.emulator.settings import serial_number
from hil.faults.catalog import Fault, FaultKind
from hil.faults.rig_client import RigClient
from hil.rig.model_slots import compile_for, install
from hil.rig.qemu_pi.process import stop_board
from tests.qemu.flight import BOARD, fly, say
from tests.qemu.int8_model import write

pytestmark = pytest.mark.qemu

BOOT_S = 400.0  # 15 to 30 s on a quiet machine; machines of CI are not quiet
LOOK_S = 0.2
FLIPS_MAX = 4
SMOKE = Path(__file__).parent / "smoke.yaml"
MODEL = "tiny-int8"


@pytest.fixture(scope="module")
def link(card, tmp_path_factory):
    """The board's port, with the board behind it up and its models staged."""
    link = tmp_path_factory.mktemp("pi") / "board"
    models = int8_slots(link.with_name("models"))
    log = (link.parent / "log").open("wb")
    command = [sys.executable, "-m", "hil", "emulate", "--board", BOARD, "--link", str(link)]
    options = ["--models", str(models), "--time-scale", "20"]
    board = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        wait_for(link, lambda plant: plant.watchdog_left_s is not None and plant.worker_pid)
        yield link
    finally:
        stop_board(link)
        board.wait(20)
        log.close()


def int8_slots(folder):
    """The board's slots with the small model alone, compiled for its processor."""
    model = write(folder.with_name(f"{MODEL}.onnx"))
    install(folder, compile_for(read_board(BOARD), {1: model}, say))
    return folder


@pytest.fixture
def rig(link):
    with RigClient(link) as client:
        yield client


def wait_for(link, condition, within_s=BOOT_S):
    """The first state of the board that satisfies a condition."""
    is_met, plant = first_state(link, condition, within_s)
    assert is_met, plant
    return plant


def first_state(link, condition, within_s):
    """Whether the condition was met in time, and the state that met it, else the last one seen."""
    end_s = time.monotonic() + within_s
    with RigClient(link) as client:
        client.wait_ready(30.0)
        while True:
            plant = client.plant()
            if condition(plant) or time.monotonic() >= end_s:
                return condition(plant), plant
            time.sleep(LOOK_S)


def regions_of(rig, prefix, within_s=60.0):
    end_s = time.monotonic() + within_s
    while not (found := [one for one in rig.regions() if one.name.startswith(prefix)]):
        assert time.monotonic() < end_s, "the guest publishes no such memory"
        time.sleep(LOOK_S)
    return found


def test_the_real_node_runs_on_stock_linux(rig, link):
    """The node feeds a watchdog of 15 s through the stock driver and talks on the board's line."""
    plant = wait_for(link, lambda plant: plant.to_controller_bytes > 0)
    assert plant.node_pid is not None
    assert 0 < plant.watchdog_left_s <= 15.0
    assert {one.name for one in regions_of(rig, "weights:")} == {f"weights:{MODEL}"}


def test_an_upset_in_live_weights_is_found_and_repaired(rig):
    """A bit flipped in the guest's RAM is back as it was after a scrub pass."""
    regions_of(rig, "weights:")
    done = rig.inject(Fault(1, FaultKind.WEIGHT_FLIP, place=0.37))
    assert done.landed, done.reason
    end_s = time.monotonic() + 60
    while rig.verify(done.number) != ["restored"]:
        assert time.monotonic() < end_s, rig.verify(done.number)
        time.sleep(LOOK_S)


def test_a_crashed_worker_is_replaced(rig, link):
    """The node notices and starts another."""
    before = wait_for(link, lambda plant: plant.worker_pid is not None).worker_pid
    assert rig.inject(Fault(2, FaultKind.WORKER_CRASH)).landed
    wait_for(link, lambda plant: plant.worker_pid not in (None, before))


def test_a_hang_is_ended_by_the_hardware_watchdog(rig, link):
    """With the processor stopped the counter runs on and resets the board, which comes up again."""
    boots = rig.plant().boots
    assert rig.inject(Fault(3, FaultKind.BOARD_HANG)).landed
    plant = wait_for(link, lambda plant: plant.boots > boots, within_s=30.0)
    assert plant.reset_cause == "watchdog"
    wait_for(link, lambda plant: plant.watchdog_left_s is not None)


@pytest.mark.long
def test_an_upset_of_the_program_counter_ends_in_a_reset(rig, link):
    """A high bit of PC leads where no code is: the kernel panics, and the power block resets the board.

    In a program it costs that program alone, so that a few are tried.
    """
    boots, is_reset = rig.plant().boots, False
    for number in range(4, 4 + FLIPS_MAX):
        high_bit = Fault(number, FaultKind.REGISTER_FLIP, place=32.5 / 33, second=40.5 / 64)
        done = rig.inject(high_bit)
        assert done.landed, done.reason
        is_reset, plant = first_state(link, lambda plant: plant.boots > boots, within_s=45.0)
        if is_reset:
            break
    assert is_reset, plant
    wait_for(link, lambda plant: plant.watchdog_left_s is not None)


def test_a_power_cut_loses_everything_but_the_card(rig, link):
    """The switch is a file; the port's name stays, and the board boots from the card it wrote."""
    switch = link.with_name("board.supply") / "state"
    switch.write_text("0\n")
    off = wait_for(link, lambda plant: not plant.powered, within_s=10.0)
    assert off.node_pid is None
    assert rig.regions() == []
    assert link.is_symlink()
    switch.write_text("1\n")
    wait_for(link, lambda plant: plant.watchdog_left_s is not None)
    assert rig.plant().reset_cause == "power-on"


def test_a_hot_board_switches_itself_off(rig, link):
    """At 95 °C stock Linux shuts down: the board's last defence when nobody governs it."""
    rig.environment(mount_c=120.0)
    plant = wait_for(link, lambda plant: plant.reset_cause == "halted", within_s=120.0)
    assert plant.temp_c > 89.0


def test_a_short_flight_is_golden(link, tmp_path):
    """Telecommands, int8 answers equal to this machine's, a throttled hot board, upsets mended."""
    stop_board(link)  # two of one core each would share the machine
    model = ["--model", str(write(tmp_path / f"{MODEL}.onnx"))]
    scenario = ["--scenario", str(SMOKE), "--seed", "3"]
    summary, done = fly(tmp_path / "run", *scenario, *model)
    assert summary["faults"]["silent"] == 0
    assert summary["jobs"]["done"] == summary["jobs"]["submitted"] > 0
    assert summary["golden_match"] is True
    assert summary["steps"]["hot board throttled"] is True
    assert done.returncode == 0, done.stderr.decode()
    assert f"serial number {serial_number(3)}" in (tmp_path / "run" / "events.jsonl").read_text()
