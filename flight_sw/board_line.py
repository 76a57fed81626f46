"""Who is on the board's line, and whether anybody can be: asked before a word of it is trusted.

Bytes that come for seconds and never make a frame are a wrong baud rate or a console on the line; a
boot loader's text is over sooner. A board of another type, or another one of the same type where one was
known before, is a cable in the wrong port: its models and its memory are not those that were proven.
"""

from dataclasses import dataclass

from flight_sw.board_link import messages as m

GARBLED_S = 5.0  # a boot loader's text takes less: 20 kB at 115200 baud take two seconds
GARBLED_BYTES = 64
STRANGE_MESSAGES = 3  # whole ones that we do not know, and none that we do
OTHER_SOFTWARE = "software of this board link"


@dataclass(slots=True)
class LineWatch:
    """Counts what no frame was made of since the last whole one."""

    garbled_bytes: int = 0
    _since_s: float | None = None
    _told: bool = False

    def see(self, received: int, now: float, *, whole: bool) -> bool:
        """Take note of bytes; true once, when they have made no frame for `GARBLED_S`."""
        if whole:
            self.garbled_bytes, self._since_s, self._told = 0, None, False
            return False
        if not received:
            return False
        self.garbled_bytes += received
        if self._since_s is None:
            self._since_s = now
        long = now - self._since_s >= GARBLED_S and self.garbled_bytes >= GARBLED_BYTES
        tell, self._told = long and not self._told, self._told or long
        return tell


class Acquaintance:
    """Knows the board by its type and, once it has spoken, by its serial number."""

    def __init__(self, board: str) -> None:
        self._board = board
        self._serial_number = ""
        self._strange = 0

    def speaks_otherwise(self, *, known: bool) -> bool:
        """Take note of a whole message; true once, when too many in a row are none of ours.

        Their frames are right, so it is no fault of the line: other software runs there.
        """
        self._strange = 0 if known else self._strange + 1
        return self._strange == STRANGE_MESSAGES

    def expected_instead(self, told: m.Identity) -> str:
        """What should answer where this one does; empty when it is the right one.

        Another unit is refused once: a ground that leads the payload out of SAFE after that has looked.
        """
        if told.board != self._board:
            return self._board
        known, self._serial_number = self._serial_number, told.serial_number
        if known and known != told.serial_number:
            self._serial_number = ""
            return f"serial number {known}"
        return ""
