"""Every way in which the link refuses a frame: one enum, one count each.

A refusal says nothing that helps guessing: no expected value, no key id, only the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

from flight_sw.errors import DecodeError


@unique
class Refusal(Enum):
    """Why a frame was not let through; the value is the code reported in telemetry."""

    FRAMING = 1  # COBS or CLTU damage, or a frame without end
    LENGTH = 2
    VERSION = 3
    SPACECRAFT = 4
    CHANNEL = 5
    FECF = 6
    SPI = 7
    STATE = 8
    IV = 9  # the fixed part of the initialisation vector is another board's or direction's
    REPLAY = 10
    GAP = 11
    EXHAUSTED = 12
    MAC = 13
    COUNTER_NOT_STORED = 14
    COMMAND = 15  # an unknown control command
    FARM_LOCKOUT = 16
    FARM_RETRANSMIT = 17
    FARM_DUPLICATE = 18
    FARM_WAIT = 19
    SEGMENT = 20
    PACKET = 21
    APID = 22
    CONNECTION = 23  # more connections than the receiver has decoders for


class FrameRefused(DecodeError):
    """A frame, segment or packet that is not let through, with the one reason."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"frame refused: {reason.name}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refused:
    """What a receiver hands on in place of a telecommand or packet that it refused."""

    reason: Refusal


@dataclass(slots=True)
class RefusalCounts:
    """How often each reason occurred since start; counts stop at 2**32 - 1 as telemetry does."""

    _counts: dict[Refusal, int] = field(default_factory=lambda: dict.fromkeys(Refusal, 0))

    def add(self, reason: Refusal) -> Refused:
        """Count one refusal and give the value that reports it."""
        self._counts[reason] = min(self._counts[reason] + 1, 0xFFFF_FFFF)
        return Refused(reason)

    def __getitem__(self, reason: Refusal) -> int:
        return self._counts[reason]

    def as_mapping(self) -> Mapping[Refusal, int]:
        """A copy of all counts, zeros included."""
        return dict(self._counts)

    def total(self) -> int:
        """All refusals of any reason."""
        return sum(self._counts.values())
