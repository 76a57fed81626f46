"""A reliable, ordered message channel over damaged frames, with a way to notice that the peer restarted.

Each end has a session number. Messages are cut into segments; segments are numbered, acknowledged
together and sent again from the first missing one (go-back-N). Numbers belong to a pair of sessions, and
both start at 0 with it: only a HELLO makes a pair, no pair comes twice, and whatever names another pair
is answered with a HELLO and dropped. So a frame that comes late, twice, out of order or back as an echo
can cost a new start, but never lets both ends count differently. Notes (heartbeats) are not numbered:
the newest counts, a lost one does not matter.
"""

import struct
from collections import deque
from dataclasses import dataclass
from enum import Enum, IntEnum, unique

from flight_sw.board_link.framing import Deframer, frame

SEGMENT_BYTES = 1024
WINDOW_SEGMENTS = 8
QUEUE_BYTES_MAX = 4 * 1024 * 1024
MESSAGE_BYTES_MAX = 1024 * 1024
HELLO_PERIOD_S = 0.25
# A timeout must outlast a full window on the line, both ends' reaction, and a busy computer.
REACTION_S = 0.25
BITS_PER_BYTE = 10  # start and stop bit

_HEADER = struct.Struct(">BIIIIB")  # kind, own session, peer session, sequence, acknowledged, last
_NOBODY = 0


@unique
class Kind(IntEnum):
    """What a frame on the board link carries."""

    HELLO = 1
    DATA = 2
    ACK = 3
    NOTE = 4


@unique
class Signal(Enum):
    """What the channel itself has to say, in its place among the messages."""

    PEER_RESTARTED = 1


@dataclass(frozen=True, slots=True)
class _Segment:
    data: bytes
    last: bool


