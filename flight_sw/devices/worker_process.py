"""The inference worker as a child process: a model runtime fed with flipped bits may crash.

Pipes never block: a worker that hangs must not hang the node. Killing is always SIGKILL, the only
signal that also ends a stopped process.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

READ_BYTES = 262_144  # most bytes that one read returns
REAP_TIMEOUT_S = 1.0  # a killed process is gone at once unless the kernel itself hangs
STAT_TIMES = slice(12, 14)  # utime and stime, counted from the bracket that ends the name
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
WORKER_MODULE = "flight_sw.inference.worker"


class Worker(Protocol):
    """A process that answers on a byte stream and may die or hang at any time."""

    @property
    def pid(self) -> int | None:
        """Return the process id while there is one."""
        ...

    def start(self) -> None:
        """Start it, ending one that runs."""
        ...

    def write(self, data: bytes) -> int:
        """Send what fits now and return its length; 0 if there is nobody."""
        ...

    def read(self) -> bytes:
        """Return what has arrived, or nothing."""
        ...

    def alive(self) -> bool:
        """True while the process exists, also when it is stopped or hangs."""
        ...

    def cpu_s(self) -> float | None:
        """Return the processor time that it has used, or None without a process."""
        ...

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, or None when nothing more will come."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...


class WorkerProcess:
    """A child of this interpreter; standard input and output carry the messages."""

    def __init__(self, arguments: Sequence[str] = (), module: str = WORKER_MODULE) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._readable = False
        # Made once for each process: Python keeps the parts of every new path in a table, which grows.
        self._stat = Path()
        self.starts = 0
        self.last_exit: int | None = None

    def start(self) -> None:
        """Start afresh; a worker that still runs is killed first."""
        self.kill()
        # The child stays in our process group, so that whoever ends the node ends it as well.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        self._readable = True
        self._stat = Path(f"/proc/{self._process.pid}/stat")
        self.starts += 1

    @property
    def pid(self) -> int | None:
        """Return the process id while there is a process."""
        return None if self._process is None else self._process.pid

    def write(self, data: bytes) -> int:
        """Put what fits into the pipe; a worker that died in the meantime takes nothing."""
        if self._process is None or self._process.stdin is None or not data:
            return 0
        try:
            return os.write(self._process.stdin.fileno(), data)
        except (BlockingIOError, BrokenPipeError):
            return 0

    def read(self) -> bytes:
        """Return up to `READ_BYTES`, also the last words of one that has died."""
        fd = self.fileno()
        if fd is None:
            return b""
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        self._readable = bool(data)
        return data

    def alive(self) -> bool:
        """Ask the kernel; remembers how it ended in `last_exit` (minus the signal, if killed)."""
        if self._process is None:
            return False
        self.last_exit = self._process.poll()
        return self.last_exit is None

    def cpu_s(self) -> float | None:
        """Return what the kernel counts of it: user and system time of all threads (proc(5), stat)."""
        if self._process is None:
            return None
        try:
            stat = self._stat.read_bytes()
        except OSError:
            return None
        user, system = stat[stat.rindex(b")") :].split()[STAT_TIMES]
        return (int(user) + int(system)) / CLOCK_TICKS

    def fileno(self) -> int | None:
        """Return the output pipe's descriptor until its end has been read."""
        if self._process is None or self._process.stdout is None or not self._readable:
            return None
        return self._process.stdout.fileno()

    def kill(self) -> None:
        """SIGKILL, collect the exit status, close the pipes; harmless without a process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        # If the kernel cannot end it now, it stays a zombie until we end; the next one still runs.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.last_exit = process.wait(REAP_TIMEOUT_S)
