"""The board link inside one computer: the controller makes a pty, the node opens its name like any port.

Where controller and node share a board (flashed), no cable joins them; the link stays a serial line, so
that nothing above it knows the difference, and a worker that crashes still cannot reach the controller.
"""

import os
import pty
import tty
from contextlib import suppress
from pathlib import Path

from flight_sw.errors import LinkLost, PortError

SCHEME = "pty:"
READ_BYTES = 65_536


class PtyPort:
    """One end of a pty whose other end has the name `path`, a link that goes with the port."""

    def __init__(self, path: Path) -> None:
        """Make the pty and publish its name.

        Raises:
            PortError: something else than a link has that name, or the folder refuses.
        """
        if path.exists() and not path.is_symlink():
            raise PortError(f"{path}: exists and is no link; name another path for the pty")
        # The node's end stays open here too: when the last one closes, the master reads errors until
        # somebody opens it again, and a node that restarts is no lost cable.
        self._master, self._node_end = pty.openpty()
        tty.setraw(self._node_end)
        os.set_blocking(self._master, False)
        self._path = path
        fresh = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(os.ttyname(self._node_end))
            fresh.replace(path)
        except OSError as error:
            self.close()
            raise PortError(f"{path}: cannot be made: {error.strerror}") from error

    def read(self) -> bytes:
        """Return what the node has written, or nothing."""
        try:
            return os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkLost(f"the pty is gone: {error.strerror}") from error

    def write(self, data: bytes) -> int:
        """Hand over what fits; a pty without a reader holds some 20 kB, the node drops them at start."""
        if not data:
            return 0
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkLost(f"the pty is gone: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._master

    def close(self) -> None:
        """Take pty and name away; closing twice is harmless."""
        for fd in (self._master, self._node_end):
            if fd >= 0:
                os.close(fd)
        if self._master >= 0:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self._master = self._node_end = -1
