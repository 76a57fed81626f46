"""Byte streams over TCP on loopback: the space link of a bench without a radio.

Only loopback addresses are accepted: the rig's safety rests on the telecommand key, but a port
open to a network invites floods. A client that does not read is dropped; it must not slow flight.
"""

import ipaddress
import select
import socket

from flight_sw.errors import LinkLost, PortError

MAX_CLIENTS = 4
OUT_BUFFER_BYTES = 262_144  # a client further behind than this is dropped
READ_BYTES = 65_536
CLIENT_READ_BYTES = 16_384  # of one client in one step: four floods at once cost a step about 20 ms
CONNECT_TIMEOUT_S = 1.0


class TcpListener:
    """Up to four ground clients on one port; every one of them hears everything."""

    def __init__(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one, see `address`.

        Raises:
            PortError: not a loopback address, or the port is taken.
        """
        self._listener = _listen(host, port)
        self._clients: dict[int, _Client] = {}
        self._next_id = 1
        self.refused = 0
        self.dropped = 0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def clients(self) -> tuple[int, ...]:
        """Connection numbers of the clients that are here now."""
        return tuple(self._clients)

    def read(self) -> list[tuple[int, bytes]]:
        """Accept who waits, flush what was left and return (connection, bytes) that arrived."""
        self._accept_waiting()
        self.flush()
        arrived = []
        for connection_id, client in list(self._clients.items()):
            data = client.read()
            if data:
                arrived.append((connection_id, data))
            elif data is None:
                self._remove(connection_id)
        return arrived

    @property
    def room(self) -> int:
        """Bytes that the slowest client takes before it is dropped."""
        return OUT_BUFFER_BYTES - max((len(c.out) for c in self._clients.values()), default=0)

    def broadcast(self, data: bytes) -> None:
        """Send to every client, dropping those whose buffer is full."""
        for connection_id in list(self._clients):
            self.send(connection_id, data)

    def send(self, connection_id: int, data: bytes) -> None:
        """Send to one client; a client that has left in the meantime is no error."""
        client = self._clients.get(connection_id)
        if client is not None and not client.send(data):
            self.dropped += 1
            self._remove(connection_id)

    def flush(self) -> None:
        """Push what slower clients could not take before."""
        for connection_id in list(self._clients):
            self.send(connection_id, b"")

    def filenos(self) -> list[int]:
        """Return the descriptors to wait on for reading."""
        return [self._listener.fileno(), *(c.socket.fileno() for c in self._clients.values())]

    def write_filenos(self) -> list[int]:
        """Return the descriptors of clients that still have bytes to take."""
        return [c.socket.fileno() for c in self._clients.values() if c.out]

    def close(self) -> None:
        """Hang up on everyone and free the port."""
        for connection_id in list(self._clients):
            self._remove(connection_id)
        self._listener.close()

    def _accept_waiting(self) -> None:
        for _ in range(MAX_CLIENTS):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody waits, or who waited has gone
                return
            if len(self._clients) >= MAX_CLIENTS:
                connection.close()
                self.refused += 1
                continue
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients[self._next_id] = _Client(connection)
            self._next_id += 1

    def _remove(self, connection_id: int) -> None:
        self._clients.pop(connection_id).socket.close()


class _Client:
    """One connection and what it has not taken yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.out = bytearray()

    def read(self) -> bytes | None:
        """Return bytes, nothing, or None when the client has left."""
        try:
            return self.socket.recv(CLIENT_READ_BYTES) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def send(self, data: bytes) -> bool:
        """Queue and push; False when the client is gone or too far behind."""
        self.out += data
        if self.out:
            try:
                del self.out[: self.socket.send(self.out)]
            except BlockingIOError:
                pass
            except OSError:
                return False
        return len(self.out) <= OUT_BUFFER_BYTES


class TcpClient:
    """The ground's end: a `Port`, so that `ReopeningPort` can bring it back."""

    def __init__(self, host: str, port: int) -> None:
        """Connect, waiting at most `CONNECT_TIMEOUT_S`.

        Raises:
            PortError: nobody listens there.
        """
        try:
            self._socket = socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S)
        except OSError as error:
            raise PortError(
                f"{host}:{port}: nobody answers ({error.strerror or error}); "
                "start the controller or name its port"
            ) from error
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self) -> bytes:
        """Return what has arrived, or nothing.

        Raises:
            LinkLost: the other end closed the connection.
        """
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkLost(f"read failed: {error.strerror}") from error
        if not data:
            raise LinkLost("the other end closed the connection")
        return data

    def write(self, data: bytes) -> int:
        """Send what fits now.

        Raises:
            LinkLost: the other end closed the connection.
        """
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkLost(f"write failed: {error.strerror}") from error

    def wait(self, timeout_s: float) -> bool:
        """Wait until something can be read; False when the time is up."""
        return bool(select.select([self._socket], [], [], timeout_s)[0])

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    if host != "localhost" and not is_loopback(host):
        raise PortError(f"{host}: not a loopback address; use 127.0.0.1 and an SSH tunnel")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(MAX_CLIENTS)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise PortError(
            f"{host}:{port}: cannot listen ({reason}); "
            "stop the program that has it or choose another port"
        ) from error
    listener.setblocking(False)
    return listener


def is_loopback(host: str) -> bool:
    """Whether an address, not a name, stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
