"""The supply switch as the controller sees it: a directory of files beside the link."""

import os
from dataclasses import dataclass
from pathlib import Path

from hil.emulator.sysroot import NumberFile

READ_BYTES = 16


@dataclass(frozen=True, slots=True)
class SwitchPosition:
    """What the controller asks for."""

    on: bool
    reset: bool


class SupplySwitch:
    """Files `state` and `reset` come from the controller, `in1_input` and `curr1_input` go to it.

    A position that stands there from before is kept, as a relay keeps it; a new one starts on.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        # Held open, because they are looked at a hundred times a second.
        self._state = os.open(directory / "state", flags, 0o644)
        self._reset = os.open(directory / "reset", flags, 0o644)
        if self._read(self._state) not in (b"0", b"1"):
            os.pwrite(self._state, b"1\n", 0)
        os.pwrite(self._reset, b"0\n", 0)
        self._millivolts = NumberFile(directory / "in1_input")
        self._milliamperes = NumberFile(directory / "curr1_input")
        self._on = self._read(self._state) == b"1"

    def poll(self) -> SwitchPosition:
        """Read both files; a reset falls back by itself, and half-written text changes nothing."""
        text = self._read(self._state)
        if text in (b"0", b"1"):
            self._on = text == b"1"
        pulled = self._read(self._reset) == b"1"
        if pulled:
            os.pwrite(self._reset, b"0\n", 0)
        return SwitchPosition(self._on, pulled)

    def show(self, voltage_v: float, current_a: float) -> None:
        """Publish what the sensor in the supply line reads."""
        self._millivolts.put(round(voltage_v * 1000))
        self._milliamperes.put(round(current_a * 1000))

    def close(self) -> None:
        """Close the files; the switch keeps its position."""
        self._millivolts.close()
        self._milliamperes.close()
        os.close(self._state)
        os.close(self._reset)

    def _read(self, fd: int) -> bytes:
        return os.pread(fd, READ_BYTES, 0).strip()
