"""Byte streams in UDP datagrams on loopback: the space link to ground software that speaks UDP.

Datagrams may be lost, and the link above is made for that. A ground is known by what it sends: an empty
datagram now and then is its sign of life, and after `SILENCE_S` without one it is forgotten.
"""

import socket
from dataclasses import dataclass

from flight_sw.devices.clock import Clock
from flight_sw.devices.tcp_port import CLIENT_READ_BYTES, MAX_CLIENTS, is_loopback
from flight_sw.errors import LinkLost, PortError

DATAGRAM_BYTES = 8_192
DATAGRAM_BYTES_MAX = 65_507  # of IPv4
DATAGRAMS_MAX = 64  # read in one go
SILENCE_S = 30.0
SIGN_OF_LIFE_S = 5.0
ROOM_BYTES = 131_072  # what a socket's buffer takes without loss, with care
_ANSWER_S = 0.05

Address = tuple[str, int]


@dataclass(slots=True)
class _Peer:
    number: int
    heard_s: float


class UdpListener:
    """The payload's end: up to four grounds that have been heard lately hear everything."""

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        """Take the port; port 0 takes a free one, see `address`.

        Raises:
            PortError: not a loopback address, or the port is taken.
        """
        if not is_loopback(host):
            raise PortError(f"{host}: not a loopback address; use 127.0.0.1 and an SSH tunnel")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            reason = getattr(error, "strerror", None) or str(error)
            raise PortError(
                f"udp {host}:{port}: cannot listen ({reason}); "
                "stop the program that has it or choose another port"
            ) from error
        self._socket.setblocking(False)
        self._clock = clock
        self._peers: dict[Address, _Peer] = {}
        self._next_number = 1
        self.refused = 0
        self.lost = 0

    @property
    def address(self) -> Address:
        """Host and port that grounds send to."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def clients(self) -> tuple[int, ...]:
        """Numbers of the grounds that are here now."""
        return tuple(peer.number for peer in self._peers.values())

    @property
    def room(self) -> int:
        """Bytes that may go in one step."""
        return ROOM_BYTES

    def read(self) -> list[tuple[int, bytes]]:
        """Return (connection, bytes) that arrived, a bounded share in one call."""
        arrived: list[tuple[int, bytes]] = []
        taken = 0
        for _ in range(DATAGRAMS_MAX):
            if taken >= CLIENT_READ_BYTES:
                break
            try:
                data, address = self._socket.recvfrom(DATAGRAM_BYTES_MAX)
            except OSError:  # nothing there, or news that somebody has left
                break
            peer = self._peer(address[:2])
            if peer is not None and data:
                arrived.append((peer.number, data))
                taken += len(data)
        self._forget_silent()
        return arrived

    def broadcast(self, data: bytes) -> None:
        """Send to every ground; what the system does not take is lost, as on any such line."""
        for address in self._peers:
            for at in range(0, len(data), DATAGRAM_BYTES):
                try:
                    self._socket.sendto(data[at : at + DATAGRAM_BYTES], address)
                except OSError:
                    self.lost += 1

    def filenos(self) -> list[int]:
        """Return the descriptor to wait on for reading."""
        return [self._socket.fileno()]

    def write_filenos(self) -> list[int]:
        """Nothing ever waits to be written."""
        return []

    def close(self) -> None:
        """Free the port."""
        self._socket.close()

    def _peer(self, address: Address) -> _Peer | None:
        now_s = self._clock.monotonic_s()
        peer = self._peers.get(address)
        if peer is None:
            if len(self._peers) >= MAX_CLIENTS:
                self.refused += 1
                return None
            peer = self._peers[address] = _Peer(self._next_number, now_s)
            self._next_number += 1
        peer.heard_s = now_s
        return peer

    def _forget_silent(self) -> None:
        limit_s = self._clock.monotonic_s() - SILENCE_S
        for address in [a for a, peer in self._peers.items() if peer.heard_s < limit_s]:
            del self._peers[address]


class UdpClient:
    """The ground's end: a `Port`, so that `ReopeningPort` can bring it back."""

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        """Say hello, and look for an immediate refusal.

        Raises:
            PortError: nobody listens there.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._clock = clock
        self._held = b""
        try:
            self._socket.settimeout(_ANSWER_S)
            self._socket.connect((host, port))
            self._socket.send(b"")
            self._held = self._socket.recv(DATAGRAM_BYTES_MAX)
        except TimeoutError:
            pass  # silence is no refusal
        except OSError as error:
            self._socket.close()
            raise PortError(
                f"udp {host}:{port}: nobody answers ({error.strerror or error}); "
                "start the controller or name its port"
            ) from error
        self._socket.setblocking(False)
        self._greet_at_s = clock.monotonic_s() + SIGN_OF_LIFE_S

    def read(self) -> bytes:
        """Return what has arrived, or nothing.

        Raises:
            LinkLost: nobody listens at the other end.
        """
        self._greet()
        pieces, self._held = [self._held], b""
        for _ in range(DATAGRAMS_MAX):
            try:
                pieces.append(self._socket.recv(DATAGRAM_BYTES_MAX))
            except BlockingIOError:
                break
            except OSError as error:
                raise LinkLost(f"read failed: {error.strerror}") from error
        return b"".join(pieces)

    def write(self, data: bytes) -> int:
        """Send a datagram and return how much of the data went with it.

        Raises:
            LinkLost: nobody listens at the other end.
        """
        if not data:
            return 0
        try:
            return self._socket.send(data[:DATAGRAM_BYTES])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkLost(f"write failed: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()

    def _greet(self) -> None:
        if self._clock.monotonic_s() >= self._greet_at_s:
            self._greet_at_s = self._clock.monotonic_s() + SIGN_OF_LIFE_S
            try:
                self._socket.send(b"")
            except OSError as error:
                raise LinkLost(f"write failed: {error.strerror}") from error
