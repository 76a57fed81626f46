"""A link with faults between two programs, in real time: two ptys and a relay in a thread.

What `hil.faults.link` does to bytes, here with real ports: a hang-up is one that both programs see, a
blocked write fills the kernel's buffer, single bytes arrive one by one.
"""

import os
import select
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from hil.emulator.cable import SerialEnd, Terminal, publish
from hil.faults.link import QUIET, FaultyLink, LinkFaults

LOOK_S = 0.002
BYTE_S = 0.0002  # between two single bytes, so that they are two reads
PIECES_MAX = 32  # of them in one turn of the relay
READ_BYTES = 4096
KEPT_BYTES_MAX = 65_536  # for a program that does not read; a UART would lose them too


class Offered:
    """A port that a program opens; it vanishes while the line is hung up."""

    def __init__(self, link: Path) -> None:
        self._link = link

    def plug_in(self) -> Terminal:
        """Make it appear."""
        terminal = Terminal()
        publish(self._link, terminal.device)
        return terminal

    def unplug(self, end: SerialEnd) -> None:
        """Whoever has it open gets a hang-up."""
        self._link.unlink(missing_ok=True)
        end.close()


class Joined:
    """A port that is there already, such as an emulated board's; opened as any program would."""

    def __init__(self, link: Path) -> None:
        self._link = link

    def plug_in(self) -> "OpenedPort":
        """Open it."""
        return OpenedPort(self._link)

    def unplug(self, end: SerialEnd) -> None:
        """Let go of it; who is behind it hears no more."""
        end.close()


class OpenedPort(SerialEnd):
    """What `Terminal` is at the other side: a port that another program offers."""

    def __init__(self, link: Path) -> None:
        super().__init__(os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))


class LinkProxy:
    """Stands between a near and a far program, each of which has its end like any serial port.

    Args:
        near, far: the two ends; a path stands for a port that is offered there.
    """

    def __init__(
        self, near: Path | Joined, far: Path | Joined, chance: np.random.Generator
    ) -> None:
        self._sides = tuple(Offered(one) if isinstance(one, Path) else one for one in (near, far))
        self._link = FaultyLink(chance)
        self._wanted = QUIET
        self._landed = 0
        self._ends: list[SerialEnd] = []
        self._out = (bytearray(), bytearray())
        self._stopping = threading.Event()
        self._plug_in()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def landed(self) -> int:
        """How often a fault made a difference."""
        return self._link.landed + self._landed

    def disturb(self, faults: LinkFaults) -> None:
        """Behave so from now on; `QUIET` ends it."""
        self._wanted = faults

    def close(self) -> None:
        """End the relay and both ports."""
        self._stopping.set()
        self._thread.join()
        self._unplug()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._change()
            self._move()
            masters = [end.master for end in self._ends] if self._link.room else []
            with suppress(OSError):
                select.select(masters, [], [], LOOK_S)

    def _change(self) -> None:
        before, self._link.faults = self._link.faults, self._wanted
        if before.hung_up == self._link.faults.hung_up:
            return
        if self._link.faults.hung_up:
            self._landed += 1
            self._unplug()
        else:
            self._plug_in()

    def _move(self) -> None:
        if not self._ends:
            self._link.at_far()  # what was on the way is gone
            self._link.at_near()
            return
        if self._link.faults.blocked:
            masters = [end.master for end in self._ends]
            self._landed += bool(select.select(masters, [], [], 0)[0])
        sends = (self._link.send_far, self._link.send_near)
        for end, send in zip(self._ends, sends, strict=True):
            room = min(self._link.room, READ_BYTES)
            if room:
                send(end.read(room))
        arrivals = (self._link.at_near, self._link.at_far)
        for end, out, arrived in zip(self._ends, self._out, arrivals, strict=True):
            self._deliver(end, out, arrived())

    def _deliver(self, end: SerialEnd, out: bytearray, pieces: list[bytes]) -> None:
        out += b"".join(pieces)
        del out[:-KEPT_BYTES_MAX]
        size = self._link.faults.read_bytes
        if size is None:
            del out[: end.write(bytes(out)) if out else 0]
            return
        for _ in range(PIECES_MAX):  # no more, or the fault would outlast its end
            if not out:
                return
            del out[: end.write(bytes(out[:size]))]
            time.sleep(BYTE_S)

    def _plug_in(self) -> None:
        self._ends = [side.plug_in() for side in self._sides]

    def _unplug(self) -> None:
        for side, end in zip(self._sides, self._ends, strict=False):  # no ends while hung up
            side.unplug(end)
        self._ends = []
        for out in self._out:
            out.clear()
