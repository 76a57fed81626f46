"""The space link over TCP: a few clients on loopback, none of which can slow flight down."""

import socket

import pytest

from flight_sw.devices.clock import SystemClock
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.devices.tcp_port import MAX_CLIENTS, OUT_BUFFER_BYTES, TcpClient, TcpListener
from flight_sw.errors import LinkLost, PortError


@pytest.fixture
def listener():
    """A listener on a free port."""
    listener = TcpListener("127.0.0.1", 0)
    yield listener
    listener.close()


@pytest.fixture
def connect(listener, eventually):
    """Make clients that are known to have been accepted."""
    clients = []

    def make():
        before = listener.clients
        client = TcpClient(*listener.address)
        clients.append(client)
        eventually(lambda: listener.read() or listener.clients != before, "accepted")
        return client

    yield make
    for client in clients:
        client.close()


def test_bytes_arrive_with_the_number_of_their_connection(listener, connect, eventually):
    """Who sent what is known, and everyone hears the answer."""
    first, second = connect(), connect()
    second.write(b"ping")
    (arrived,) = eventually(listener.read, "the bytes")
    assert arrived == (listener.clients[1], b"ping")
    listener.broadcast(b"pong")
    assert eventually(first.read, "the answer") == b"pong"
    assert eventually(second.read, "the answer") == b"pong"
    assert len(listener.filenos()) == 3


def test_one_client_too_many_is_hung_up_on(listener, connect, eventually):
    """A fifth client is refused and the four others stay."""
    for _ in range(MAX_CLIENTS):
        connect()
    extra = TcpClient(*listener.address)
    eventually(lambda: listener.read() or listener.refused, "refused")
    with pytest.raises(LinkLost):
        eventually(extra.read, "hang-up")
    assert len(listener.clients) == MAX_CLIENTS
    extra.close()


def test_a_client_that_does_not_read_is_dropped(listener, connect, eventually):
    """A slow client never costs more memory than its buffer, and the others hear on."""
    connect()
    reader = connect()
    heard = 0
    for _ in range(2000):
        listener.broadcast(bytes(16_384))
        heard += len(reader.read())
        held = sum(len(c.out) for c in listener._clients.values())
        assert held <= 2 * OUT_BUFFER_BYTES
        if listener.dropped:
            break
    assert listener.dropped == 1
    assert heard > 0


def test_a_client_that_left_is_forgotten(listener, connect, eventually):
    """Leaving frees the place."""
    connect().close()
    eventually(lambda: listener.read() or not listener.clients, "forgotten")
    listener.send(1, b"too late")


def test_the_port_can_be_taken_again_after_a_crash(listener, connect):
    """A controller that was killed finds its port free at once."""
    connect()
    address = listener.address
    listener.close()
    again = TcpListener(*address)
    assert again.address == address
    again.close()


def test_a_taken_port_is_named(listener):
    """A port that is in use is one clear line."""
    host, port = listener.address
    with pytest.raises(PortError, match=f"{host}:{port}: cannot listen"):
        TcpListener(host, port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.org", "::"])  # noqa: S104
def test_only_loopback_is_served(host):
    """No address that a network could reach is opened."""
    with pytest.raises(PortError, match="not a loopback address"):
        TcpListener(host, 0)


def test_nobody_there_is_one_clear_line():
    """Connecting to a closed port says what to start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(PortError, match="start the controller"):
        TcpClient("127.0.0.1", port)


def test_the_ground_reconnects_by_itself(listener, eventually):
    """After the controller restarts, the ground's port comes back."""
    address = listener.address
    ground = ReopeningPort(lambda: TcpClient(*address), SystemClock())
    ground.check()
    eventually(lambda: listener.read() or listener.clients, "accepted")
    listener.close()
    eventually(lambda: (ground.read(), not ground.is_open)[1], "loss noticed")
    again = TcpListener(*address)
    eventually(lambda: ground.write(b"hello") == 5, "connected again")
    assert eventually(again.read, "bytes")[0][1] == b"hello"
    ground.close()
    again.close()


def test_waiting_ends_when_bytes_come_or_time_is_up(listener, connect):
    """`wait` tells the two apart."""
    client = connect()
    assert not client.wait(0.0)
    listener.broadcast(b"x")
    assert client.wait(5.0)
