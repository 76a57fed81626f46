"""One direction of a serial line: bytes take their time, ten bits each.

A pty passes any number of bytes at once and ignores the baud rate, so the pace is kept here. Pure:
the caller brings the time.
"""

import numpy as np

from hil.faults.line import LineNoise, pass_through

BITS_PER_BYTE = 10  # start, eight data, stop
QUEUE_BYTES = 4096  # what a sender may be ahead; more stays with the sender


class Wire:
    """Bytes go in with `send` and come out with `arrived` when their last bit has passed."""

    def __init__(self, baud: int, chance: np.random.Generator) -> None:
        self._byte_s = BITS_PER_BYTE / baud
        self._chance = chance
        self._queue = bytearray()
        self._busy_until_s = 0.0  # end of the last byte that came out
        self.noise = LineNoise()
        self.carried_bytes = 0
        self.harmed_bytes = 0  # changed or lost by noise, as far as it shows

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return QUEUE_BYTES - len(self._queue)

    @property
    def idle(self) -> bool:
        """True when nothing is on the way."""
        return not self._queue

    def send(self, data: bytes, now_s: float) -> None:
        """Put bytes on the line, at most `room`.

        Raises:
            ValueError: there is no room for that many.
        """
        if len(data) > self.room:
            raise ValueError(f"{len(data)} bytes for a line with room for {self.room}")
        if not self._queue:
            self._busy_until_s = max(self._busy_until_s, now_s)
        self._queue += data

    def arrived(self, now_s: float) -> bytes:
        """Return what has come through by now, as the line left it."""
        # A hair more than exact, or a byte due right now would wait for the next look.
        count = min(len(self._queue), int((now_s - self._busy_until_s) / self._byte_s + 1e-6))
        if count <= 0:
            return b""
        data = bytes(self._queue[:count])
        del self._queue[:count]
        self._busy_until_s += count * self._byte_s
        self.carried_bytes += count
        passed = pass_through(data, self.noise, self._chance)
        self.harmed_bytes += _harmed(data, passed)
        return passed

    def empty_at_s(self) -> float | None:
        """Return when the last byte on the way arrives, or None if there is none."""
        return self._busy_until_s + len(self._queue) * self._byte_s if self._queue else None

    def clear(self) -> None:
        """Lose what is on the way, as a power cut does."""
        self._queue.clear()


def _harmed(sent: bytes, passed: bytes) -> int:
    """At least so many bytes did not come through as they were; where some are lost, those alone."""
    if sent == passed:
        return 0
    lost = len(sent) - len(passed)
    return lost or sum(one != other for one, other in zip(sent, passed, strict=True))
