"""One CFDP transfer as the router keeps it, how it may end, and what is counted."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, unique

from spacepackets.cfdp import ConditionCode

from flight_sw.services.cfdp_handlers import Receiver, Sender
from flight_sw.services.cfdp_pdu import Pdu

Key = tuple[int, int]  # source entity and transaction number


@unique
class Outcome(Enum):
    """How a transfer ended; the value is the code in telemetry."""

    DELIVERED = 0
    REFUSED = 1  # no such slot, too large, or not now
    CANCELLED = 2
    CHECKSUM = 3
    SILENCE = 4
    FAULT = 5


@dataclass(frozen=True, slots=True)
class TransferEnd:
    """A transfer that is over; `content` is the file if it was received and delivered."""

    number: int
    slot: int
    receiving: bool
    outcome: Outcome
    content: bytes | None = None


@dataclass(slots=True)
class TransferCounts:
    """What the router did not pass on, and what is over, since start."""

    damaged: int = 0
    foreign: int = 0
    repeated: int = 0
    crowded: int = 0
    delivered: int = 0
    failed: int = 0


@dataclass(slots=True)
class Transfer:
    """One transfer under way; `told` once its end has been reported, `slot` 0 until it is known."""

    key: Key
    slot: int
    handler: Sender | Receiver
    heard_s: float
    inbox: deque[Pdu] = field(default_factory=deque)
    metadata_seen: bool = False
    eof_seen: bool = False
    told: bool = False


def is_busy(transfer: Transfer) -> bool:
    """Whether there is something to send without waiting for a timer."""
    handler = transfer.handler
    if handler.packets_ready or transfer.inbox:
        return True
    return isinstance(handler, Sender) and handler.sends_file


def outcome_of(code: ConditionCode) -> Outcome:
    """The one word for a CFDP condition code (table 5-5)."""
    return {
        ConditionCode.NO_ERROR: Outcome.DELIVERED,
        ConditionCode.FILESTORE_REJECTION: Outcome.REFUSED,
        ConditionCode.CANCEL_REQUEST_RECEIVED: Outcome.CANCELLED,
        ConditionCode.FILE_CHECKSUM_FAILURE: Outcome.CHECKSUM,
    }.get(code, Outcome.FAULT)
