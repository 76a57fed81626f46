"""The board's file system as its flight software sees it: sysfs, the watchdog's device, /run.

The emulator writes what a kernel would and reads back what software may set. Numbers are padded to
one width and written in place, so that a reader never sees half of one.
"""

import os
import shutil
from pathlib import Path

from flight_sw.devices.sysfs import read_text
from flight_sw.profile import Profile

WIDTH = 11
ZONE = "sys/class/thermal/thermal_zone0"
CHIP = "sys/class/hwmon/hwmon0"
CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"
FIRMWARE = "sys/devices/platform/soc/soc:firmware"
DOG = "sys/class/watchdog/watchdog0"
TREE = "sys/firmware/devicetree/base"
RUN = "run/vanallen"
MODEL = "Van Allen emulated board (heat and power of a Raspberry Pi 4 Model B)"


class NumberFile:
    """One number of the kernel's, rewritten in place and only when it changed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._last = ""

    def put(self, value: int, style: str = "d") -> None:
        """Show a value, in decimal or with style `x` in hexadecimal."""
        text = f"{value:<{WIDTH}{style}}\n"
        if text != self._last:
            os.pwrite(self._fd, text.encode(), 0)
            self._last = text

    def forget(self) -> None:
        """Write again next time, because someone else may have written here."""
        self._last = ""

    def close(self) -> None:
        """Close the descriptor; the file stays."""
        os.close(self._fd)


class SysRoot:
    """The tree below one directory."""

    def __init__(self, root: Path, profile: Profile, serial_number: str) -> None:
        self.root = root
        self._top_khz = profile.frequency.levels_mhz[-1] * 1000
        self._write_fixed(profile, serial_number)
        self.temperature = NumberFile(root / ZONE / "temp")
        self.rail_mv = NumberFile(root / CHIP / "in1_input")
        self.rail_ma = NumberFile(root / CHIP / "curr1_input")
        self.clock_khz = NumberFile(root / CPUFREQ / "scaling_cur_freq")
        self.limit_khz = NumberFile(root / CPUFREQ / "scaling_max_freq")
        self.throttled = NumberFile(root / FIRMWARE / "get_throttled")
        self._limit = root / CPUFREQ / "scaling_max_freq"

    @property
    def run_dir(self) -> Path:
        """Where the node publishes what is true until the next boot."""
        return self.root / RUN

    def boot(self, reset_cause: str, number: int) -> None:
        """Empty /run, lift the clock limit, note why the board starts and for which time."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        (self.run_dir / "reset_cause").write_text(f"{reset_cause}\n")
        (self.run_dir / "boots").write_text(f"{number}\n")
        _write(self.root / DOG / "bootstatus", "32\n" if reset_cause == "watchdog" else "0\n")
        self.limit_khz.forget()
        self.limit_khz.put(self._top_khz)

    def read_limit_mhz(self) -> float | None:
        """Return the clock limit that software set, or None while it is being written."""
        text = read_text(self._limit)
        return int(text) / 1000 if text and text.isdigit() else None

    def close(self) -> None:
        """Close the files; the tree stays for a look afterwards."""
        for file in (
            self.temperature,
            self.rail_mv,
            self.rail_ma,
            self.clock_khz,
            self.limit_khz,
            self.throttled,
        ):
            file.close()

    def _write_fixed(self, profile: Profile, serial_number: str) -> None:
        levels = profile.frequency.levels_mhz
        rail = profile.power.rail
        texts = {
            f"{ZONE}/type": profile.thermal.zone,
            f"{CHIP}/name": "ina219",
            f"{CHIP}/in1_label": rail,
            f"{CHIP}/curr1_label": rail,
            f"{CPUFREQ}/cpuinfo_min_freq": str(levels[0] * 1000),
            f"{CPUFREQ}/cpuinfo_max_freq": str(levels[-1] * 1000),
            f"{CPUFREQ}/scaling_min_freq": str(levels[0] * 1000),
            f"{CPUFREQ}/scaling_available_frequencies": " ".join(str(m * 1000) for m in levels),
            f"{TREE}/serial-number": serial_number,
            f"{TREE}/model": MODEL,
        }
        for path, text in texts.items():
            _write(self.root / path, text + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
