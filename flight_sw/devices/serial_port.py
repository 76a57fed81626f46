"""A serial line, the same for a pty, a USB adapter and the UART of a Raspberry Pi.

pyserial opens and sets up the line; bytes then move with plain `read` and `write` on its
descriptor, because pyserial 3.5 spins for ever when a line opened without a timeout is full.
Modem lines are never touched: a pty answers them with an error, a Raspberry Pi has none.
"""

import os
import select
from typing import Protocol

import serial

from flight_sw.devices.port_diagnosis import explain_port_failure, explain_port_path
from flight_sw.errors import LinkLost, PortError

READ_BYTES = 65_536  # most bytes that one read returns
SOCKET_SCHEME = "socket://"  # the only network handler of pyserial with a descriptor
STALE_READS = 32  # a pty keeps about 20 kB of its past; more than this is a live stream
HANG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Port(Protocol):
    """Both ends of a byte stream that never blocks."""

    def read(self) -> bytes:
        """Return what has arrived, or nothing.

        Raises:
            LinkLost: the other end is gone.
        """
        ...

    def write(self, data: bytes) -> int:
        """Send as much as fits now and return how many bytes that was.

        Raises:
            LinkLost: the other end is gone.
        """
        ...

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        ...

    def close(self) -> None:
        """Let go of the line; closing twice is harmless."""
        ...


class SerialPort:
    """One open line, held exclusively (an advisory lock that pyserial programs respect)."""

    def __init__(self, url: str, baud: int) -> None:
        """Open a device path or `socket://host:port`.

        Raises:
            PortError: it does not exist, is not a line, is busy or may not be opened.
        """
        explain_port_path(url)
        line = _open_line(url, baud)
        self._line: serial.Serial | None = line
        self._fd = int(line.fileno())
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        try:
            self._discard_past()
        except LinkLost as error:
            self.close()
            raise PortError(f"{url}: the other end hung up at once; start the board") from error

    def read(self) -> bytes:
        """Return up to `READ_BYTES` that have arrived, or nothing.

        Raises:
            LinkLost: end of file, an input/output error or a hang-up, all the same here.
        """
        if self._line is None:
            raise LinkLost("the port is closed")
        ready = self._poll.poll(0)
        if not ready:
            return b""
        if not ready[0][1] & select.POLLIN:
            raise LinkLost("the line hung up")
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkLost(f"read failed: {error.strerror}") from error
        if not data:
            raise LinkLost("the line hung up")
        return data

    def write(self, data: bytes) -> int:
        """Hand over what the line takes now; the caller keeps the rest.

        Raises:
            LinkLost: the other end is gone.
        """
        if self._line is None:
            raise LinkLost("the port is closed")
        if not data:
            return 0
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkLost(f"write failed: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor of the open line."""
        return self._fd

    def close(self) -> None:
        """Release the line and its lock."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _discard_past(self) -> None:
        # A UART that is opened starts empty; a pty still holds what nobody read.
        for _ in range(STALE_READS):
            if not self.read():
                return


def _open_line(url: str, baud: int) -> serial.Serial:
    if "://" in url and not url.startswith(SOCKET_SCHEME):
        raise PortError(f"{url}: only device paths and {SOCKET_SCHEME}host:port are understood")
    exclusive = None if "://" in url else True  # network handlers know no lock
    try:
        return serial.serial_for_url(
            url, baudrate=baud, timeout=0, write_timeout=0, exclusive=exclusive
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise PortError(explain_port_failure(url, error)) from error
