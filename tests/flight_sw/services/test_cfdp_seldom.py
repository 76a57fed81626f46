"""What the router of file transfer seldom meets: no room, no patience, a library that fails."""

from collections.abc import Callable
from typing import Any

import pytest
from spacepackets.cfdp import ConditionCode, Direction
from spacepackets.cfdp.pdu import FinishedPdu, TransactionStatus
from spacepackets.cfdp.pdu.finished import DeliveryCode, FileStatus, FinishedParams

from flight_sw.errors import DecodeError
from flight_sw.services.cfdp import INBOX_MAX, PAST_MAX, SENDING_MAX
from flight_sw.services.cfdp_handlers import Receiver, Sender, TransferSettings
from flight_sw.services.cfdp_pdu import HEADER_BYTES, PduKind, open_pdu
from flight_sw.services.cfdp_transfer import Outcome
from tests.flight_sw.services.test_cfdp import BOTH_DELIVERED, SLOT, Pair, content, mended

SILENCE_S = TransferSettings(1, 2).silence_s
SEVERAL_DATA = 10_000  # bytes: eleven units


def begun(size: int) -> tuple[Pair, int, list[bytes]]:
    """A transfer whose sender has said all it has to say, its number, and those units."""
    pair = Pair()
    number = pair.source.send(SLOT, content(size))
    assert number is not None
    return pair, number, pair.source.take(1000)


def test_what_is_not_under_way_is_not_cancelled_and_has_no_progress() -> None:
    """Neither before a transfer, nor under a number of the other direction, nor after it."""
    pair = Pair()
    assert not pair.source.cancel(1)
    number = pair.source.send(SLOT, content(5_000))
    assert number is not None
    assert pair.source.progress(number, receiving=True) is None
    assert not pair.source.cancel(number, receiving=True)
    assert pair.source.progress(number) == (0, 5_000)
    pair.run()
    assert pair.outcomes == BOTH_DELIVERED
    assert pair.source.progress(number) is None
    assert not pair.source.cancel(number)


def test_units_beyond_the_inbox_are_lost_and_come_again() -> None:
    """While an answer waits for the line the inbox fills; data and EOF beyond it are sent again."""
    pair, number, units = begun((INBOX_MAX + 10) * 960)
    del units[2]  # the gap makes the receiver ask, and nothing takes its question
    for unit in units:
        pair.sink.receive(unit)
    so_far = pair.sink.progress(number, receiving=True)
    assert so_far is not None
    assert so_far[0] < 4 * 960
    pair.run()
    assert pair.outcomes == BOTH_DELIVERED
    assert pair.received() == [content((INBOX_MAX + 10) * 960)]
    assert pair.sink.counts.repeated == 0  # the EOF that found no room was not taken for seen


def test_a_sender_may_still_cancel_after_its_eof() -> None:
    """An EOF that cancels ends a reception that has had its EOF and waits for missing data."""
    pair, number, units = begun(SEVERAL_DATA)
    for unit in units[:2] + units[3:]:
        pair.sink.receive(unit)
    assert pair.sink.under_way == 1
    assert pair.source.cancel(number)
    pair.run()
    assert pair.outcomes == [Outcome.CANCELLED, Outcome.CANCELLED]
    assert not pair.received()


def test_a_reception_that_nobody_acknowledges_ends_once() -> None:
    """The file is handed on at once; silence then closes the transfer without another word."""
    pair = Pair(lambda units: [unit for unit in units if open_pdu(unit).kind is not PduKind.ACK])
    pair.source.send(SLOT, content(5_000))
    pair.run()
    assert pair.outcomes == BOTH_DELIVERED
    assert pair.now > SILENCE_S
    assert pair.sink.under_way == 0
    assert (pair.sink.counts.delivered, pair.sink.counts.failed) == (1, 0)


def test_a_slot_that_fills_during_a_transfer_refuses_at_its_end() -> None:
    """Accepted at the beginning, not wanted at the end: both ends hear that it was refused."""
    pair = Pair()
    free = [True]
    pair.sink._accepts = lambda *_: free[0]
    pair.source.send(SLOT, content(SEVERAL_DATA))
    pair.sink.receive(pair.source.take(1)[0])
    free[0] = False
    pair.run()
    assert pair.outcomes == [Outcome.REFUSED, Outcome.REFUSED]
    assert not pair.received()


