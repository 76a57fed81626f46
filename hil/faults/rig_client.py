"""Talks to an emulated board's rig port: asks with a deadline, and again after a reconnection.

A request is sent at most once: if its answer is lost, the caller gets `LinkLost` and can look in
the board's log whether it happened.
"""

import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from flight_sw.errors import LinkLost, VanAllenError
from hil.emulator.settings import RIG_SUFFIX, beside
from hil.faults.catalog import Fault
from hil.faults.flip import BitState
from hil.faults.regions import Region
from hil.faults.rig_messages import EnvironmentReport, Injected, NoiseReport, PlantReport

DEFAULT_TIMEOUT_S = 20.0  # a board in QEMU on a busy machine once took more than five
RETRY_PAUSE_S = 0.02
READ_BYTES = 65_536
MAX_REPLY_BYTES = 8_000_000

T = TypeVar("T")


class RigRefusedError(VanAllenError):
    """The board's rig port answered that it will not; the text says why."""


class RigClient:
    """The rig's hand on one emulated board, named by the link of its serial port."""

    def __init__(self, link: Path, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Remember where; the connection is made when first needed."""
        self._path = beside(link, RIG_SUFFIX)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._partial = bytearray()

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the emulator answers.

        Raises:
            LinkLost: it did not in time.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            try:
                self.plant()
            except LinkLost:
                if time.monotonic() >= end_s:
                    raise
                time.sleep(RETRY_PAUSE_S)
            else:
                return

    def regions(self) -> list[Region]:
        """Return the memory map of the node that runs now; empty before it published one."""
        return self._ask({"op": "regions"}, list[Region])

    def inject(self, fault: Fault) -> Injected:
        """Inject now; the answer says whether it landed."""
        return self._ask({"op": "inject", "fault": fault}, Injected)

    def environment(self, **changes: float) -> EnvironmentReport:
        """Change `mount_c`, `extra_load_w` or `latch_up_a`; without arguments just ask."""
        return self._ask({"op": "environment", **changes}, EnvironmentReport)

    def plant(self) -> PlantReport:
        """Return the true state of the board."""
        return self._ask({"op": "plant"}, PlantReport)

    def log(self, since: int = 0) -> list[Injected]:
        """Return injections from a number on, at most a page."""
        return self._ask({"op": "log", "since": since}, list[Injected])

    def noise(self, **changes: float) -> NoiseReport:
        """Change `bit_error_rate`, `drop_rate`, `cut` or `unplugged`; without arguments just ask."""
        return self._ask({"op": "noise", **changes}, NoiseReport)

    def verify(self, number: int) -> list[BitState]:
        """Say of each bit of an injection whether it is still flipped."""
        return self._ask({"op": "verify", "number": number}, list[BitState])

    def close(self) -> None:
        """Hang up; the next request connects again."""
        connection, self._socket = self._socket, None
        self._partial.clear()
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], kind: type[T]) -> T:
        """Send one request and wait for its answer.

        Raises:
            LinkLost: no emulator, or no answer in time.
            RigRefusedError: it answered with an error.
        """
        answer = self._exchange(msgspec.json.encode(request) + b"\n")
        reply = msgspec.json.decode(answer)
        if not reply["ok"]:
            raise RigRefusedError(reply["error"])
        return msgspec.convert(reply["reply"], kind)

    def _exchange(self, line: bytes) -> bytes:
        end_s = time.monotonic() + self._timeout_s
        try:
            connection = self._connect()
            self._partial.clear()
            connection.settimeout(max(0.001, end_s - time.monotonic()))
            connection.sendall(line)
            while b"\n" not in self._partial:
                connection.settimeout(max(0.001, end_s - time.monotonic()))
                data = connection.recv(READ_BYTES)
                if not data or len(self._partial) > MAX_REPLY_BYTES:
                    raise LinkLost(f"{self._path}: the emulator hung up")
                self._partial += data
        except (OSError, LinkLost) as error:
            self.close()
            raise LinkLost(f"{self._path}: no answer from an emulator ({error})") from error
        answer, _, rest = bytes(self._partial).partition(b"\n")
        self._partial = bytearray(rest)
        return answer

    def _connect(self) -> socket.socket:
        if self._socket is not None and _is_dead(self._socket):
            self.close()
        if self._socket is None:
            self._socket = _open(self._path, self._timeout_s)
        return self._socket


def _open(path: Path, timeout_s: float) -> socket.socket:
    # By way of the directory, because Linux allows only 108 bytes for a socket's name.
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout_s)
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(directory)
    return connection


def _is_dead(connection: socket.socket) -> bool:
    """Say whether the emulator behind a connection has gone, without sending anything."""
    connection.setblocking(False)  # with a timeout, Python would wait whatever the flags say
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
