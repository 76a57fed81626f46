"""The hardware watchdog of the emulated board: a FIFO where the board has `/dev/watchdog`.

The first byte arms it, as opening arms the real one; from then on it bites unless fed in time.
`V` as the last byte disarms it: the magic close. It runs on real time, like the software it guards.
"""

import os
from pathlib import Path

READ_BYTES = 4096
MAGIC_CLOSE = b"V"


class WatchdogTimer:
    """Holds the FIFO's other end; ask `bites` often."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        # Open both ways, so that software opening it for writing never finds nobody there.
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._timeout_s = timeout_s
        self._fed_s: float | None = None

    @property
    def armed(self) -> bool:
        """True once software has opened it, until the magic close or a reset."""
        return self._fed_s is not None

    def time_left_s(self, now_s: float) -> float | None:
        """Seconds until it bites, or None while it is not armed."""
        return None if self._fed_s is None else self._fed_s + self._timeout_s - now_s

    def bites(self, now_s: float) -> bool:
        """Take in what was written; True when the time is up."""
        data = self._drain()
        if data:
            self._fed_s = None if data.endswith(MAGIC_CLOSE) else now_s
        left_s = self.time_left_s(now_s)
        return left_s is not None and left_s <= 0

    def disarm(self) -> None:
        """Start afresh, as a reset does."""
        self._drain()
        self._fed_s = None

    def close(self) -> None:
        """Let go of the FIFO."""
        os.close(self._fd)

    def _drain(self) -> bytes:
        try:
            return os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
