"""ST[13] large packets: telecommands and reports that no single packet can hold.

Shall: put a telecommand of up to 4 MiB together from parts in order and carry it out as the last part's
own outcome; send a report that is larger than a packet in parts, in the place of the whole.
How verified: tests/flight_sw/services/test_st13_large.py (property over sizes, losses and repeats).
Off nominal: two transfers at once, 4 MiB in all, else BUSY or TOO_LARGE. A part that comes twice is done
again without effect; one that is missing is answered OUT_OF_ORDER and may be sent again. A transfer
that rests for PAUSE_S is dropped with the event `transfer-dropped`. A large packet inside a large
packet is NOT_ALLOWED (attack A30).
Not provided: transfers over a restart; use a file slot (ST[23]).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.storage_commands import LARGE_BYTES_MAX
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening
from flight_sw.space_link.packet import TM_DATA_BYTES_MAX

TRANSFERS_MAX = 2
PAUSE_S = 60.0
LARGE_SERVICE = 13
PART_BYTES = 32_768  # of a report; half a packet, so that other telemetry is not held up for long

Dispatch = Callable[[int, int, bytes, Call], Outcome]


@dataclass(slots=True)
class _Transfer:
    size: int
    heard_s: float
    next_part: int = 1
    data: bytearray = field(default_factory=bytearray)


class LargePacketService:
    """The uplink side.

    Args:
        dispatch: carries out service, subtype and data field of a telecommand that is complete.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._transfers: dict[int, _Transfer] = {}
        self._events: list[Happening] = []

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[13]."""
        return {"first-part": self._first, "middle-part": self._middle, "last-part": self._last}

    def step(self, now: float) -> None:
        """Drop transfers that rest for too long."""
        for number, transfer in list(self._transfers.items()):
            if now - transfer.heard_s > PAUSE_S:
                self._drop(number, "no part for too long")

    def wake_at(self) -> float:
        """When a transfer may have rested for too long."""
        heard = [transfer.heard_s for transfer in self._transfers.values()]
        return min(heard, default=float("inf")) + PAUSE_S

    def take_events(self) -> list[Happening]:
        """Transfers dropped since the last call."""
        events, self._events = self._events, []
        return events

    def _first(self, call: Call) -> Outcome:
        number, size = call.number("transaction"), call.number("size")
        known = self._transfers.get(number)
        if known is not None and known.next_part > 1:
            return Reason.ALREADY_EXISTS
        others = [t for n, t in self._transfers.items() if n != number]
        if len(others) >= TRANSFERS_MAX:
            return Reason.BUSY
        if sum(t.size for t in others) + size > LARGE_BYTES_MAX or len(call.data("data")) > size:
            return Reason.TOO_LARGE
        transfer = _Transfer(size, call.now)
        transfer.data += call.data("data")
        self._transfers[number] = transfer
        return None

    def _middle(self, call: Call) -> Outcome:
        return self._go_on(call)

    def _last(self, call: Call) -> Outcome:
        refused = self._go_on(call)
        if refused is not None:
            return refused
        transfer = self._transfers.pop(call.number("transaction"))
        if len(transfer.data) != transfer.size:
            return Reason.INCOMPLETE
        service, subtype = transfer.data[:2]
        if service == LARGE_SERVICE:
            return Reason.NOT_ALLOWED
        return self._dispatch(service, subtype, bytes(transfer.data[2:]), call)

    def _go_on(self, call: Call) -> Reason | None:
        number, part = call.number("transaction"), call.number("part")
        transfer = self._transfers.get(number)
        if transfer is None:
            return Reason.NO_SUCH_ENTRY
        transfer.heard_s = call.now
        if part != transfer.next_part:
            return None if 0 < part < transfer.next_part else Reason.OUT_OF_ORDER
        if len(transfer.data) + len(call.data("data")) > transfer.size:
            self._drop(number, "larger than announced")
            return Reason.TOO_LARGE
        transfer.data += call.data("data")
        transfer.next_part += 1
        return None

    def _drop(self, number: int, why: str) -> None:
        del self._transfers[number]
        self._events.append(happening("transfer-dropped", transaction=number, why=why))


def in_parts(item: Report, transaction: int) -> list[Report]:
    """The report itself, or its parts if no packet holds it: (13,1) to (13,3).

    Put together, the parts are service, subtype and data of the report.
    """
    if len(item.data) <= TM_DATA_BYTES_MAX:
        return [item]
    whole = bytes([item.service, item.subtype]) + item.data
    pieces = [whole[i : i + PART_BYTES] for i in range(0, len(whole), PART_BYTES)]
    size = len(whole)
    parts = [
        report("large-first", item.channel, transaction=transaction, size=size, data=pieces[0])
    ]
    for part, piece in enumerate(pieces[1:], 1):
        name = "large-last" if part == len(pieces) - 1 else "large-middle"
        parts.append(report(name, item.channel, transaction=transaction, part=part, data=piece))
    return parts
