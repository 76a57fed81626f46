"""The board's hardware watchdog: the last thing that notices when everything has stopped.

Opening the device arms it; it resets the board unless it is written to in time; writing `V`
before closing disarms it (Documentation/watchdog/watchdog-api.rst). A device without the ioctl
calls, such as a FIFO, is fed all the same and keeps the timeout it has.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Protocol

from flight_sw.errors import PortError

WDIOC_SETTIMEOUT = 0xC0045706  # _IOWR('W', 6, int), linux/watchdog.h
WDIOC_GETTIMELEFT = 0x8004570A  # _IOR('W', 10, int)
PET = b"\0"  # any byte but V
MAGIC_CLOSE = b"V"


class Watchdog(Protocol):
    """Something that resets the board unless it is fed."""

    def pet(self) -> bool:
        """Feed it; False if that failed."""
        ...

    def time_left_s(self) -> float | None:
        """Seconds until it bites, or None where the device cannot tell."""
        ...

    def close(self) -> None:
        """Disarm it: only for an orderly end."""
        ...


class HardwareWatchdog:
    """`/dev/watchdog`, armed from construction until `close`."""

    def __init__(self, path: Path, timeout_s: int) -> None:
        """Open, set the timeout and feed once.

        Raises:
            PortError: no such device, held by someone else (systemd), or no permission.
        """
        try:
            # Without O_NONBLOCK a FIFO that nobody reads would block for ever.
            self._fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise PortError(
                f"{path}: watchdog cannot be opened ({error.strerror}); if systemd holds it, set "
                "RuntimeWatchdogSec=0 in /etc/systemd/system.conf"
            ) from error
        self.timeout_s = self._set_timeout(timeout_s)
        self.pet()

    def pet(self) -> bool:
        """Write one byte."""
        try:
            return os.write(self._fd, PET) == len(PET)
        except OSError:
            return False

    def time_left_s(self) -> float | None:
        """Ask the device how long it will still wait."""
        try:
            answer = fcntl.ioctl(self._fd, WDIOC_GETTIMELEFT, bytes(4))
        except OSError:
            return None
        return float(struct.unpack("i", answer)[0])

    def close(self) -> None:
        """Write the magic character and let go; closing twice is harmless."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            os.write(fd, MAGIC_CLOSE)
        except OSError:
            return  # then it bites, which is what it is for
        finally:
            os.close(fd)

    def _set_timeout(self, timeout_s: int) -> int | None:
        """Return the timeout the device settled on, or None if it has no such call."""
        try:
            answer = fcntl.ioctl(self._fd, WDIOC_SETTIMEOUT, struct.pack("i", timeout_s))
        except OSError:
            return None
        return int(struct.unpack("i", answer)[0])


class NoWatchdog:
    """A board without one, or whose watchdog systemd feeds."""

    def pet(self) -> bool:
        """Nothing to feed."""
        return False

    def time_left_s(self) -> float | None:
        """It never bites."""
        return None

    def close(self) -> None:
        """Nothing to disarm."""
