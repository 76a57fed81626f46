"""Two ways into a running QEMU: its control socket (QMP) and its debugger's stub.

QMP (QEMU documentation, interop/qmp-spec) takes one client at a time, so each command opens,
speaks and hangs up. Every wait has a deadline.
"""

import json
import re
import socket
import time
from pathlib import Path
from typing import Any, Self

from flight_sw.errors import LinkLost

TIMEOUT_S = 10.0
PAUSE_S = 0.02
REPLY_MAX = 1 << 20


def command(path: Path, name: str, **arguments: Any) -> Any:
    """Execute one QMP command and return its answer.

    Raises:
        LinkLost: QEMU is not there, or refuses.
    """
    end_s = time.monotonic() + TIMEOUT_S
    with _connect(path, end_s) as connection, connection.makefile("rwb") as stream:
        try:
            stream.readline(REPLY_MAX)  # the greeting
            _execute(stream, "qmp_capabilities", {})
            return _execute(stream, name, arguments)
        except OSError as error:
            raise LinkLost(f"{path}: QEMU does not answer: {error}") from error


class Debugger:
    """The GDB remote protocol, as far as bits in registers and memory need it; attaching stops."""

    def __init__(self, path: Path) -> None:
        self._socket = _connect(path, time.monotonic() + TIMEOUT_S)
        self._partial = b""
        # Until it has been asked for the description, the stub knows no registers.
        self.ask("qXfer:features:read:target.xml:0,100")

    def ask(self, packet: str) -> str:
        """One packet and its answer; stop reports in between are passed over."""
        self._send(packet)
        while True:
            answer = self._receive()
            if not answer.startswith(("T", "S")):
                return answer

    def read(self, address: int, length: int) -> bytes:
        """Physical memory."""
        self.ask("Qqemu.PhyMemMode:1")
        return bytes.fromhex(self.ask(f"m{address:x},{length:x}"))

    def flip(self, address: int, bit: int) -> None:
        """Flip a bit of physical memory so that code already translated sees it too."""
        byte = self.read(address, 1)[0] ^ 1 << bit
        self.ask(f"M{address:x},1:{byte:02x}")

    def register(self, number: int) -> int:
        """A 64-bit register of the first core: 0 to 30 are X0 to X30, 31 is SP, 32 is PC."""
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def flip_register(self, number: int, bit: int) -> None:
        """Flip a bit of a register."""
        value = self.register(number) ^ 1 << bit
        self.ask(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def resume(self) -> None:
        """Let the board run on."""
        self._send("c")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self._socket.close()

    def _send(self, packet: str) -> None:
        data = packet.encode()
        self._socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))

    def _receive(self) -> str:
        while True:
            match = re.search(rb"\$([^#]*)#..", self._partial)
            if match:
                self._partial = self._partial[match.end() :]
                self._socket.sendall(b"+")
                return match[1].decode("latin-1")
            data = self._socket.recv(65_536)
            if not data or len(self._partial) > REPLY_MAX:
                raise LinkLost("the debugger's stub hung up")
            self._partial += data


def _connect(path: Path, end_s: float) -> socket.socket:
    while True:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            if time.monotonic() > end_s:
                raise LinkLost(f"{path}: QEMU does not answer: {error}") from error
            time.sleep(PAUSE_S)
        else:
            return connection


def _execute(stream: Any, name: str, arguments: dict[str, Any]) -> Any:
    request = {"execute": name, **({"arguments": arguments} if arguments else {})}
    stream.write(json.dumps(request).encode() + b"\n")
    stream.flush()
    while True:
        line = stream.readline(REPLY_MAX)
        if not line:
            raise LinkLost(f"QEMU hung up on {name}")
        answer = json.loads(line)
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            raise LinkLost(f"QEMU refused {name}: {answer['error']['desc']}")
