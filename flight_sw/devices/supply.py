"""The switch that feeds the board, and the current through it.

The last rungs of the recovery ladder end here. A directory holds files as the kernel's GPIO and
hwmon have them: `state` (0 or 1), `reset` (writing 1 pulses the line, it falls back by itself),
`curr1_input` in mA and `in1_input` in mV.
"""

from pathlib import Path
from typing import Protocol

from flight_sw.devices.sensors import MILLI, RailReading
from flight_sw.devices.sysfs import PatientReader, write_text
from flight_sw.errors import PortError


class Supply(Protocol):
    """Power and reset line of the board, as the controller sees them."""

    @property
    def can_switch(self) -> bool:
        """True if power can be cut and the reset line pulled."""
        ...

    def set_on(self, on: bool) -> bool:
        """Switch; False if the switch did not take it."""
        ...

    def is_on(self) -> bool | None:
        """Return the switch's position, or None if it cannot be read."""
        ...

    def pulse_reset(self) -> bool:
        """Pull the reset line once; False if that failed."""
        ...

    def read(self) -> RailReading | None:
        """Return voltage and current into the board, or None."""
        ...


class SysfsSupply:
    """A switch made of files; nothing here blocks and nothing raises in flight."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._reader = PatientReader()

    can_switch = True

    def check(self) -> None:
        """Look once whether the switch is there, for a program that starts.

        Raises:
            PortError: the directory or its `state` file is missing.
        """
        if not (self._directory / "state").exists():
            raise PortError(
                f"{self._directory}: no supply switch there (no file `state`); start the board "
                "first, or set `supply: {kind: none}` in the profile"
            )

    def set_on(self, on: bool) -> bool:
        """Write the switch's position."""
        return write_text(self._directory / "state", "1\n" if on else "0\n")

    def is_on(self) -> bool | None:
        """Read the switch's position back."""
        return {"0": False, "1": True}.get(self._reader.read(self._directory / "state") or "")

    def pulse_reset(self) -> bool:
        """Write 1 to the reset file."""
        return write_text(self._directory / "reset", "1\n")

    def read(self) -> RailReading | None:
        """Read both files; None unless both answer."""
        volts = self._reader.read_int(self._directory / "in1_input")
        amperes = self._reader.read_int(self._directory / "curr1_input")
        if volts is None or amperes is None:
            return None
        return RailReading(volts / MILLI, amperes / MILLI)


class NoSupply:
    """A board that nobody can switch: the ladder ends one rung earlier."""

    can_switch = False

    def set_on(self, on: bool) -> bool:  # noqa: ARG002 the protocol's argument
        """Refuse."""
        return False

    def is_on(self) -> bool | None:
        """Nobody knows."""
        return None

    def pulse_reset(self) -> bool:
        """Refuse."""
        return False

    def read(self) -> RailReading | None:
        """Nothing measures."""
        return None
