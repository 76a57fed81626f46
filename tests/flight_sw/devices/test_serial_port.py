"""A serial line behaves the same on a pty and a UART, and says clearly why it cannot be opened."""

import errno
import itertools
import os
import pty
import socket
import tty

import pytest

from flight_sw.devices.clock import SystemClock
from flight_sw.devices.port_diagnosis import explain_port_failure
from flight_sw.devices.reopening_port import FIRST_PAUSE_S, LONGEST_PAUSE_S, ReopeningPort
from flight_sw.devices.serial_port import SerialPort
from flight_sw.errors import LinkLost, PortError

EVERY_BYTE = bytes(range(256))


class HandClock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic_s(self) -> float:
        return self.now

    def utc_s(self) -> float:
        return self.now


@pytest.fixture
def line(tmp_path):
    """The far end of a pty and the path of a link to its near end, which stays open."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    link = tmp_path / "port"
    link.symlink_to(os.ttyname(slave))
    yield master, str(link), slave
    for fd in (master, slave):
        try:
            os.close(fd)
        except OSError:
            continue


def read_all(read, size, eventually):
    """Collect `size` bytes from a read that never blocks."""
    got = bytearray()

    def enough():
        got.extend(read())
        return len(got) >= size

    eventually(enough, f"{size} bytes")
    return bytes(got)


def test_every_byte_value_passes_both_ways(line, eventually):
    """No byte value is changed, eaten or taken for a control character."""
    master, path, _ = line
    port = SerialPort(path, 921_600)
    os.write(master, EVERY_BYTE)
    assert read_all(port.read, 256, eventually) == EVERY_BYTE
    assert port.write(EVERY_BYTE) == 256
    assert read_all(lambda: os.read(master, 4096), 256, eventually) == EVERY_BYTE
    port.close()


def test_a_quiet_line_reads_nothing_at_once(line):
    """Reading never waits."""
    port = SerialPort(line[1], 115_200)
    assert port.read() == b""
    assert port.write(b"") == 0
    port.close()


def test_a_full_line_takes_part_and_then_nothing(line):
    """Writing never waits and never spins: what does not fit stays with the caller."""
    port = SerialPort(line[1], 115_200)
    sizes = [port.write(bytes(65_536)) for _ in range(20)]
    assert 0 < sizes[0] < 65_536
    assert sizes[-1] == 0
    port.close()


def test_bytes_from_before_the_opening_are_gone(line):
    """As on a UART, what nobody listened to is not heard later."""
    master, path, _ = line
    for _ in range(4):
        os.write(master, b"old" * 1000)
    port = SerialPort(path, 115_200)
    assert port.read() == b""
    port.close()


def test_a_vanished_other_end_is_link_lost_for_read_and_write(line, eventually):
    """Hang-up, end of file and input/output error all end in LinkLost."""
    master, path, slave = line
    port = SerialPort(path, 115_200)
    os.close(slave)
    os.close(master)
    with pytest.raises(LinkLost):
        port.read()
    with pytest.raises(LinkLost):
        port.write(b"x")
    port.close()
    with pytest.raises(LinkLost):
        port.read()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d: d / "nothing", "no such port"),
        (lambda d: d, "directory"),
        (lambda d: (d / "file").write_text("x") and d / "file", "plain file"),
        (lambda d: (d / "link").symlink_to("/dev/pts/99999") or d / "link", "gone"),
    ],
)
def test_what_is_no_port_is_named_with_its_remedy(tmp_path, make, says):
    """Each wrong path gives one line that names it and says what to do."""
    path = make(tmp_path)
    with pytest.raises(PortError) as caught:
        SerialPort(str(path), 115_200)
    text = str(caught.value)
    assert str(path) in text
    assert says in text
    assert "\n" not in text


def test_a_port_in_use_names_who_has_it(line):
    """The second one to open a port learns the process id of the first."""
    first = SerialPort(line[1], 115_200)
    with pytest.raises(PortError, match=rf"in use by process {os.getpid()} \("):
        SerialPort(line[1], 115_200)
    first.close()


def test_a_forbidden_port_names_the_group(line):
    """No permission is answered with the group to join."""
    text = explain_port_failure(
        os.ttyname(line[2]), PermissionError(errno.EACCES, "Permission denied")
    )
    assert "no permission" in text
    assert "usermod -aG" in text


def test_a_null_device_is_no_serial_port():
    """A character device that is no terminal is refused in one line."""
    with pytest.raises(PortError, match="/dev/null: is not a serial port"):
        SerialPort("/dev/null", 115_200)


def test_the_line_comes_back_through_the_same_link(line, tmp_path, eventually):
    """After the other end vanished and came back elsewhere, the port works again by itself."""
    master, path, slave = line
    port = ReopeningPort.serial(path, 921_600, SystemClock())
    port.check()
    os.close(slave)
    os.close(master)
    assert port.read() == b""
    assert not port.is_open
    assert port.losses == 1
    new_master, new_slave = pty.openpty()
    tty.setraw(new_slave)
    (tmp_path / "port").unlink()
    (tmp_path / "port").symlink_to(os.ttyname(new_slave))
    eventually(lambda: port.write(b"hello") == 5, "the port is open again")
    assert os.read(new_master, 16) == b"hello"
    assert port.opens == 2
    port.close()
    os.close(new_master)
    os.close(new_slave)


def test_a_missing_port_is_an_error_at_the_start_but_not_in_flight(tmp_path):
    """`check` tells a person; `read` and `write` just keep trying."""
    port = ReopeningPort.serial(str(tmp_path / "none"), 115_200, SystemClock())
    with pytest.raises(PortError, match="no such port"):
        port.check()
    assert port.read() == b""
    assert port.write(b"x") == 0
    assert "no such port" in port.last_error


def test_attempts_back_off_to_a_limit():
    """The pause between attempts doubles up to its limit, and no attempt is made before its time."""
    clock, attempts = HandClock(), []

    def refuse():
        attempts.append(clock.now)
        raise PortError("not today")

    port = ReopeningPort(refuse, clock)
    for _ in range(2000):
        port.read()
        clock.now += 0.01
    pauses = [b - a for a, b in itertools.pairwise(attempts)]
    wanted = [min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(len(pauses))]
    assert len(pauses) > 15
    assert pauses == pytest.approx(wanted, abs=0.011)
    assert port.wake_at_s() > attempts[-1]


def test_a_line_behind_a_network_server_is_read_alike(eventually):
    """`socket://host:port` carries every byte, and its end is LinkLost too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}", 115_200)
        far, _ = server.accept()
        far.sendall(EVERY_BYTE)
        assert read_all(port.read, 256, eventually) == EVERY_BYTE
        assert port.write(b"up") == 2
        assert far.recv(16) == b"up"
        far.close()
        with pytest.raises(LinkLost):
            eventually(lambda: port.read() or None, "the end")
        port.close()


@pytest.mark.parametrize("url", ["socket://127.0.0.1:1", "rfc2217://host:1", "nonsense://x"])
def test_a_network_line_that_cannot_be_opened_is_one_clear_line(url):
    """Neither a refused connection nor an unknown scheme is a traceback."""
    with pytest.raises(PortError, match=url) as caught:
        SerialPort(url, 115_200)
    assert "\n" not in str(caught.value)
