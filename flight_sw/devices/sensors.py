"""Sensors of a Linux board: temperature, supply rail, clock frequency, throttling flags.

Each finds its file by what it *is* (the zone's type, the rail's label), because numbers change
from boot to boot. A reading that fails is None, and the file is looked for anew the next time.
Paths: Documentation/ABI/testing/sysfs-class-thermal, sysfs-class-hwmon, hwmon/ina3221.rst.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flight_sw.devices.sysfs import PatientReader, list_directory, read_text

MILLI = 1000.0
THROTTLE_FILE = "sys/devices/platform"


class TemperatureSensor(Protocol):
    """One temperature."""

    def read_c(self) -> float | None:
        """Return degrees Celsius, or None if there is no reading now."""
        ...


@dataclass(frozen=True, slots=True)
class RailReading:
    """One moment of a supply rail."""

    voltage_v: float
    current_a: float

    @property
    def power_w(self) -> float:
        """Power drawn through the rail."""
        return self.voltage_v * self.current_a


class RailSensor(Protocol):
    """Voltage and current of one supply rail."""

    def read(self) -> RailReading | None:
        """Return the rail's reading, or None if either half is missing."""
        ...


class FrequencySensor(Protocol):
    """The processor's clock."""

    def read_mhz(self) -> int | None:
        """Return MHz, or None."""
        ...


class ThermalZone:
    """The thermal zone of a given type, such as `cpu-thermal`."""

    def __init__(self, root: Path, zone_type: str) -> None:
        self._zones = root / "sys/class/thermal"
        self._zone_type = zone_type
        self._reader = PatientReader()
        self._file: Path | None = None

    def read_c(self) -> float | None:
        """Return degrees Celsius (the kernel counts thousandths), or None."""
        if self._file is None:
            self._file = self._find()
        if self._file is None:
            return None
        value = self._reader.read_int(self._file)
        if value is None:
            self._file = None
            return None
        return value / MILLI

    def _find(self) -> Path | None:
        for zone in list_directory(self._zones, "thermal_zone*"):
            if read_text(zone / "type") == self._zone_type:
                return zone / "temp"
        return None


class HwmonRail:
    """The rail that a hwmon chip labels with a given name, or the chip of that name itself."""

    def __init__(self, root: Path, label: str) -> None:
        self._chips = root / "sys/class/hwmon"
        self._label = label
        self._reader = PatientReader()
        self._files: tuple[Path, Path] | None = None

    def read(self) -> RailReading | None:
        """Return volts and amperes (the kernel counts thousandths), or None."""
        if self._files is None:
            self._files = self._find()
        if self._files is None:
            return None
        volts, amperes = (self._reader.read_int(file) for file in self._files)
        if volts is None or amperes is None:
            self._files = None
            return None
        return RailReading(volts / MILLI, amperes / MILLI)

    def _find(self) -> tuple[Path, Path] | None:
        for chip in list_directory(self._chips, "hwmon*"):
            for label in list_directory(chip, "in*_label"):
                if read_text(label) == self._label:
                    number = label.name.removeprefix("in").removesuffix("_label")
                    return chip / f"in{number}_input", chip / f"curr{number}_input"
            if read_text(chip / "name") == self._label:  # INA219 and INA226 label nothing
                return chip / "in1_input", chip / "curr1_input"
        return None


class CpuFrequency:
    """The first core's clock as cpufreq reports it: on a Raspberry Pi the *requested* one."""

    def __init__(self, root: Path) -> None:
        self._file = root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
        self._reader = PatientReader()

    def read_mhz(self) -> int | None:
        """Return MHz (the kernel counts kHz), or None."""
        value = self._reader.read_int(self._file)
        return None if value is None else round(value / MILLI)


class ThrottleFlags:
    """The Raspberry Pi firmware's throttling bits: 0 to 3 now, 16 to 19 since boot."""

    def __init__(self, root: Path) -> None:
        self._platform = root / THROTTLE_FILE
        self._reader = PatientReader()
        self._file: Path | None = None

    def read(self) -> int | None:
        """Return the bits, or None where the firmware has none."""
        if self._file is None:
            found = list_directory(self._platform, "soc*/*firmware*/get_throttled")
            self._file = found[0] if found else None
        if self._file is None:
            return None
        text = self._reader.read(self._file)
        try:
            return None if text is None else int(text, 16)
        except ValueError:
            return None


class DevfreqClock:
    """The clock of a device that the kernel scales, such as a Jetson's GPU, found by its name."""

    def __init__(self, root: Path, name: str) -> None:
        self._devices = root / "sys/class/devfreq"
        self._name = name
        self._reader = PatientReader()
        self._file: Path | None = None

    def read_mhz(self) -> int | None:
        """Return MHz (the kernel counts Hz), or None."""
        if self._file is None:
            found = list_directory(self._devices, f"*{self._name}*/cur_freq")
            self._file = found[0] if found else None
        value = None if self._file is None else self._reader.read_int(self._file)
        if value is None:
            self._file = None
            return None
        return round(value / 1_000_000)
