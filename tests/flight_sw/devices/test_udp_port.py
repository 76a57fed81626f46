"""The space link over UDP: who is there, who is not, and what a bound means."""

from collections.abc import Callable, Iterator

import pytest

from flight_sw.devices.tcp_port import MAX_CLIENTS
from flight_sw.devices.udp_port import SIGN_OF_LIFE_S, SILENCE_S, UdpClient, UdpListener
from flight_sw.errors import LinkLost, PortError


class StoppedClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        """As set."""
        return self.now_s

    def utc_s(self) -> float:
        """Nobody asks."""
        return 0.0


def write_often(client: UdpClient) -> None:
    """More than once: the system tells of a refusal with the next call."""
    for _ in range(3):
        client.write(b"x")


@pytest.fixture
def clock() -> StoppedClock:
    """A clock at rest."""
    return StoppedClock()


@pytest.fixture
def listener(clock: StoppedClock) -> Iterator[UdpListener]:
    """A payload's end on a free port."""
    made = UdpListener("127.0.0.1", 0, clock)
    yield made
    made.close()


def test_bytes_go_both_ways(
    listener: UdpListener, clock: StoppedClock, eventually: Callable[..., object]
) -> None:
    """A ground is known from its first datagram, is heard, and hears what is sent."""
    client = UdpClient(*listener.address, clock)
    eventually(lambda: listener.read() or listener.clients, "the ground's hello")
    assert client.write(b"up") == 2
    (arrived,) = eventually(listener.read, "bytes from the ground")
    assert arrived == (listener.clients[0], b"up")
    listener.broadcast(b"d" * 20_000)
    found = bytearray()
    eventually(lambda: found.extend(client.read()) or len(found) == 20_000, "telemetry")
    client.close()


def test_a_silent_ground_is_forgotten_and_a_listening_one_is_not(
    listener: UdpListener, clock: StoppedClock, eventually: Callable[..., object]
) -> None:
    """Signs of life keep a ground that only listens; one that left gives its place back."""
    client = UdpClient(*listener.address, clock)
    gone = UdpClient(*listener.address, clock)
    eventually(lambda: listener.read() or len(listener.clients) == 2, "two grounds")
    gone.close()
    steps = int(SILENCE_S // SIGN_OF_LIFE_S) + 2
    for _ in range(steps):
        clock.now_s += SIGN_OF_LIFE_S
        client.read()
        listener.read()
    assert len(listener.clients) == 1
    client.close()


def test_grounds_are_bounded(
    listener: UdpListener, clock: StoppedClock, eventually: Callable[..., object]
) -> None:
    """A fifth ground is not heard."""
    clients = [UdpClient(*listener.address, clock) for _ in range(MAX_CLIENTS + 1)]
    eventually(lambda: listener.read() or listener.refused, "a refusal")
    assert len(listener.clients) == MAX_CLIENTS
    for client in clients:
        client.close()


def test_nobody_there_is_told_at_once(listener: UdpListener, clock: StoppedClock) -> None:
    """A port without a payload is a PortError with the remedy; one that closes is a loss."""
    address = listener.address
    client = UdpClient(*address, clock)
    listener.close()
    with pytest.raises(PortError, match="start the controller"):
        UdpClient(*address, clock)
    with pytest.raises(LinkLost):
        write_often(client)
    client.close()


def test_only_loopback_and_free_ports(listener: UdpListener, clock: StoppedClock) -> None:
    """Other addresses and taken ports are refused with one line."""
    with pytest.raises(PortError, match="not a loopback address"):
        UdpListener("0.0.0.0", 0, clock)  # noqa: S104 refused
    with pytest.raises(PortError, match="cannot listen"):
        UdpListener(*listener.address, clock)
