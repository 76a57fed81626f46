"""ST[13]: telecommands and reports larger than a packet."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.dictionary.field import decode
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.storage_commands import LARGE_BYTES_MAX
from flight_sw.dictionary.telemetry import BY_CODE
from flight_sw.services.report import Channel, Report
from flight_sw.services.st13_large import LARGE_SERVICE, PAUSE_S, LargePacketService, in_parts
from flight_sw.space_link.packet import TM_DATA_BYTES_MAX


class Carried:
    """What the service hands on, and the answer it gets."""

    def __init__(self):
        self.whole = []
        self.outcome = None

    def __call__(self, service, subtype, data, call):
        self.whole.append((service, subtype, data))
        return self.outcome


def send(ask, service, content, size, transaction=1, twice=()):
    """All parts of one transfer; the last outcome."""
    pieces = [content[i : i + size] for i in range(0, len(content), size)]
    outcome = ask(service, "first-part", transaction=transaction, size=len(content), data=pieces[0])
    for part, piece in enumerate(pieces[1:], 1):
        name = "last-part" if part == len(pieces) - 1 else "middle-part"
        for _ in range(2 if part in twice and name == "middle-part" else 1):
            outcome = ask(service, name, transaction=transaction, part=part, data=piece)
    return outcome


@settings(max_examples=50)
@given(
    content=st.binary(min_size=3, max_size=400).filter(lambda whole: whole[0] != LARGE_SERVICE),
    size=st.integers(1, 100),
    twice=st.sets(st.integers(1, 20)),
)
def test_telecommand_is_put_together_from_any_parts(ask, content, size, twice):
    """Any size of parts, some sent twice: the whole arrives once."""
    if len(content) <= size:
        size = len(content) - 1
    carried = Carried()
    assert send(ask, LargePacketService(carried), content, size, twice=twice) is None
    assert carried.whole == [(content[0], content[1], content[2:])]


def test_outcome_of_the_whole_is_that_of_the_last_part(ask):
    """A refused telecommand is refused as the answer to its last part."""
    carried = Carried()
    carried.outcome = Reason.WRONG_SHAPE
    assert send(ask, LargePacketService(carried), bytes(10), 4) is Reason.WRONG_SHAPE


def test_a_part_is_never_a_whole(ask):
    """A large telecommand within a large telecommand is refused, whatever its subtype."""
    for subtype in (9, 10, 11):
        carried = Carried()
        inside = bytes([LARGE_SERVICE, subtype]) + bytes(10)
        assert send(ask, LargePacketService(carried), inside, 6) is Reason.NOT_ALLOWED
        assert carried.whole == []


def test_missing_part_can_be_sent_again(ask):
    """A gap is refused and heals."""
    service = LargePacketService(Carried())
    ask(service, "first-part", transaction=1, size=9, data=b"abc")
    late = {"transaction": 1, "part": 2, "data": b"ghi"}
    assert ask(service, "last-part", **late) is Reason.OUT_OF_ORDER
    assert ask(service, "middle-part", transaction=1, part=1, data=b"def") is None
    assert ask(service, "last-part", **late) is None


def test_transfers_are_bounded_and_time_out(ask):
    """Two at once, 4 MiB in all; one that rests for a minute is dropped and told."""
    carried = Carried()
    service = LargePacketService(carried)
    assert ask(service, "first-part", transaction=1, size=LARGE_BYTES_MAX, data=b"abc") is None
    too_much = {"transaction": 2, "size": 3, "data": b"x"}
    assert ask(service, "first-part", **too_much) is Reason.TOO_LARGE
    service.step(PAUSE_S + 1)
    assert [event.definition.name for event in service.take_events()] == ["transfer-dropped"]
    for transaction in (1, 2):
        assert ask(service, "first-part", transaction=transaction, size=9, data=b"x") is None
    assert ask(service, "first-part", transaction=3, size=9, data=b"x") is Reason.BUSY
    assert carried.whole == []


def test_transfer_of_wrong_length_is_not_carried_out(ask):
    """Too much, too little, or no transfer at all."""
    carried = Carried()
    service = LargePacketService(carried)
    ask(service, "first-part", transaction=1, size=6, data=b"abc")
    over = {"transaction": 1, "part": 1, "data": b"defg"}
    assert ask(service, "last-part", **over) is Reason.TOO_LARGE
    ask(service, "first-part", transaction=1, size=6, data=b"abc")
    short = {"transaction": 1, "part": 1, "data": b"d"}
    assert ask(service, "last-part", **short) is Reason.INCOMPLETE
    assert ask(service, "last-part", **short) is Reason.NO_SUCH_ENTRY
    assert carried.whole == []


@settings(max_examples=20)
@given(st.integers(TM_DATA_BYTES_MAX - 2, 3 * TM_DATA_BYTES_MAX))
def test_large_report_is_parted_and_whole_again(size):
    """What no packet can hold goes in parts that put together give the report."""
    data = bytes(i & 0xFF for i in range(size))
    parts = in_parts(Report(130, 129, data, Channel.RESULTS), 7)
    if size <= TM_DATA_BYTES_MAX:
        assert [part.data for part in parts] == [data]
        return
    told = [decode(BY_CODE[p.service, p.subtype].fields, p.data) for p in parts]
    assert [p.subtype for p in parts] == [1, *[2] * (len(parts) - 2), 3]
    assert {p.channel for p in parts} == {Channel.RESULTS}
    assert b"".join(values["data"] for values in told) == bytes([130, 129]) + data
    assert told[0]["size"] == size + 2
