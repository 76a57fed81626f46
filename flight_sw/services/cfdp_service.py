"""ST[23] with CFDP: whole files between the payload's slots and the ground, in both directions.

Shall: send a slot's file on request; take a file for an empty slot; stand still while nobody is
    connected; leave the line to housekeeping and commanding first.
How verified: tests/flight_sw/test_file_transfer.py, through both links in virtual time.
Off nominal: a transfer that ends otherwise than delivered raises `transfer-failed` with one word. After
    a restart, files on their way down are sent again under their numbers; those on their way up are
    asked for again by what the ground repeats.
Not provided: names and paths; a file travels as `slot-NN`, and the ground knows what it is.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from flight_sw.dictionary.reason import Reason
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.cfdp import NUMBERS, FileTransfer
from flight_sw.services.cfdp_handlers import TransferSettings
from flight_sw.services.cfdp_transfer import Outcome as Ending
from flight_sw.services.cfdp_transfer import TransferEnd
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening

GROUND_ENTITY = 1
FIRST_PAYLOAD_ENTITY = 0x1000  # payload entities are this and up, by spacecraft id
NUMBERS_PER_BOOT = 1 << 16  # a number is not used again before 65,536 boots


class Slots(Protocol):
    """Where files are kept."""

    def content_of(self, number: int) -> bytes | None:
        """The verified file in a slot, None if there is none or no such slot."""
        ...

    def room_for(self, number: int, size: int) -> Reason | None:
        """Why a slot does not take a file of this size now, or None."""
        ...

    def put(self, number: int, content: bytes) -> Reason | None:
        """Fill an empty slot."""
        ...


def payload_entity(spacecraft: int) -> int:
    """The CFDP entity of a payload."""
    return FIRST_PAYLOAD_ENTITY + spacecraft


class TransferService:
    """Telecommands, units and events of file transfer.

    Args:
        boots: of the controller, so that transaction numbers differ from boot to boot.
    """

    def __init__(self, slots: Slots, spacecraft: int, boots: int) -> None:
        settings = TransferSettings(payload_entity(spacecraft), GROUND_ENTITY)
        self._slots = slots
        first = boots * NUMBERS_PER_BOOT
        self._transfers = FileTransfer(settings, first, self._accepts)
        self._events: list[Happening] = []
        self.revision = 0
        self._going_down: dict[int, int] = {}

    def image(self) -> bytes:
        """Which slots are on their way down, by number."""
        return msgspec.msgpack.encode(self._going_down)

    def restore(self, image: bytes) -> None:
        """Send those again, under their numbers."""
        for number, slot in read_image(image, dict[int, int]).items():
            content = self._slots.content_of(slot)
            if content is not None and 0 <= number < NUMBERS:
                self._transfers.send(slot, content, number)
        self._look_down()

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands."""
        return {
            "send-file": self._send,
            "cancel-transfer": self._cancel,
            "report-transfers": self._report,
        }

    @property
    def under_way(self) -> int:
        """Transfers that are not closed."""
        return self._transfers.under_way

    def receive(self, unit: bytes) -> None:
        """One unit from the ground."""
        self._transfers.receive(unit)

    def step(self, now: float, *, linked: bool) -> None:
        """Let time pass, take what is complete, and stand still while nobody is there."""
        if linked:
            self._transfers.resume()
        else:
            self._transfers.suspend()
        self._transfers.step(now)
        for end in self._transfers.ended():
            self._finish(end)
        self._look_down()

    def units(self, count: int) -> list[bytes]:
        """At most this many units for the ground."""
        return self._transfers.take(count)

    def take_events(self) -> list[Happening]:
        """What ended since the last call."""
        events, self._events = self._events, []
        return events

    def wake_at(self, now: float) -> float:
        """When there is something to send."""
        return self._transfers.wake_at(now)

    def _look_down(self) -> None:
        listed = self._transfers.listed()
        going_down = {number: slot for number, slot, receiving in listed if not receiving}
        if going_down != self._going_down:
            self._going_down = going_down
            self.revision += 1

    def _accepts(self, slot: int, size: int) -> bool:
        return self._slots.room_for(slot, size) is None

    def _finish(self, end: TransferEnd) -> None:
        why = end.outcome.name
        if end.content is not None:
            refused = self._slots.put(end.slot, end.content)
            if refused is None:
                return  # the slot itself tells
            why = refused.name
        elif end.outcome is Ending.DELIVERED:
            self._events.append(happening("file-sent", slot=end.slot, transfer=end.number))
            return
        event = happening("transfer-failed", slot=end.slot, transfer=end.number, why=why)
        self._events.append(event)

    def _send(self, call: Call) -> Outcome:
        slot = call.number("slot")
        content = self._slots.content_of(slot)
        if content is None:
            return Reason.NO_SUCH_ENTRY
        number = self._transfers.send(slot, content)
        return Reason.BUSY if number is None else [self._state(number, slot, receiving=False)]

    def _cancel(self, call: Call) -> Outcome:
        number = call.number("transfer")
        found = [self._transfers.cancel(number, receiving=way) for way in (False, True)]
        return None if any(found) else Reason.NO_SUCH_ENTRY

    def _report(self, _: Call) -> Outcome:
        return [self._state(*transfer[:2], receiving=transfer[2]) for transfer in self._listed()]

    def _listed(self) -> list[tuple[int, int, bool]]:
        return self._transfers.listed()

    def _state(self, number: int, slot: int, *, receiving: bool) -> Report:
        so_far, size = self._transfers.progress(number, receiving=receiving) or (0, 0)
        direction = "UP" if receiving else "DOWN"
        return report(
            "transfer-state",
            transfer=number,
            slot=slot,
            direction=direction,
            progress=so_far,
            size=size,
        )
