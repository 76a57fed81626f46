"""Faults of whole processes: hangs and crashes, as a signal from outside.

A hang is SIGSTOP, because a latched-up processor does not run a handler either; a crash is SIGSEGV.
Processes are found in /proc, so the software under test needs to know nothing of this.
"""

import os
import signal
from dataclasses import dataclass

MAX_PROCESSES = 32_768
READ_MAX = 65_536
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
WORKER_MODULE = b"flight_sw.inference.worker"


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """What /proc/PID/stat says of one process (proc(5)); `cpu_s` is user and system time."""

    pid: int
    state: str
    parent: int
    group: int
    cpu_s: float


def read_stat(pid: int) -> ProcessStat | None:
    """Return a process's state, or None if there is no such process."""
    words = _read(pid, "stat").rpartition(b")")[2].split()  # the name before it may hold anything
    if not words:
        return None
    cpu_s = (int(words[11]) + int(words[12])) / TICKS_PER_S
    return ProcessStat(pid, words[0].decode(), int(words[1]), int(words[2]), cpu_s)


def group_members(group: int) -> list[ProcessStat]:
    """Return the living processes of a process group, in order of their number."""
    pids = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208
    stats = (read_stat(pid) for pid in pids[:MAX_PROCESSES])
    return [stat for stat in stats if stat and stat.group == group and stat.state not in "ZX"]


def find_worker(node_pid: int) -> int | None:
    """Return the inference worker of a node: its child of that name, else its youngest child."""
    children = [stat.pid for stat in group_members(node_pid) if stat.parent == node_pid]
    named = [pid for pid in children if WORKER_MODULE in _read(pid, "cmdline")]
    return max(named or children, default=None)


def send(pid: int, number: signal.Signals) -> str:
    """Send a signal to a process; return why it did not land, or nothing if it did."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return "process gone"
    except PermissionError:
        return "no permission to signal that process"
    return ""


def send_group(group: int, number: signal.Signals) -> str:
    """Send a signal to a whole process group; return why it did not land, or nothing."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return "process gone"
    except PermissionError:
        return "no permission to signal that process group"
    return ""


def _read(pid: int, name: str) -> bytes:
    """A file of a process, nothing if it is gone.

    The emulator asks for hundreds a second, for hours: a `Path` would enter each number into Python's
    table of names, which doubles when that has filled it.
    """
    try:
        file = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, READ_MAX)
    except OSError:
        return b""
    finally:
        os.close(file)