class Channel:
    """One end of the board link.

    Args:
        session: a number unlike that of the former run (drawn at random by the caller), not 0.
        baud: line rate in bit/s, from which timeouts follow.
    """

    def __init__(self, session: int, baud: int) -> None:
        self.resends = 0
        self._session = session & 0xFFFFFFFF or 1
        self._peer = _NOBODY
        self._agreed = False
        self._deframer = Deframer()
        window_bits = WINDOW_SEGMENTS * SEGMENT_BYTES * BITS_PER_BYTE
        self._timeout_s = REACTION_S + 3 * window_bits / baud
        self._hello_due_s = float("-inf")
        self._say_hello = False
        self._note: bytes | None = None
        self._queue: deque[_Segment] = deque()
        self._partial = bytearray()
        self._oversized = False
        self._queued_bytes = self._first = self._sent = self._expected = 0
        self._acknowledge = False
        self._resend_at_s = float("inf")

    @property
    def damaged(self) -> int:
        """Frames that arrived broken."""
        return self._deframer.damaged

    @property
    def whole(self) -> int:
        """Frames that arrived as they were sent."""
        return self._deframer.whole

    @property
    def connected(self) -> bool:
        """Whether the peer and we have named each other."""
        return self._agreed

    def send(self, message: bytes) -> bool:
        """Queue a message; False when the queue is full (the caller tries later or gives up)."""
        if len(message) > MESSAGE_BYTES_MAX:
            raise ValueError(f"message of {len(message)} bytes, at most {MESSAGE_BYTES_MAX}")
        if self._queued_bytes + len(message) > QUEUE_BYTES_MAX:
            return False
        pieces = [message[i : i + SEGMENT_BYTES] for i in range(0, len(message), SEGMENT_BYTES)]
        pieces = pieces or [b""]
        self._queue.extend(_Segment(p, i == len(pieces) - 1) for i, p in enumerate(pieces))
        self._queued_bytes += len(message)
        return True

    def send_note(self, message: bytes) -> None:
        """Send at once, unacknowledged; replaces a note that has not left yet."""
        self._note = message

    def port_reopened(self) -> None:
        """The line was cut: drop half a frame, and say hello so that both ends agree again."""
        self._deframer.reset()
        self._say_hello = True

    def receive(self, data: bytes, now: float) -> list[bytes | Signal]:
        """Messages and notes completed by these bytes, in order."""
        received: list[bytes | Signal] = []
        for payload in self._deframer.feed(data):
            if len(payload) < _HEADER.size:
                continue
            received += self._take(payload, now)
        return received

    def transmit(self, now: float, room: int) -> bytes:
        """Frames to write now, at most about `room` bytes."""
        out = []
        if not self.connected or self._say_hello:
            out += self._hello(now)
        if self._note is not None:
            out.append(self._pack(Kind.NOTE, data=self._note))
            self._note = None
        sent = sum(map(len, out))
        for piece in self._data(now, room - sent):
            out.append(piece)
            self._acknowledge = False
        if self._acknowledge:
            out.append(self._pack(Kind.ACK))
            self._acknowledge = False
        return b"".join(out)

    def wake_at(self, now: float) -> float:
        """When `transmit` next has something to do without new input."""
        if self._acknowledge or self._note is not None:
            return now
        if not self.connected or self._say_hello:
            return max(now, self._hello_due_s)
        if not self._queue:
            return float("inf")
        return now if self._sent < min(len(self._queue), WINDOW_SEGMENTS) else self._resend_at_s

    def _hello(self, now: float) -> list[bytes]:
        if now < self._hello_due_s:
            return []
        self._hello_due_s = now + HELLO_PERIOD_S
        self._say_hello = False
        return [self._pack(Kind.HELLO)]

    def _data(self, now: float, room: int) -> list[bytes]:
        if not self.connected or not self._queue:
            return []
        if self._sent and now >= self._resend_at_s:
            self.resends += 1
            self._sent = 0
        out = []
        while self._sent < min(len(self._queue), WINDOW_SEGMENTS) and room > SEGMENT_BYTES:
            segment = self._queue[self._sent]
            out.append(
                self._pack(Kind.DATA, self._first + self._sent, segment.data, last=segment.last)
            )
            room -= len(out[-1])
            self._sent += 1
            self._resend_at_s = now + self._timeout_s
        return out

    def _pack(
        self, kind: Kind, sequence: int = 0, data: bytes = b"", *, last: bool = True
    ) -> bytes:
        header = _HEADER.pack(
            kind,
            self._session,
            self._peer,
            sequence & 0xFFFFFFFF,
            self._expected & 0xFFFFFFFF,
            last,
        )
        return frame(header + data)

    def _take(self, payload: bytes, now: float) -> list[bytes | Signal]:
        kind, session, peer, sequence, acknowledged, last = _HEADER.unpack_from(payload)
        if session == self._session:
            return []  # an echo
        if kind == Kind.HELLO:
            return self._greeted(session, peer)
        if (session, peer) != (self._peer, self._session):
            self._say_hello = True  # they talk to our former self, or are themselves a former one
            return []
        self._agreed = True
        self._acknowledged(acknowledged, now)
        body = payload[_HEADER.size :]
        if kind == Kind.NOTE:
            return [body]
        if kind != Kind.DATA:
            return []
        self._acknowledge = True
        message = self._assemble(sequence, body, last=bool(last))
        return [] if message is None else [message]

    def _greeted(self, session: int, peer: int) -> list[bytes | Signal]:
        """The peer says who it is, and whom it knows us as.

        Until the peer has named our pair nothing was numbered in it, so it may be left without a trace;
        a pair that was agreed is left for good, by a new session of ours.
        """
        knows_us, was_agreed = peer == self._session, self._agreed
        if session == self._peer and knows_us:
            self._agreed = self._acknowledge = True  # our own HELLO may be the one that was lost
            return []
        if session == self._peer and (peer == _NOBODY or not was_agreed):
            self._say_hello = True  # it has not heard us yet
            return []
        if was_agreed:
            self._session = (self._session + 1) & 0xFFFFFFFF or 1
        self._peer, self._agreed = session, knows_us and not was_agreed
        self._reset_receiving()
        self._say_hello, self._hello_due_s = True, float("-inf")
        if not was_agreed:
            return []
        self._reset_sending()
        return [Signal.PEER_RESTARTED]

    def _acknowledged(self, expected: int, now: float) -> None:
        count = (expected - self._first) & 0xFFFFFFFF
        if count == 0 or count > self._sent:
            return
        for _ in range(count):
            self._queued_bytes -= len(self._queue.popleft().data)
        self._first = expected
        self._sent -= count
        self._resend_at_s = now + self._timeout_s

    def _assemble(self, sequence: int, body: bytes, *, last: bool) -> bytes | None:
        if sequence != self._expected:
            return None
        self._expected = (self._expected + 1) & 0xFFFFFFFF
        self._partial += body
        if len(self._partial) > MESSAGE_BYTES_MAX:
            self._partial.clear()
            self._oversized = True
        if not last:
            return None
        message = None if self._oversized else bytes(self._partial)
        self._partial, self._oversized = bytearray(), False
        return message

    def _reset_sending(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0
        self._first = 0
        self._sent = 0
        self._resend_at_s = float("inf")

    def _reset_receiving(self) -> None:
        self._expected = 0
        self._partial = bytearray()
        self._oversized = False
        self._acknowledge = False
