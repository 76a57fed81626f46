"""The serial cable between controller and board: two ptys and a relay that keeps the pace.

A pty is no UART (differences in the comments); this file makes up for each of them, so that flight
software meets what it would meet on a real line.
"""

import os
import pty
import termios
import tty
from pathlib import Path

import numpy as np

from flight_sw.errors import PortError
from hil.emulator.wire import QUEUE_BYTES, Wire
from hil.faults.line import LineNoise

SHORTEST_WAIT_S = 0.001  # finer steps cost processor time and no receiver could tell
HELD_BYTES = 65_536
FRESH_RATE = termios.B38400  # of a pty that nobody has set: whoever has it open does not care
# What a UART makes of bits at another rate: something, and mostly not what was sent.
GARBLED = bytes((byte * 37 + 11) & 0xFF for byte in range(256))
STALL_S = 2.0  # a receiver that takes nothing for so long is not there


class SerialEnd:
    """Our end of a serial line, by its descriptor `master`: no byte in or out ever blocks."""

    def __init__(self, master: int) -> None:
        self.master = master

    def read(self, limit: int) -> bytes:
        """Return what the other side has written, up to a limit."""
        try:
            return os.read(self.master, limit)
        except OSError:  # nothing there, or a hang-up
            return b""

    def write(self, data: bytes) -> int:
        """Hand bytes to the other side and return how many fitted: a pty holds about 20 kB."""
        try:
            return os.write(self.master, data)
        except OSError:
            return 0

    def close(self) -> None:
        """Give it back."""
        os.close(self.master)


class Terminal(SerialEnd):
    """One pty: the device that a program opens, and our end of it."""

    def __init__(self) -> None:
        # We keep the slave open too: when the last one closes, the master reads EIO and the line
        # settings are lost, neither of which happens to a UART whose program ends.
        master, self._slave = pty.openpty()
        super().__init__(master)
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        os.set_inheritable(self.master, False)
        os.set_inheritable(self._slave, False)
        self.device = os.ttyname(self._slave)

    def is_set_to(self, baud: int) -> bool:
        """Whether the program that has the device open runs it at this rate, or left it alone."""
        rate = termios.tcgetattr(self._slave)[5]
        return rate in (FRESH_RATE, getattr(termios, f"B{baud}", FRESH_RATE))

    def close(self) -> None:
        """Pull the plug: whoever has the device open gets a hang-up."""
        super().close()
        os.close(self._slave)


class Direction:
    """One wire, from one terminal to another, with what the receiver has not taken yet."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.overrun_bytes = 0
        self._held = bytearray()
        self._progress_s = 0.0

    def wants(self) -> bool:
        """True if it is worth taking the sender's bytes now: not for each byte that has left."""
        return self.wire.room >= QUEUE_BYTES // 2 and len(self._held) < HELD_BYTES

    def move(
        self, source: Terminal | None, target: Terminal | None, now_s: float, *, garbled: bool
    ) -> None:
        """Take from the sender, let time pass on the wire, give to the receiver."""
        if source is not None and self.wants():
            self.wire.send(source.read(min(self.wire.room, QUEUE_BYTES)), now_s)
        data = self.wire.arrived(now_s)
        data = data.translate(GARBLED) if garbled else data
        if target is None:
            return  # nobody at the end: bytes fall on the floor
        if data and not self._held:
            self._progress_s = now_s
        self._held += data
        if self._held:
            self._deliver(target, now_s)

    def wait_s(self, now_s: float) -> float | None:
        """Return how long until there is something to do, or None if nothing is on the way."""
        empty_at_s = self.wire.empty_at_s()
        if empty_at_s is None:
            return SHORTEST_WAIT_S * 10 if self._held else None
        chunk_s = max(SHORTEST_WAIT_S, (empty_at_s - now_s) / 8)
        return max(0.0, min(empty_at_s - now_s, chunk_s))

    def clear(self) -> None:
        """Lose everything on the way."""
        self.wire.clear()
        self._held.clear()

    def _deliver(self, target: Terminal, now_s: float) -> None:
        taken = target.write(bytes(self._held))
        if taken:
            del self._held[:taken]
            self._progress_s = now_s
        elif now_s - self._progress_s > STALL_S:
            # A UART does not wait for a receiver. A pty must, within reason: the receiver may be
            # a busy process on a busy machine.
            self.overrun_bytes += len(self._held)
            self._held.clear()


