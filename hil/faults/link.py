"""What a link can do to bytes at its worst: independent knobs for one link, both ways alike.

Pure but for its stream of chance: the caller moves bytes and turns knobs, in virtual time or real. A
chunk is what one write handed over, mostly one frame or a few. What a *cable* does to single bytes is in
`line`; this adds what adapters, drivers and wrong settings do.
"""

from collections import deque
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from hil.faults.line import LineNoise, Rate, pass_through

HELD_BYTES_MAX = 65_536  # on the way in one direction; a write takes no more than fits
BURST_BYTES = 16
UART_BITS = 10  # start, eight data, stop
Speed = Annotated[float, msgspec.Meta(gt=0, le=16)]


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """State of a link.

    Args:
        duplicate_rate: chance of each chunk to arrive twice.
        burst_rate: chance of each chunk to have BURST_BYTES of it replaced by noise.
        reorder_rate: chance of each chunk to arrive behind the next one.
        read_bytes: at most so many bytes at a time arrive; None for no limit.
        stalled: nothing arrives; what was sent comes when that ends.
        hung_up: the line is gone, and with it all that was on the way.
        echo: whoever sends hears itself too.
        speed: baud rate of the receiver over the sender's; 1 is right.
        blocked: a write takes nothing.
    """

    bit_error_rate: Rate = 0.0
    drop_rate: Rate = 0.0
    duplicate_rate: Rate = 0.0
    burst_rate: Rate = 0.0
    reorder_rate: Rate = 0.0
    read_bytes: int | None = None
    stalled: bool = False
    hung_up: bool = False
    echo: bool = False
    speed: Speed = 1.0
    blocked: bool = False

    @property
    def noise(self) -> LineNoise:
        """The part of it that the cable does."""
        return LineNoise(self.bit_error_rate, self.drop_rate)


QUIET = LinkFaults()


class FaultyLink:
    """A link between a near and a far end; `faults` may be changed at any time.

    `landed` counts how often a fault made a difference: without one, nothing was tested.
    """

    def __init__(self, chance: np.random.Generator) -> None:
        out, back = chance.spawn(2)
        self.faults = QUIET
        self._refused = 0
        self._to_far, self._to_near = _Way(out), _Way(back)

    def send_far(self, data: bytes) -> int:
        """The near end writes; how many bytes the line took."""
        return self._send(data, self._to_far, self._to_near)

    def send_near(self, data: bytes) -> int:
        """The far end writes."""
        return self._send(data, self._to_near, self._to_far)

    def at_far(self) -> list[bytes]:
        """What one read after the other gives at the far end now."""
        return self._to_far.arrived(self.faults)

    def at_near(self) -> list[bytes]:
        """What one read after the other gives at the near end now."""
        return self._to_near.arrived(self.faults)

    @property
    def landed(self) -> int:
        """See the class."""
        return self._refused + self._to_far.landed + self._to_near.landed

    @property
    def room(self) -> int:
        """What a write would take now, the fuller way counted."""
        return 0 if self.faults.blocked else min(self._to_far.room, self._to_near.room)

    def _send(self, data: bytes, way: "_Way", back: "_Way") -> int:
        if not data:
            return 0
        self._refused += self.faults.hung_up or self.faults.blocked or self.faults.echo
        if self.faults.hung_up:
            return len(data)  # into nowhere, as a driver does that has not noticed yet
        if self.faults.blocked:
            return 0
        taken = way.put(data)
        if self.faults.echo:
            back.put(data[:taken])
        return taken


class _Way:
    """One direction."""

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._chunks: deque[bytes] = deque()
        self._late: bytes | None = None
        self._held_bytes = 0
        self.landed = 0

    @property
    def room(self) -> int:
        return HELD_BYTES_MAX - self._held_bytes

    def put(self, data: bytes) -> int:
        taken = data[: self.room]
        if taken:
            self._chunks.append(taken)
            self._held_bytes += len(taken)
        return len(taken)

    def arrived(self, faults: LinkFaults) -> list[bytes]:
        if faults.hung_up:
            self._clear()
        if faults.stalled or faults.hung_up:
            self.landed += faults.stalled and bool(self._chunks)
            return []
        before = b"".join(self._chunks)
        data = b"".join(self._disturbed(chunk, faults) for chunk in self._in_order(faults))
        step = faults.read_bytes or max(len(data), 1)
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        self.landed += data != before or len(pieces) > 1
        return pieces

    def _clear(self) -> None:
        self._chunks.clear()
        self._late, self._held_bytes = None, 0

    def _in_order(self, faults: LinkFaults) -> list[bytes]:
        """The chunks as they come out, some of them twice; one may stay behind for the next."""
        ordered: list[bytes] = []
        for chunk in self._chunks:
            if self._late is None and self._happens(faults.reorder_rate):
                self._late = chunk
                continue
            ordered += [chunk] * (2 if self._happens(faults.duplicate_rate) else 1)
            if self._late is not None:
                ordered.append(self._late)
                self._late = None
        if self._late is not None and not faults.reorder_rate:
            ordered.insert(0, self._late)
            self._late = None
        self._chunks.clear()
        self._held_bytes = len(self._late or b"")
        return ordered

    def _disturbed(self, chunk: bytes, faults: LinkFaults) -> bytes:
        if self._happens(faults.burst_rate):
            at = int(self._chance.integers(len(chunk)))
            hit = len(chunk[at : at + BURST_BYTES])
            chunk = chunk[:at] + self._chance.bytes(hit) + chunk[at + hit :]
        if faults.speed != 1.0:
            chunk = at_another_rate(chunk, faults.speed)
        return pass_through(chunk, faults.noise, self._chance)

    def _happens(self, rate: float) -> bool:
        return bool(rate) and float(self._chance.random()) < rate


def at_another_rate(data: bytes, speed: float) -> bytes:
    """What a UART reads that samples `speed` times as fast as the sender shifts out."""
    line = [1]
    for byte in data:
        line += [0, *((byte >> bit) & 1 for bit in range(8)), 1]
    line += [1] * UART_BITS
    heard = bytearray()
    at, period = 0.0, 1.0 / speed
    while at < len(line) - UART_BITS * period:
        if line[int(at)]:
            at = int(at) + 1.0
            continue
        samples = [line[int(at + (bit + 1.5) * period)] for bit in range(8)]
        heard.append(sum(value << bit for bit, value in enumerate(samples)))
        at += (UART_BITS - 0.5) * period
    return bytes(heard)
