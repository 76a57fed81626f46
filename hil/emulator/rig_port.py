"""The rig's way in: a unix socket beside the link, JSON lines, several clients, none trusted.

Whoever can open it can flip bits in the node, so only the owner may; garbage is answered with an
error and never ends the emulator.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from flight_sw.errors import PortError
from hil.faults.rig_messages import MAX_LINE_BYTES, Request, decode_request, encode_error

MAX_CLIENTS = 16
OUT_BYTES = 4_000_000  # a client further behind than this is dropped
READ_BYTES = 65_536
MAX_REQUESTS_PER_TURN = 64  # so that one eager client cannot hold up the physics

Answer = Callable[[Request], bytes]


class RigPort:
    """Listens on one path; `service` reads, answers and writes without ever blocking."""

    def __init__(self, path: Path) -> None:
        """Listen, taking the place of a socket that a dead emulator left.

        Raises:
            PortError: the socket cannot be made.
        """
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            path.unlink(missing_ok=True)
            with short_name(path) as name:
                before = os.umask(0o177)
                try:
                    self._listener.bind(name)
                finally:
                    os.umask(before)
            self._listener.listen(MAX_CLIENTS)
        except OSError as error:
            self._listener.close()
            raise PortError(f"{path}: rig port cannot be made: {error.strerror}") from error
        self._listener.setblocking(False)
        self._clients: list[_Client] = []

    def filenos(self) -> list[int]:
        """Return the descriptors to wait on for reading."""
        return [self._listener.fileno(), *(c.socket.fileno() for c in self._clients if not c.inbox)]

    def write_filenos(self) -> list[int]:
        """Return the descriptors of clients that have not taken everything yet."""
        return [client.socket.fileno() for client in self._clients if client.out]

    @property
    def has_requests(self) -> bool:
        """True if complete requests still wait for their turn."""
        return any(client.inbox for client in self._clients)

    def service(self, answer: Answer) -> None:
        """Accept, read, answer a bounded number of requests, write."""
        self._accept()
        for client in list(self._clients):
            if not (client.read() and client.answer_some(answer) and client.flush()):
                self._clients.remove(client)
                client.socket.close()

    def close(self) -> None:
        """Hang up on everyone and remove the socket."""
        for client in self._clients:
            client.socket.close()
        self._clients = []
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        for _ in range(MAX_CLIENTS):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if len(self._clients) >= MAX_CLIENTS:
                connection.close()
                continue
            connection.setblocking(False)
            self._clients.append(_Client(connection))


class _Client:
    """One connection: what came, what waits for an answer, what waits to go."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.inbox: list[bytes] = []
        self.out = bytearray()
        self._partial = bytearray()

    def read(self) -> bool:
        """Take in what has arrived; False when the client has left or sends no line ends."""
        if self.inbox:
            return True
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._partial += data
        *lines, rest = bytes(self._partial).split(b"\n")
        self._partial = bytearray(rest)
        self.inbox.extend(line for line in lines if line.strip())
        return bool(data) and len(self._partial) <= MAX_LINE_BYTES

    def answer_some(self, answer: Answer) -> bool:
        """Answer the next requests, each with one line; garbage with an error."""
        for line in self.inbox[:MAX_REQUESTS_PER_TURN]:
            try:
                self.out += answer(decode_request(line))
            except (msgspec.DecodeError, ValueError) as error:
                self.out += encode_error(str(error))
        del self.inbox[:MAX_REQUESTS_PER_TURN]
        return len(self.out) <= OUT_BYTES

    def flush(self) -> bool:
        """Send what fits; False when the client has left."""
        if self.out:
            try:
                del self.out[: self.socket.send(self.out)]
            except BlockingIOError:
                return True
            except OSError:
                return False
        return True


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Give a name for a socket below the 108 bytes that Linux allows, however long the path is."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