class Cable:
    """Both directions, the link that the controller opens and the port that the board opens."""

    def __init__(self, link: Path, baud: int, chance: np.random.Generator) -> None:
        self._link, self._baud = link, baud
        self._controller: Terminal | None = None
        self._board: Terminal | None = None
        to_board_chance, to_controller_chance = chance.spawn(2)
        self.to_board = Direction(Wire(baud, to_board_chance))
        self.to_controller = Direction(Wire(baud, to_controller_chance))
        self.plug_in()

    @property
    def plugged_in(self) -> bool:
        """True while the controller's port exists."""
        return self._controller is not None

    @property
    def device(self) -> str:
        """Return the device behind the link, empty while unplugged."""
        return self._controller.device if self._controller else ""

    @property
    def noise(self) -> LineNoise:
        """What the line does to bytes now."""
        return self.to_board.wire.noise

    def set_noise(self, noise: LineNoise) -> None:
        """Let both directions suffer alike."""
        self.to_board.wire.noise = noise
        self.to_controller.wire.noise = noise

    def plug_in(self) -> None:
        """Make the controller's port appear, under the same name as before."""
        if self._controller is None:
            self._controller = Terminal()
            publish(self._link, self._controller.device)

    def unplug(self) -> None:
        """Make the controller's port vanish, as a USB adapter does when it is pulled."""
        if self._controller is not None:
            self._link.unlink(missing_ok=True)
            self._controller.close()
            self._controller = None
            self.to_board.clear()
            self.to_controller.clear()

    def connect_board(self) -> str:
        """Give the board a fresh port for this boot and return its device."""
        self.disconnect_board()
        self._board = Terminal()
        return self._board.device

    def disconnect_board(self) -> None:
        """Take the board's end away; what it had sent or not yet read is lost with its power."""
        if self._board is not None:
            self._board.close()
            self._board = None
        self.to_board.clear()

    def say_to_controller(self, data: bytes) -> None:
        """Put bytes in the controller's buffer as a boot loader would, before software runs."""
        if self._controller is not None:
            self._controller.write(data)

    def move(self, now_s: float) -> None:
        """Move all bytes that are due, both ways."""
        garbled = self._controller is not None and not self._controller.is_set_to(self._baud)
        self.to_board.move(self._controller, self._board, now_s, garbled=garbled)
        self.to_controller.move(self._board, self._controller, now_s, garbled=garbled)

    def filenos(self) -> list[int]:
        """Return the descriptors that have something to say to us."""
        wanted = ((self._controller, self.to_board), (self._board, self.to_controller))
        return [end.master for end, way in wanted if end is not None and way.wants()]

    def wait_s(self, now_s: float) -> float | None:
        """Return how long until the next byte is due, or None while the line is quiet."""
        waits = [way.wait_s(now_s) for way in (self.to_board, self.to_controller)]
        return min((wait for wait in waits if wait is not None), default=None)

    def close(self) -> None:
        """Unplug both ends for good."""
        self.disconnect_board()
        self.unplug()


def publish(link: Path, device: str) -> None:
    """Point the link at a device, in one step, so that there is never half a link.

    Raises:
        PortError: something else than a link has that name, or the directory refuses.
    """
    if link.exists() and not link.is_symlink():
        raise PortError(f"{link}: exists and is no link; choose another name for the board's port")
    fresh = link.with_name(f"{link.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(device)
        fresh.replace(link)
    except OSError as error:
        raise PortError(f"{link}: cannot be made: {error.strerror}") from error
