"""The Pi's SDRAM as a file that QEMU and the rig share, and the two blocks of silicon QEMU lacks.

QEMU's temperature sensor is a constant and its watchdog resets at once when it is armed. The device
tree therefore points both drivers into a stretch of RAM at the top of the 64 MiB that QEMU keeps
from Linux for the graphics processor, and here the rig plays the hardware. The drivers are stock.
Registers: torvalds/linux drivers/watchdog/bcm2835_wdt.c and drivers/thermal/broadcom/bcm2835_thermal.c.
"""

import mmap
import os
import struct
from enum import Enum, unique
from pathlib import Path

RAM_BYTES = 1 << 30
WINDOW = 0x3EF00000
THERMAL = WINDOW + 0x1000
RSTC, RSTS, WDOG = WINDOW + 0x1C, WINDOW + 0x20, WINDOW + 0x24
PASSWORD = 0x5A  # in the top byte of every write to the power block
TICKS_PER_S = 65_536
TICKS_MAX = 0xFFFFF
RSTC_RESET, RSTC_RUN_MASK, RSTC_RUN = 0x102, 0x30, 0x20
RSTS_POWER_ON, RSTS_WATCHDOG = 0x1000, 0x1020
RSTS_HALT = 0x555  # partition 63: how Linux asks the firmware to stay off
TS_VALID = 1 << 10
TS_OFFSET_MC, TS_SLOPE_MC = 412_000, -538  # bcm2835_thermal.c: offset and slope in m°C
_WORD = struct.Struct("<I")


class GuestRam:
    """One power-on's memory; what it held is gone with the file when it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.ftruncate(self.fd, RAM_BYTES)
        self.bytes = mmap.mmap(self.fd, RAM_BYTES)

    def read(self, address: int) -> int:
        """One 32-bit word."""
        return int(_WORD.unpack_from(self.bytes, address)[0])

    def write(self, address: int, value: int) -> None:
        """Set one 32-bit word."""
        _WORD.pack_into(self.bytes, address, value & 0xFFFFFFFF)

    def set_temperature(self, temp_c: float) -> None:
        """What the sensor will say, to its own step of 0.538 K."""
        code = round((TS_OFFSET_MC - temp_c * 1000) / -TS_SLOPE_MC)
        self.write(THERMAL + 4, TS_VALID | max(0, min(TS_VALID - 1, code)))

    def close(self) -> None:
        """Lose it all, as a power cut does."""
        self.bytes.close()
        os.close(self.fd)
        self.path.unlink(missing_ok=True)


@unique
class Request(Enum):
    """What the power block asks of the board."""

    RESET = "reset"
    HALT = "halt"


class PowerBlock:
    """BCM2835 power management: watchdog counter and reset requests; time comes from the caller.

    Only the password byte of a register is cleared after a write, as the silicon does, so a feed
    that comes at the same moment is never lost.
    """

    def __init__(self, ram: GuestRam) -> None:
        self._ram = ram
        self._deadline_s: float | None = None
        self.feeds = 0
        self._begin(RSTS_POWER_ON)

    def time_left_s(self, now_s: float) -> float | None:
        """Until it bites, or None while it does not run."""
        return None if self._deadline_s is None else self._deadline_s - now_s

    def tick(self, now_s: float) -> Request | None:
        """Take in what Linux wrote; a request when the counter has run out."""
        ram = self._ram
        if ram.bytes[WDOG + 3] == PASSWORD:
            ram.bytes[WDOG + 3] = 0
            self.feeds += 1
            if self._deadline_s is not None:
                self._deadline_s = now_s + self._counter_s()
        if ram.bytes[RSTC + 3] == PASSWORD:
            ram.bytes[RSTC + 3] = 0
            running = ram.read(RSTC) & RSTC_RUN_MASK == RSTC_RUN
            self._deadline_s = now_s + self._counter_s() if running else None
        if self._deadline_s is None or now_s < self._deadline_s:
            return None
        halt = ram.read(RSTS) & RSTS_HALT == RSTS_HALT
        self._begin(RSTS_WATCHDOG)
        return Request.HALT if halt else Request.RESET

    def reset(self) -> None:
        """Start afresh after the reset line was pulled."""
        self._begin(RSTS_POWER_ON)

    def _counter_s(self) -> float:
        return (self._ram.read(WDOG) & TICKS_MAX) / TICKS_PER_S

    def _begin(self, status: int) -> None:
        self._deadline_s = None
        self._ram.write(RSTC, RSTC_RESET)
        self._ram.write(RSTS, status)
        self._ram.write(WDOG, 0)
