"""The board link inside one computer: a pty that the controller makes and the node opens."""

import os

import pytest

from flight_sw.devices.clock import SystemClock
from flight_sw.devices.pty_port import PtyPort
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.devices.serial_port import SerialPort
from flight_sw.errors import PortError

BAUD = 115200


def take(port, size):
    """Collect `size` bytes from a read that never blocks."""
    found = b""
    while len(found) < size:
        found += port.read()
    return found


def test_every_byte_passes_both_ways(tmp_path):
    """The node's end is a serial port; no byte value is taken for a control character."""
    data = bytes(range(256)) * 4
    ours = PtyPort(tmp_path / "run" / "board")
    node = SerialPort(str(tmp_path / "run" / "board"), BAUD)
    assert ours.write(data) == node.write(data) == len(data)
    assert take(node, len(data)) == take(ours, len(data)) == data
    node.close()
    ours.close()


def test_a_node_that_restarts_is_no_lost_cable(tmp_path):
    """Its end may be closed and opened anew; what was said to nobody is not heard later."""
    ours = PtyPort(tmp_path / "board")
    SerialPort(str(tmp_path / "board"), BAUD).close()
    assert ours.read() == b""
    ours.write(b"to nobody")
    node = SerialPort(str(tmp_path / "board"), BAUD)
    assert node.read() == b""
    ours.write(b"to the node")
    assert take(node, 11) == b"to the node"
    node.close()
    ours.close()


def test_a_node_that_never_comes_does_not_stop_the_controller(tmp_path):
    """Writing ends in 0, not in a wait."""
    ours = PtyPort(tmp_path / "board")
    for _ in range(100):
        sent = ours.write(bytes(4096))
    assert sent == 0
    ours.close()
    ours.close()
    assert not os.path.lexists(tmp_path / "board")


def test_the_name_is_published_anew_after_a_kill_and_never_in_place_of_a_file(tmp_path):
    """A dead controller leaves a link to nothing; a file of somebody's stays."""
    (tmp_path / "board").symlink_to("/dev/pts/99999")
    port = ReopeningPort.serial(f"pty:{tmp_path / 'board'}", BAUD, SystemClock())
    port.check()
    assert os.path.exists(tmp_path / "board")  # noqa: PTH110 follows the link
    port.close()
    (tmp_path / "board").write_text("mine")
    with pytest.raises(PortError, match="exists and is no link"):
        PtyPort(tmp_path / "board")
    assert (tmp_path / "board").read_text() == "mine"
