"""FARM-1, the frame acceptance machine of CCSDS 232.1-B-2, and the CLCW that reports it.

Frames reach it already authenticated. Type-AD frames pass in unbroken order, Type-BD always; the
numbers of the events E1 to E10 are those of table 6-1. State is lost at a restart, as the standard
allows: the ground then sends Unlock or Set V(R).
"""

from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.errors import DecodeError
from flight_sw.space_link.refusal import Refusal

WINDOW = 200  # W, even, 2 to 254; half of it ahead, half behind (6.1.8)
CLCW_BYTES = 4
_COP_1 = 0b01


@unique
class FarmState(Enum):
    """The three states of table 6-1."""

    OPEN = 1
    WAIT = 2
    LOCKOUT = 3


@dataclass(frozen=True, slots=True)
class Clcw:
    """Communications link control word, CCSDS 232.0-B-4, 4.2.1; sent in telemetry frames.

    It is not authenticated: use it to retransmit, never to decide that a command was run.
    """

    channel: int
    lockout: bool
    wait: bool
    retransmit: bool
    farm_b: int
    report: int

    def pack(self) -> bytes:
        """The four bytes, with 'no RF available' and 'no bit lock' both clear."""
        flags = self.lockout << 5 | self.wait << 4 | self.retransmit << 3 | (self.farm_b & 3) << 1
        return bytes([_COP_1, self.channel << 2, flags, self.report])

    @classmethod
    def unpack(cls, data: bytes) -> "Clcw":
        """Decode four bytes; DecodeError unless they are a version-1 CLCW of COP-1."""
        if len(data) != CLCW_BYTES or data[0] & 0xE3 != _COP_1:
            raise DecodeError("not a CLCW of COP-1")
        flags = data[2]
        return cls(
            channel=data[1] >> 2,
            lockout=bool(flags & 0x20),
            wait=bool(flags & 0x10),
            retransmit=bool(flags & 0x08),
            farm_b=flags >> 1 & 3,
            report=data[3],
        )


class Farm:
    """Acceptance state of one virtual channel; each call is one event of table 6-1."""

    def __init__(self, channel: int = 0, window: int = WINDOW) -> None:
        if window % 2 or not 2 <= window <= 254:
            raise ValueError(f"a FARM window is even and 2 to 254, not {window}")
        self._channel = channel
        self._half = window // 2
        self._lockout = self._wait = self._retransmit = False
        self._farm_b = 0
        self._expected = 0

    @property
    def state(self) -> FarmState:
        """Lockout hides a wait that is still set, as in the table."""
        if self._lockout:
            return FarmState.LOCKOUT
        return FarmState.WAIT if self._wait else FarmState.OPEN

    @property
    def expected(self) -> int:
        """V(R): the sequence number that the next Type-AD frame must have."""
        return self._expected

    def clcw(self) -> Clcw:
        """What to report now (E11)."""
        return Clcw(
            self._channel,
            self._lockout,
            self._wait,
            self._retransmit,
            self._farm_b,
            self._expected,
        )

    def accept_ad(self, sequence: int, *, room: bool = True) -> Refusal | None:
        """E1 to E5: None if the frame passes; `room` says whether its user can take it."""
        ahead = (sequence - self._expected) % 256
        if self._lockout:
            return Refusal.FARM_LOCKOUT
        if ahead == 0:
            return self._in_order(room=room)
        if ahead < self._half:  # E3: frames between are missing
            self._retransmit = True
            return Refusal.FARM_RETRANSMIT
        if 256 - ahead <= self._half:  # E4: seen before
            return Refusal.FARM_DUPLICATE
        self._lockout = True  # E5
        return Refusal.FARM_LOCKOUT

    def accept_bd(self) -> None:
        """E6: a bypass frame passes in every state and is counted modulo 4."""
        self._farm_b = (self._farm_b + 1) & 3

    def unlock(self) -> None:
        """E7: the control command that leads out of every state."""
        self._farm_b = (self._farm_b + 1) & 3
        self._lockout = self._wait = self._retransmit = False

    def set_vr(self, value: int) -> None:
        """E8: the control command that sets V(R); in lockout it is only counted."""
        self._farm_b = (self._farm_b + 1) & 3
        if not self._lockout:
            self._wait = self._retransmit = False
            self._expected = value & 0xFF

    def room_again(self) -> None:
        """E10: the user of the frames can take more."""
        self._wait = False

    def _in_order(self, *, room: bool) -> Refusal | None:
        if self._wait or not room:  # E2; while waiting, E1 does not arise before E10
            self._wait = self._retransmit = True
            return Refusal.FARM_WAIT
        self._expected = (self._expected + 1) & 0xFF  # E1
        self._retransmit = False
        return None
