"""Peers at the other end of a port that are no board of ours."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

GARBAGE = bytes(range(256)) * 16


@pytest.fixture
def chatter() -> Iterator[Callable[[str], str]]:
    """Call it with `garbage` or `silence` for the HOST:PORT of a peer that gives just that."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    servers: list[socket.socket] = []

    def serve(server: socket.socket, stream: str) -> None:
        server.settimeout(0.2)
        while not over.is_set():
            try:
                line, _ = server.accept()
            except TimeoutError:
                continue
            with line:
                line.settimeout(0.2)
                while not over.is_set() and _talk(line, stream):
                    pass

    def start(stream: str) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        thread = threading.Thread(target=serve, args=(server, stream))
        thread.start()
        threads.append(thread)
        host, port = server.getsockname()
        return f"{host}:{port}"

    yield start
    over.set()
    for thread in threads:
        thread.join()
    for server in servers:
        server.close()


def _talk(line: socket.socket, stream: str) -> bool:
    """One piece of it; False when the other end has hung up."""
    try:
        if stream == "garbage":
            line.sendall(GARBAGE)
            return True
        return bool(line.recv(4096))
    except TimeoutError:
        return True
    except OSError:
        return False
