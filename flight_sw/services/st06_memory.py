"""ST[06] memory: dump, check, scrub and repair of named regions, on the board and in the controller.

Shall: read, sum up (CRC-32C) and mend regions of the memory map by their names, within their bounds.
How verified: tests/flight_sw/services/test_st06_memory.py and tests/flight_sw/test_stack_services.py.
Off nominal: an unknown name or a range that leaves the region is refused before anything is read. The
board's regions need the board: BOARD_AWAY. Its answer follows "done" in a report of its own.
Not provided: raw addresses and memory load; nothing on the wire can form an address.
"""

from collections.abc import Mapping
from typing import Protocol

from flight_sw.board_link import messages as m
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.services.board_orders import BoardOrders
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.report import Report, report


class OwnMemory(Protocol):
    """The controller's own regions."""

    def lengths(self) -> Mapping[str, int]:
        """Bytes of each region by name."""
        ...

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of a region."""
        ...

    def checksum(self, name: str, offset: int, length: int) -> int:
        """CRC-32C of bytes of a region."""
        ...

    def mend(self, name: str) -> int:
        """Vote a region; bits put right."""
        ...


class MemoryService:
    """See the module text; `board` is the board's memory map, name to bytes."""

    def __init__(self, own: OwnMemory, orders: BoardOrders) -> None:
        self.board: dict[str, int] = {}
        self._own = own
        self._orders = orders

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[06]."""
        return {
            "dump-region": self._dump,
            "check-region": self._check,
            "scrub-region": lambda call: self._mend(call.text("region"), rebuild=False),
            "repair-region": lambda call: self._mend(call.text("region"), rebuild=True),
        }

    def on_message(self, message: m.Message) -> list[Report]:
        """What the node answers, as reports."""
        match message:
            case m.RegionData(name=name, offset=offset, data=data):
                return [report("region-dump", region=name, offset=offset, data=data)]
            case m.RegionChecked(name=name, offset=offset, length=length, crc=crc):
                return [_sum(name, offset, length, crc)]
            case m.RegionMended(name=name, pages=pages, hits=hits):
                return [report("region-mended", region=name, pages=pages, hits=hits)]
            case m.RegionRefused(name=name):
                code: Value = Reason.NO_SUCH_REGION.value
                return [report("region-refused", region=name, reason=code)]
            case _:
                return []

    def _dump(self, call: Call) -> Outcome:
        name, offset, length = call.text("region"), call.number("offset"), call.number("length")
        refused = self._refusal(name, offset, length)
        if refused is not None:
            return refused
        if name in self._own.lengths():
            data = self._own.read(name, offset, length)
            return [report("region-dump", region=name, offset=offset, data=data)]
        return self._orders.tell(m.ReadRegion(name, offset, length))

    def _check(self, call: Call) -> Outcome:
        name, offset, length = call.text("region"), call.number("offset"), call.number("length")
        length = length or max(0, self._lengths().get(name, 0) - offset)
        refused = self._refusal(name, offset, length)
        if refused is not None:
            return refused
        if name in self._own.lengths():
            return [_sum(name, offset, length, self._own.checksum(name, offset, length))]
        return self._orders.tell(m.CheckRegion(name, offset, length))

    def _mend(self, name: str, *, rebuild: bool) -> Outcome:
        if name in self._own.lengths():
            hits = self._own.mend(name)
            return [report("region-mended", region=name, pages=0, hits=hits)]
        if name not in self.board:
            return Reason.NO_SUCH_REGION
        return self._orders.tell(m.MendRegion(name, rebuild))

    def _refusal(self, name: str, offset: int, length: int) -> Reason | None:
        size = self._lengths().get(name)
        if size is None:
            return Reason.NO_SUCH_REGION
        return None if length > 0 and offset + length <= size else Reason.BAD_ARGUMENT

    def _lengths(self) -> dict[str, int]:
        return {**self.board, **self._own.lengths()}


def _sum(name: str, offset: int, length: int, crc: int) -> Report:
    return report("region-checksum", region=name, offset=offset, length=length, crc=crc)
