"""One emulator per link: a lock that dies with its holder, and a helper that tidies up after it.

A killed emulator cannot remove its link, and the kernel gives the number of its pty to the next
terminal that is opened: the link would then lead into someone's shell. A small helper waits for
our end, by whatever cause, and removes the link unless another emulator has taken over by then.
"""

import contextlib
import fcntl
import os
import subprocess
import time
from pathlib import Path

from flight_sw.errors import PortError
from hil.emulator.settings import LOCK_SUFFIX, RIG_SUFFIX, beside

# $1 lock, $2 link, $3 rig port. The loop ends when our end of the pipe is closed.
TIDY = 'while read -r _; do :; done; exec flock -w 1 "$1" rm -f "$2" "$3"'
PATIENCE_S = 0.5  # the helper of a dead emulator holds the lock for a moment
LOOK_AGAIN_S = 0.02
REAP_S = 1.0
STATE_LOCK = "lock"


class Claim:
    """Holds one link and one directory of board files from construction to `release` or death."""

    def __init__(self, link: Path, state: Path) -> None:
        """Take both.

        Raises:
            PortError: another emulator lives on either, or a directory refuses.
        """
        self._lock = _lock(beside(link, LOCK_SUFFIX), f"{link}: no board port can be made there")
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PortError(f"{state}: no place for the board's files: {error.strerror}") from error
        self._state_lock = _lock(state / STATE_LOCK, f"{state}: no place for the board's files")
        paths = (beside(link, LOCK_SUFFIX), link, beside(link, RIG_SUFFIX))
        self._helper = subprocess.Popen(
            ("/bin/sh", "-c", TIDY, "tidy", *(str(path.absolute()) for path in paths)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends our group must not end the helper
        )

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._lock)
        os.close(self._state_lock)
        if self._helper.stdin is not None:
            self._helper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._helper.wait(REAP_S)


def _lock(path: Path, what: str) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PortError(
            f"{what}: {error.strerror}; choose a directory that exists and is yours"
        ) from error
    end_s = time.monotonic() + PATIENCE_S
    while not _try(fd):
        if time.monotonic() > end_s:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise PortError(
                f"{what}: an emulator is there already (process {holder}); "
                "stop it or choose another place"
            )
        time.sleep(LOOK_AGAIN_S)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
