"""Memory errors that a board's own controller counts, and limits that its firmware sets: what is new.

The counts are the kernel's EDAC counters (admin-guide/RAS), the bits those of a Raspberry Pi's firmware
(documentation, os/graphics-utilities). Both are symptoms: an uncorrected error may be in a page that no
scrubber of ours reads, and a supply that falls below 4.63 V explains a board that resets itself.
"""

from flight_sw.board_link.health import BoardHealth
from flight_sw.services.st05_events import Happening, happening

SINCE_BOOT_SHIFT = 16
LIMITS = ("supply below 4.63 V", "clock capped", "throttled", "soft temperature limit")


class HealthTeller:
    """The node's side: tells a reading that is unlike the last one."""

    def __init__(self) -> None:
        self._told = BoardHealth()

    def news(self, read: BoardHealth | None) -> BoardHealth | None:
        """What the controller should hear of a reading; nothing of one that says the same again."""
        if read is None or read == self._told:
            return None
        self._told = read
        return read

    def introduce(self) -> BoardHealth | None:
        """For a controller that knows nothing; nothing where there is nothing to tell."""
        return None if self._told == BoardHealth() else self._told


class HealthWatch:
    """The controller's side: each error and each limit is an event once in a session of the board."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The board restarted: its counts begin anew."""
        self._corrected = self._uncorrected = self._limits = 0

    def hear(self, told: BoardHealth) -> list[Happening]:
        """The events that a message makes."""
        corrected, uncorrected = told.corrected or 0, told.uncorrected or 0
        found = []
        if corrected > self._corrected or uncorrected > self._uncorrected:
            found.append(happening("memory-errors", corrected=corrected, uncorrected=uncorrected))
        self._corrected, self._uncorrected = corrected, uncorrected
        now = told.limits or 0
        seen = (now | now >> SINCE_BOOT_SHIFT) & (1 << len(LIMITS)) - 1
        fresh, self._limits = seen & ~self._limits, self._limits | seen
        if fresh:
            words = [text for bit, text in enumerate(LIMITS) if fresh >> bit & 1]
            found.append(happening("firmware-limits", why=", ".join(words)))
        return found
