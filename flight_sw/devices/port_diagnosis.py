"""Why a serial port cannot be opened, and what to do: one line for the person at the keyboard."""

import errno
import grp
import os
import stat
from pathlib import Path

from flight_sw.errors import PortError

MAX_PROCESSES = 32_768  # processes looked at when searching for the one that holds a port


def explain_port_path(url: str) -> None:
    """Refuse a path that can never be a serial line, before anything is opened.

    Raises:
        PortError: nothing there, a link to nothing, a directory or a plain file.
    """
    if "://" in url:
        return
    path = Path(url)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise PortError(_missing(path)) from None
    except OSError as error:
        raise PortError(f"{url}: cannot be looked at: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise PortError(f"{url}: is a directory, not a serial port; name a device in it")
    if not stat.S_ISCHR(mode):
        raise PortError(f"{url}: is a plain file, not a serial port; name a device")


def explain_port_failure(url: str, error: Exception) -> str:
    """Say in one line why opening `url` failed."""
    number = getattr(error, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK):
        return f"{url}: in use by {_holder(Path(url))}; stop that program or name another port"
    if number in (errno.EACCES, errno.EPERM):
        group = _group(Path(url))
        return (
            f"{url}: no permission; add yourself to the group {group} "
            f"(sudo usermod -aG {group} $USER) and log in again"
        )
    if number == errno.ENOENT:
        return _missing(Path(url))
    if "://" in url:
        return f"{url}: cannot be opened: {error}"
    return f"{url}: is not a serial port that works here: {error}"


def _missing(path: Path) -> str:
    if path.is_symlink():
        return (
            f"{path}: points to {path.readlink()}, which is gone; start the board or emulator again"
        )
    return f"{path}: no such port; plug the board in or start the emulator, or name another port"


def _group(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _holder(path: Path) -> str:
    pid = _lock_owner(path) or _opener(path)
    if pid is None:
        return "another program"
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {pid}"
    command = " ".join(word.decode(errors="replace") for word in words[:4] if word)
    return f"process {pid} ({command[:80]})"


def _lock_owner(path: Path) -> int | None:
    """Find who holds the lock in /proc/locks, where a line reads `1: FLOCK … PID MAJ:MIN:INODE …`.

    The lock says more than open descriptors do: an emulator keeps its own line open as well.
    """
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
        device = path.stat().st_dev
    except OSError:
        return None
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == wanted and int(words[4]) > 0:
            return int(words[4])
    return None


def _opener(path: Path) -> int | None:
    wanted = os.path.realpath(path)
    own = os.getpid()
    processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    for _, pid in zip(range(MAX_PROCESSES), processes, strict=False):
        if pid != own and _has_open(pid, wanted):
            return pid
    return None


def _has_open(pid: int, wanted: str) -> bool:
    try:
        links = [str(fd.readlink()) for fd in (Path("/proc") / str(pid) / "fd").iterdir()]
    except OSError:
        return False
    return wanted in links
