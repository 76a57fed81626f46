"""A port that comes back by itself: losing the line is a normal event, not an error.

Boards are power-cycled, cables pulled and emulators killed, so the port behind a path is opened
anew, from its name, as long as it takes; the pause between attempts grows to a limit.
"""

from collections.abc import Callable
from pathlib import Path

from flight_sw.devices.clock import Clock
from flight_sw.devices.pty_port import SCHEME, PtyPort
from flight_sw.devices.serial_port import Port, SerialPort
from flight_sw.errors import LinkLost, PortError

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0  # keeps a reconnect well inside the ten seconds promised


class ReopeningPort:
    """The port to use in flight: reads nothing while the line is down and never raises.

    `opens` counts how often the line came up, so that a decoder knows when to start afresh.
    """

    def __init__(self, open_port: Callable[[], Port], clock: Clock) -> None:
        self._open_port = open_port
        self._clock = clock
        self._port: Port | None = None
        self._pause_s = FIRST_PAUSE_S
        self._next_attempt_s = clock.monotonic_s()
        self.opens = 0
        self.losses = 0
        self.last_error = ""

    @classmethod
    def serial(cls, url: str, baud: int, clock: Clock) -> "ReopeningPort":
        """Make one for a serial line; a symbolic link is followed anew at every attempt.

        `pty:PATH` makes the line instead, with PATH as the name of its other end.
        """
        if url.startswith(SCHEME):
            path = Path(url.removeprefix(SCHEME))
            return cls(lambda: PtyPort(path), clock)
        return cls(lambda: SerialPort(url, baud), clock)

    def check(self) -> None:
        """Open now, for a program that starts and wants a person to see what is wrong.

        Raises:
            PortError: the line cannot be opened, with the reason and the remedy.
        """
        if self._port is None:
            self._accept(self._open_port())

    def read(self) -> bytes:
        """Return what has arrived; while the line is down, try to open it when an attempt is due."""
        port = self._ready()
        if port is None:
            return b""
        try:
            return port.read()
        except LinkLost as error:
            self._drop(error)
            return b""

    def write(self, data: bytes) -> int:
        """Send what fits and return its length; 0 while the line is down."""
        port = self._ready()
        if port is None:
            return 0
        try:
            return port.write(data)
        except LinkLost as error:
            self._drop(error)
            return 0

    @property
    def is_open(self) -> bool:
        """True while a line is open, which says nothing about the board behind it."""
        return self._port is not None

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, or None while the line is down."""
        return None if self._port is None else self._port.fileno()

    def wake_at_s(self) -> float | None:
        """Return when the next attempt is due (monotonic clock), or None while the line is up."""
        return self._next_attempt_s if self._port is None else None

    def close(self) -> None:
        """Let go of the line for good measure; the next read may open it again."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _ready(self) -> Port | None:
        if self._port is None and self._clock.monotonic_s() >= self._next_attempt_s:
            try:
                self._accept(self._open_port())
            except (PortError, LinkLost) as error:
                self.last_error = str(error)
                self._back_off()
        return self._port

    def _accept(self, port: Port) -> None:
        self._port = port
        self._pause_s = FIRST_PAUSE_S
        self.opens += 1
        self.last_error = ""

    def _drop(self, error: LinkLost) -> None:
        self.close()
        self.losses += 1
        self.last_error = str(error)
        self._back_off()

    def _back_off(self) -> None:
        self._next_attempt_s = self._clock.monotonic_s() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
