"""A node as on a board, tethered: its own process, a board's file tree, a serial line of a host."""

import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import time
import tty
from pathlib import Path

import pytest

from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel
from hil.board_files import find_board, read_board
from hil.ground.client import Ground
from hil.ground.reports import EventReport
from hil.rig.programs import (
    ControllerProgram,
    free_port,
    make_keys,
    start_controller,
    wait_for_port,
)

SPEC = importlib.util.spec_from_file_location(
    "boards", Path(__file__).parents[2] / "board_trees/boards.py"
)
boards = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(boards)

ANSWER_S = 60.0  # a busy machine


@pytest.fixture
def tree(tmp_path):
    """A Raspberry Pi 4, as the generic profile may be used on one."""
    return boards.raspberry_pi(
        tmp_path / "root",
        "Raspberry Pi 4 Model B",
        "raspberrypi,4-model-b\0brcm,bcm2711",
        600,
        1800,
    )


def start(profile, port, tree, environment=None):
    models = tree.parent / "models"
    models.mkdir(exist_ok=True)
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "flight_sw", "node", "--profile", str(profile)),
            *("--port", port, "--models", str(models), "--root", str(tree)),
        ],
        env={**os.environ, **(environment or {})},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_tethered_node_answers_after_a_boot_loaders_garbage(tree, tmp_path):
    """Serial number, temperature and systemd's READY: all from the board's tree, over a real line."""
    master, slave = os.openpty()
    tty.setraw(slave)
    tty.setraw(master)
    notify = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(notify))
        systemd.settimeout(ANSWER_S)
        node = start(
            find_board("generic-arm64"),
            os.ttyname(slave),
            tree,
            {"NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "2000000"},
        )
        try:
            os.write(master, b"U-Boot 2023.01\r\nHit any key\x00\xff\x00" * 20)
            heard = _talk(master, node)
            said = systemd.recv(500)
        finally:
            node.send_signal(signal.SIGTERM)
            code = node.wait(20)
            node.stderr.close()
            os.close(master)
            os.close(slave)
    identity = next(one for one in heard if isinstance(one, m.Identity))
    assert identity.serial_number == "10000000abcdef01"
    assert identity.board == "generic-arm64"
    beat = next(one for one in heard if isinstance(one, m.Heartbeat) and one.temp_c is not None)
    assert beat.temp_c == pytest.approx(48.312)
    assert said.startswith(b"READY=1")
    assert code == 0


def _talk(master, node):
    """Be the controller on the pty's other end until the board has said who it is and how warm."""
    os.set_blocking(master, False)
    channel, heard = Channel(0x1234567, 115200), []
    end_s = time.monotonic() + ANSWER_S
    while time.monotonic() < end_s and node.poll() is None:
        try:
            data = os.read(master, 65536)
        except BlockingIOError:
            data = b""
        items = channel.receive(data, time.monotonic())
        heard += [m.decode_for_controller(item) for item in items if isinstance(item, bytes)]
        os.write(master, channel.transmit(time.monotonic(), 4096))
        kinds = {type(one) for one in heard}
        if {m.Identity, m.Heartbeat} <= kinds and any(
            isinstance(one, m.Heartbeat) and one.temp_c is not None for one in heard
        ):
            break
        select.select([master], [], [], 0.01)
    return heard


def test_a_flashed_board_joins_its_two_programs_by_a_pty(tree, tmp_path):
    """Controller and node as the installed units start them: the ground hears the board come up.

    The node is killed once: it finds the same pty again, and the controller the same board.
    """
    profile, file = read_board("generic-arm64"), find_board("generic-arm64")
    keys = make_keys(tmp_path / "keys.json", profile)
    space, link = f"tcp://127.0.0.1:{free_port()}", tmp_path / "run" / "board"
    state = tmp_path / "controller"
    state.mkdir()
    log = tmp_path / "controller.log"
    program = ControllerProgram(file, f"pty:{link}", space, tmp_path / "keys.json", state, log)
    with start_controller(program) as controller:
        wait_for_port(link, controller, ANSWER_S)
        node = start(file, str(link), tree)
        ground = Ground(space, keys, tmp_path / "ground", profile)
        try:
            ground.connect(ANSWER_S)
            ground.send("set-mode", mode="NOMINAL").done(ANSWER_S)
            first = _board_up(ground)
            node.kill()
            node.wait()
            node.stderr.close()
            node = start(file, str(link), tree)
            second = _board_up(ground)
        finally:
            ground.close()
            node.send_signal(signal.SIGTERM)
            code = node.wait(20)
            node.stderr.close()
    assert first["serial_number"] == second["serial_number"] == "10000000abcdef01"
    assert first["name"] == "generic-arm64"
    assert code == 0


def _board_up(ground):
    """Values of the next event that a board is up."""
    told = ground.expect(EventReport, within_s=ANSWER_S, where=lambda one: one.name == "board-up")
    return told.values


def test_a_board_of_another_type_is_refused_by_name(tree):
    """The profile of a Pi 5 on a Pi 4: one line that names both, exit code 2."""
    node = start(find_board("raspberry-pi-5"), "/dev/null", tree)
    _, said = node.communicate(timeout=ANSWER_S)
    assert node.returncode == 2
    assert "this board is Raspberry Pi 4 Model B" in said
    assert "raspberry-pi-5" in said
    assert len(said.splitlines()) == 1
