"""ST[23] with CFDP: telecommands, events and the record, between the payload's slots and a ground."""

import msgspec
import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.services.cfdp import SENDING_MAX, FileTransfer
from flight_sw.services.cfdp_handlers import TransferSettings
from flight_sw.services.cfdp_service import GROUND_ENTITY, TransferService, payload_entity
from flight_sw.services.cfdp_transfer import Outcome
from flight_sw.services.st23_files import FileService

SPACECRAFT = 7
STEP_S = 0.1
STEPS = 200
CONTENT = bytes(range(256)) * 40


class Link:
    """A payload's files and transfers, and a ground that sends and receives them."""

    def __init__(self) -> None:
        self.slots = FileService()
        self.service = TransferService(self.slots, SPACECRAFT, 1)
        own = TransferSettings(GROUND_ENTITY, payload_entity(SPACECRAFT))
        self.ground = FileTransfer(own, 1, lambda *_: True)
        self.now = 0.0
        self.told = []

    def run(self) -> None:
        """Let both talk until all is closed."""
        for _ in range(STEPS):
            self.service.step(self.now, linked=True)
            self.ground.step(self.now)
            for unit in self.service.units(8):
                self.ground.receive(unit)
            for unit in self.ground.take(8):
                self.service.receive(unit)
            self.now += STEP_S
            if not self.service.under_way and not self.ground.under_way:
                break
        self.service.step(self.now, linked=True)
        self.told += [(event.definition.name, event.values) for event in self.service.take_events()]

    def grounded(self) -> list:
        """How transfers ended on the ground, with what came down."""
        return [(end.outcome, end.content) for end in self.ground.ended()]


@pytest.fixture
def link():
    """A payload with a file in slot 1."""
    link = Link()
    assert link.slots.put(1, CONTENT) is None
    return link


def test_what_is_under_way_is_told_with_its_direction_and_progress(link, ask, read):
    """One file going down and one coming up: number, slot, bytes so far and in all."""
    assert read(ask(link.service, "report-transfers")) == []
    ((_, down),) = read(ask(link.service, "send-file", slot=1))
    up = link.ground.send(2, bytes(5_000))
    for unit in link.ground.take(3):
        link.service.receive(unit)
    assert len(link.service.units(2)) == 2
    states = [values for _, values in read(ask(link.service, "report-transfers"))]
    first, second = sorted(states, key=lambda values: values["direction"])
    assert (first["direction"], first["transfer"], first["slot"]) == ("DOWN", down["transfer"], 1)
    assert 0 < first["progress"] <= first["size"] == len(CONTENT)
    assert (second["direction"], second["transfer"], second["slot"]) == ("UP", up, 2)
    assert 0 < second["progress"] < second["size"] == 5_000
    link.run()
    assert link.slots.content_of(2) == bytes(5_000)
    assert read(ask(link.service, "report-transfers")) == []


def test_a_transfer_is_cancelled_by_its_number(link, ask, read):
    """Both ends hear of it, nothing is delivered, and there is no second time."""
    ((_, down),) = read(ask(link.service, "send-file", slot=1))
    number = down["transfer"]
    assert ask(link.service, "cancel-transfer", transfer=number + 1) is Reason.NO_SUCH_ENTRY
    assert len(link.service.units(2)) == 2
    assert ask(link.service, "cancel-transfer", transfer=number) is None
    link.run()
    assert link.told == [("transfer-failed", {"slot": 1, "transfer": number, "why": "CANCELLED"})]
    assert (Outcome.DELIVERED, CONTENT) not in link.grounded()
    assert ask(link.service, "cancel-transfer", transfer=number) is Reason.NO_SUCH_ENTRY


def test_one_file_too_many_is_busy(link, ask):
    """SENDING_MAX at once; the next is asked for again later."""
    for _ in range(SENDING_MAX):
        assert not isinstance(ask(link.service, "send-file", slot=1), Reason)
    assert ask(link.service, "send-file", slot=1) is Reason.BUSY
    assert link.service.under_way == SENDING_MAX


def test_of_two_files_for_one_slot_the_second_is_told_as_failed(link):
    """Both whole before the slot is filled: the first stays, and an event names the reason."""
    first, second = (link.ground.send(3, content) for content in (b"first", b"second"))
    for unit in link.ground.take(100):
        link.service.receive(unit)
    link.run()
    assert link.slots.content_of(3) == b"first"
    failed = {"slot": 3, "transfer": second, "why": "ALREADY_EXISTS"}
    assert link.told == [("transfer-failed", failed)]
    assert first != second


def test_after_a_restart_only_files_that_are_still_there_go_down_again(link):
    """An emptied slot and a number that cannot be cost themselves alone, and the record says so."""
    again = TransferService(link.slots, SPACECRAFT, 2)
    again.restore(msgspec.msgpack.encode({5: 1, 6: 2, -1: 1}))
    assert again.under_way == 1
    assert msgspec.msgpack.decode(again.image()) == {5: 1}
    link.service = again
    link.run()
    assert link.told == [("file-sent", {"slot": 1, "transfer": 5})]
    assert link.grounded() == [(Outcome.DELIVERED, CONTENT)]
