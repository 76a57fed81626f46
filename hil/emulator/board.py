"""The board as a thing with a power switch: its software runs, hangs, crashes and starts again.

The node is the real one, a process group of its own. What ends it is what ends a computer: power,
the reset line, the watchdog. A crash of the node alone is answered as its systemd unit would:
started again after a pause, a few times.
"""

import contextlib
import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.lifeline import die_with_parent
from hil.faults.process import ProcessStat, find_worker, group_members, send_group

RESTART_PAUSE_S = 0.5  # RestartSec of the node's unit
RESTARTS_PER_BOOT = 5  # StartLimitBurst; after that only a reset helps
REAP_S = 2.0
LOG_LIMIT_BYTES = 4_000_000
MEMBERS_REFRESH_S = 0.5


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """What to start, where its console goes."""

    command: tuple[str, ...]
    console: Path


class Board:
    """Power state and processes; time comes from the caller."""

    def __init__(self, program: NodeProgram) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._restart_at_s: float | None = None
        self._restarts = 0
        self._port = ""
        self._latched_hang = False
        self._members: list[ProcessStat] = []
        self._members_at_s = float("-inf")
        self.powered = False
        self.boots = 0
        self.last_exit: int | None = None

    @property
    def node_pid(self) -> int | None:
        """Process id of the node while it exists, stopped or not."""
        return None if self._process is None else self._process.pid

    @property
    def worker_pid(self) -> int | None:
        """Process id of the node's inference worker, if there is one."""
        return None if self._process is None else find_worker(self._process.pid)

    @property
    def latched_hang(self) -> bool:
        """True while a hang lasts that only a power cut ends."""
        return self._latched_hang

    def boot(self, port: str) -> None:
        """Start the software on a port; a latched hang lets nothing start."""
        self._kill()
        self.powered = True
        self.boots += 1
        self._restarts = 0
        self._restart_at_s = None
        self._port = port
        if not self._latched_hang:
            self._start()

    def cut(self) -> None:
        """Take the power away."""
        self._kill()
        self.powered = False
        self._restart_at_s = None

    def discharged(self) -> None:
        """Note that the power was away for long enough to end a latched hang."""
        self._latched_hang = False

    def hang(self, sticky: bool) -> str:
        """Stop everything at once; return why that did not land, or nothing."""
        if self._process is None:
            return "no software is running"
        reason = send_group(self._process.pid, signal.SIGSTOP)
        if not reason:
            self._latched_hang = sticky
        return reason

    def members(self, now_s: float) -> list[ProcessStat]:
        """Return the node's process group; searched for only now and then, for it costs time."""
        if self._process is None:
            return []
        if now_s - self._members_at_s >= MEMBERS_REFRESH_S:
            self._members = group_members(self._process.pid)
            self._members_at_s = now_s
        return self._members

    def service(self, now_s: float) -> bool:
        """Notice that the node ended, and start it again when due; True if it just ended."""
        if self._process is not None and self._process.poll() is not None:
            self.last_exit = self._process.returncode
            self._kill()
            if self._restarts < RESTARTS_PER_BOOT:
                self._restart_at_s = now_s + RESTART_PAUSE_S
            return True
        if self._restart_at_s is not None and now_s >= self._restart_at_s:
            self._restart_at_s = None
            self._restarts += 1
            self._start()
        return False

    def console_tail(self, lines: int = 5) -> str:
        """Return the last lines that the software wrote."""
        try:
            text = self._program.console.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _start(self) -> None:
        console = self._program.console
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        if console.exists() and console.stat().st_size > LOG_LIMIT_BYTES:
            flags |= os.O_TRUNC
        out = os.open(console, flags, 0o644)
        parent = os.getpid()
        command = [word.replace("{port}", self._port) for word in self._program.command]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                # A single-threaded parent may run Python between fork and exec.
                preexec_fn=lambda: _prepare(parent),  # noqa: PLW1509
            )
        finally:
            os.close(out)
        self._members_at_s = float("-inf")

    def _kill(self) -> None:
        process, self._process = self._process, None
        self._members = []
        if process is None:
            return
        # The group outlives its leader: the worker of a crashed node goes with it.
        send_group(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(REAP_S)
        end_s = time.monotonic() + REAP_S
        while group_members(process.pid) and time.monotonic() < end_s:
            send_group(process.pid, signal.SIGKILL)


def _prepare(parent: int) -> None:
    """Run in the child before its program: die with us, and leave no core file when it crashes."""
    die_with_parent(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
