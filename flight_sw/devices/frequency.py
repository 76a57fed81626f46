"""The processor's clock limit: the actuator of the thermal governor.

The limit is written to cpufreq's `scaling_max_freq`, which needs no reboot and leaves the kernel
free to go lower. What was there before is restored at the end, also after a kill: it is noted in
/run, which a reboot clears just as a reboot clears the limit.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from flight_sw.devices.sysfs import list_directory, read_text, write_text

KHZ = 1000


class FrequencyControl(Protocol):
    """Chooses among the profile's clock levels, slowest first."""

    def adopt(self, pid: int) -> bool:
        """Take note of a process that does the work; False if the board refused."""
        ...

    def set_level(self, level: int) -> bool:
        """Limit the clock to a level (an index, clamped); False if the board refused."""
        ...

    def close(self) -> None:
        """Put the board's own limit back."""
        ...


class CpufreqControl:
    """All cpufreq policies of a board, limited alike."""

    def __init__(self, root: Path, levels_mhz: Sequence[int]) -> None:
        self._root = root
        self._levels_mhz = tuple(levels_mhz)
        self._note = root / "run/vanallen/frequency_before"
        self._before: dict[Path, str] = {}

    def adopt(self, pid: int) -> bool:  # noqa: ARG002 the protocol's argument
        """Nothing to do: the clock is everyone's."""
        return True

    def set_level(self, level: int) -> bool:
        """Write the level's frequency to every policy; True if all took it."""
        index = max(0, min(level, len(self._levels_mhz) - 1))
        files = self._files()
        if not files:
            return False
        self._remember(files)
        text = f"{self._levels_mhz[index] * KHZ}\n"
        taken = [write_text(file, text) for file in files]
        return all(taken)

    def close(self) -> None:
        """Restore each policy's former limit."""
        for file, text in self._before.items():
            write_text(file, f"{text}\n")
        self._before = {}
        self._note.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        cpu = self._root / "sys/devices/system/cpu"
        policies = list_directory(cpu, "cpufreq/policy*/scaling_max_freq")
        return policies or list_directory(cpu, "cpu*/cpufreq/scaling_max_freq")

    def _remember(self, files: list[Path]) -> None:
        if self._before:
            return
        # A note from a run that was killed outranks what stands there now: that is its limit.
        lines = (read_text(self._note) or "").splitlines()
        kept = dict(line.split("=", 1) for line in lines if "=" in line)
        self._before = {file: kept.get(str(file)) or read_text(file) or "" for file in files}
        note = "".join(f"{file}={text}\n" for file, text in self._before.items())
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._note.write_text(note)
        except OSError:
            return  # no /run: a kill then leaves the limit until the next start


class NoFrequencyControl:
    """A board whose clock cannot be changed."""

    def adopt(self, pid: int) -> bool:  # noqa: ARG002 the protocol's argument
        """Nothing to do."""
        return True

    def set_level(self, level: int) -> bool:  # noqa: ARG002 the protocol's argument
        """Change nothing and say so."""
        return False

    def close(self) -> None:
        """Nothing to restore."""
