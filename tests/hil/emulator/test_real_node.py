"""The flight node runs on the emulated board as it would on a Raspberry Pi."""

import pytest

from flight_sw.devices.serial_port import SerialPort
from hil.emulator.settings import EmulatorOptions
from hil.faults.catalog import Fault, FaultKind
from hil.faults.process import read_stat

BAUD = 921_600
LONG_S = 20.0  # a node loads its libraries first, and the machine may be busy


@pytest.fixture
def flight_board(emulator, tmp_path, eventually):
    """An emulated board on which the real node runs, without models."""
    models = tmp_path / "models"
    models.mkdir()
    node = (*EmulatorOptions(tmp_path, tmp_path).node, "--models", str(models))
    board = emulator(node=node)
    eventually(lambda: board.rig.plant().watchdog_left_s is not None, "watchdog armed", LONG_S)
    return board


def test_the_real_node_lives_dies_and_comes_back(flight_board, eventually):
    """It arms the watchdog, talks, publishes its memory, repairs a flip, and survives a reset."""
    board = flight_board
    port = SerialPort(str(board.link), BAUD)
    assert eventually(port.read, "heartbeats", LONG_S)
    regions = eventually(board.rig.regions, "memory map")
    assert {region.pid for region in regions} == {board.rig.plant().node_pid}

    flip = board.rig.inject(Fault(1, FaultKind.VOTE_FLIP, place=0.1))
    assert flip.landed
    eventually(lambda: board.rig.verify(flip.number) == ["restored"], "the node repairs it")

    worker = eventually(lambda: board.rig.plant().worker_pid, "worker", LONG_S)
    assert board.rig.inject(Fault(2, FaultKind.WORKER_CRASH)).landed
    eventually(lambda: board.rig.plant().worker_pid not in (None, worker), "new worker", LONG_S)

    before = board.rig.plant().node_pid
    assert board.rig.inject(Fault(3, FaultKind.BOARD_HANG, sticky=False)).landed
    # It may be within a system call; and a board that waits for its worker is not fed, so that its
    # watchdog may bite before anybody saw it stand still.
    eventually(lambda: is_stopped(before) or board.boots(), "stopped, or reset already")
    board.supply.pulse_reset()
    eventually(lambda: board.rig.plant().node_pid not in (None, before), "reset")
    eventually(lambda: board.rig.plant().watchdog_left_s is not None, "armed again", LONG_S)
    port.read()
    assert eventually(port.read, "heartbeats again on the same port", LONG_S)
    port.close()


def is_stopped(pid):
    """Whether a process is there and stands still."""
    stat = read_stat(pid)
    return stat is not None and stat.state == "T"
