"""Power modes of an NVIDIA Jetson, chosen by name: their numbers differ between modules and releases.

Names and numbers are read from the board's own `/etc/nvpmodel.conf`; the change is made by NVIDIA's
`nvpmodel`, which is started and not waited for. A mode that needs a reboot is refused: in flight
nobody reboots for a few watts. What was set before is restored at the end, also after a kill.
"""

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from flight_sw.devices.sysfs import read_text

CONFIGURATION = "etc/nvpmodel.conf"
STATUS = "var/lib/nvpmodel/status"
NOTE = "run/vanallen/power_mode_before"
CONFIGURATION_BYTES_MAX = 1 << 20
_MODEL = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>")
NO_REBOOT = b"NO\n"  # nvpmodel asks "DO YOU WANT TO REBOOT NOW?"


class Nvpmodel:
    """The vendor's program; a seam because it exists on a Jetson alone."""

    def __init__(self, program: str = "nvpmodel") -> None:
        self._program = program
        self._running: subprocess.Popen[bytes] | None = None

    def select(self, number: int) -> bool:
        """Start the change; False while the one before still runs or the program is missing."""
        if self._running is not None and self._running.poll() is None:
            return False
        try:
            self._running = subprocess.Popen(
                [self._program, "-m", str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            return False
        if self._running.stdin is not None:
            try:
                self._running.stdin.write(NO_REBOOT)
                self._running.stdin.close()
            except BrokenPipeError:
                return True  # it asked nothing
        return True


class PowerModeControl:
    """The profile's levels as power modes, coolest first; see `FrequencyControl`."""

    def __init__(
        self, root: Path, modes: Sequence[str], select: Callable[[int], bool] | None = None
    ) -> None:
        self._root = root
        self._modes = tuple(modes)
        self._select = select or Nvpmodel().select
        self._before: str | None = None

    def adopt(self, pid: int) -> bool:  # noqa: ARG002 the protocol's argument
        """Nothing to do: a power mode holds for the whole board."""
        return True

    def set_level(self, level: int) -> bool:
        """Choose the level's mode; False if this board has none of that name or is busy."""
        name = self._modes[max(0, min(level, len(self._modes) - 1))]
        numbers = power_modes(self._root)
        if name not in numbers:
            return False
        self._remember()
        return self.current() == name or self._select(numbers[name])

    def current(self) -> str | None:
        """The mode that the board is in, by name."""
        return current_mode(self._root)

    def close(self) -> None:
        """Put the former mode back."""
        numbers = power_modes(self._root)
        if self._before in numbers and self._before != self.current():
            self._select(numbers[self._before])
        (self._root / NOTE).unlink(missing_ok=True)
        self._before = None

    def _remember(self) -> None:
        if self._before is not None:
            return
        note = self._root / NOTE
        # A note from a run that was killed outranks what holds now: that is its mode.
        self._before = read_text(note) or self.current() or ""
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(self._before)
        except OSError:
            return  # no /run: a kill then leaves the mode until the next start


def power_modes(root: Path) -> dict[str, int]:
    """Number by name, as this board's own file has it; empty on a board without."""
    try:
        with (root / CONFIGURATION).open("rb") as file:
            text = file.read(CONFIGURATION_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return {}
    return {name: int(number) for number, name in _MODEL.findall(text)}


def current_mode(root: Path) -> str | None:
    """Name of the mode that is set, from `pmode:0002`, or None."""
    text = read_text(root / STATUS) or ""
    number = text.partition(":")[2].strip()
    if not number.isdigit():
        return None
    names = {number: name for name, number in power_modes(root).items()}
    return names.get(int(number))