def test_units_that_no_end_sends_are_damage() -> None:
    """Data beyond 4 GiB and a unit that travels the wrong way are counted and begin nothing."""
    pair, _, (metadata, data, *_) = begun(5_000)
    at_the_end = mended(data[:HEADER_BYTES] + b"\xff" * 4 + data[HEADER_BYTES + 4 :])
    turned = mended(bytes([metadata[0] | 1 << 3]) + metadata[1:])
    for unit, why in ((at_the_end, "beyond"), (turned, "wrong way")):
        with pytest.raises(DecodeError, match=why):
            open_pdu(unit)
        pair.sink.receive(unit)
    assert (pair.sink.counts.damaged, pair.sink.under_way) == (2, 0)


def finished(metadata: bytes) -> bytes:
    """What ends the transfer that this metadata began."""
    conf = open_pdu(metadata).content.pdu_header.pdu_conf
    conf.direction = Direction.TOWARDS_SENDER
    params = FinishedParams(
        delivery_code=DeliveryCode.DATA_COMPLETE,
        file_status=FileStatus.FILE_RETAINED,
        condition_code=ConditionCode.NO_ERROR,
    )
    return bytes(FinishedPdu(conf, params).pack())


def test_the_oldest_of_the_past_is_forgotten() -> None:
    """PAST_MAX finished transfers are known as terminated; of an older one no more is claimed."""
    pair = Pair()
    ends: list[bytes] = []
    while len(ends) < PAST_MAX + SENDING_MAX:
        for _ in range(SENDING_MAX):
            assert pair.source.send(SLOT, b"") is not None
        ends += map(finished, pair.source.take(SENDING_MAX))  # of each its metadata
        for end in ends[-SENDING_MAX:]:
            pair.source.receive(end)
        pair.source.take(100)
    assert pair.source.under_way == 0
    told = {}
    for place in (0, SENDING_MAX - 1, SENDING_MAX, -1):
        pair.source.receive(ends[place])
        (answer,) = pair.source.take(1)
        told[place] = open_pdu(answer).content.transaction_status
    gone, known = TransactionStatus.UNDEFINED, TransactionStatus.TERMINATED
    assert list(told.values()) == [gone, gone, known, known]


def failing(whole: Callable[..., Any], times: int) -> Callable[..., Any]:
    """The library's function as it is, but its first calls fail."""
    left = [times]

    def call(*given: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise ValueError("a fault of the library")
        return whole(*given)

    return call


def test_an_eof_on_which_the_library_fails_was_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its repetition is a first one again, and the file is delivered."""
    monkeypatch.setattr(Receiver, "_handle_eof_pdu", failing(Receiver._handle_eof_pdu, 1))
    pair = Pair()
    pair.source.send(SLOT, content(5_000))
    pair.run()
    assert pair.outcomes == BOTH_DELIVERED
    assert pair.received() == [content(5_000)]
    assert (pair.sink.counts.damaged, pair.sink.counts.repeated) == (1, 0)


def test_a_library_that_fails_by_itself_ends_the_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing from outside it would fail the same way for ever: one fault, and room again."""
    pair = Pair()
    pair.source.send(SLOT, content(5_000))
    pair.source.take(1)
    monkeypatch.setattr(Sender, "_handle_file_data_sent", failing(Sender._handle_file_data_sent, 1))
    assert len(pair.source.take(100)) == 1
    assert [end.outcome for end in pair.source.ended()] == [Outcome.FAULT]
    assert pair.source.under_way == 0
    assert pair.source.counts.damaged == 1


def test_a_transfer_that_the_library_knows_no_more_is_ended_by_a_cancel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is nobody left to say it to: the transfer ends here and its room is free again."""
    monkeypatch.setattr(Sender, "cancel_request", lambda *_: False)
    pair, number, _ = begun(5_000)
    assert pair.source.cancel(number)
    assert [end.outcome for end in pair.source.ended()] == [Outcome.CANCELLED]
    assert pair.source.under_way == 0
