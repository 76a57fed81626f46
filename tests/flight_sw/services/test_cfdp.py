"""File transfer under loss, outage, restart and attack, in virtual time."""

import random
from binascii import crc_hqx
from collections.abc import Callable

import pytest
import spacepackets.countdown
from hypothesis import given, settings
from hypothesis import strategies as st
from spacepackets.cfdp import Direction
from spacepackets.cfdp.pdu import NakPdu

from flight_sw.services.cfdp import RECEIVING_MAX, SENDING_MAX, FileTransfer
from flight_sw.services.cfdp_handlers import TransferSettings
from flight_sw.services.cfdp_pdu import HEADER_BYTES, PDU_BYTES_MAX, PduKind, open_pdu
from flight_sw.services.cfdp_transfer import Outcome, TransferEnd

SEEDS = 100
STEP_S = 0.01
STEPS_MAX = 20_000
SLOT = 3
BOTH_DELIVERED = [Outcome.DELIVERED, Outcome.DELIVERED]

Line = Callable[[list[bytes]], list[bytes]]


def whole(units: list[bytes]) -> list[bytes]:
    """A line that loses nothing."""
    return units


class Pair:
    """A sending and a receiving end and what the line between them does."""

    def __init__(self, up: Line = whole, down: Line = whole) -> None:
        self.now = 0.0
        self.source = end(1, 2, 1)
        self.sink = end(2, 1, 1)
        self.up, self.down = up, down
        self.ends: list[TransferEnd] = []
        self.units = 0

    def run(self, until_s: float = float("inf"), steps: int = STEPS_MAX) -> None:
        """Let both ends talk until all is closed or the time is up."""
        for _ in range(steps):
            self._exchange()
            quiet = not self.source.under_way and not self.sink.under_way
            if quiet or self.now >= until_s:
                return
            wake_s = min(self.source.wake_at(self.now), self.sink.wake_at(self.now))
            self.now = min(max(self.now + STEP_S, wake_s), until_s)

    @property
    def outcomes(self) -> list[Outcome]:
        """How transfers ended, in order."""
        return [end.outcome for end in self.ends]

    def received(self) -> list[bytes]:
        """Files that the sink handed on."""
        return [end.content for end in self.ends if end.content is not None]

    def _exchange(self) -> None:
        self.source.step(self.now)
        self.sink.step(self.now)
        sent = self.source.take(8)
        for unit in self.up(sent):
            self.sink.receive(unit)
        answered = self.sink.take(8)
        for unit in self.down(answered):
            self.source.receive(unit)
        self.units += len(sent) + len(answered)
        self.ends += self.source.ended() + self.sink.ended()


def end(
    local: int, remote: int, first: int, limit: int = 1 << 20, silence_s: float = 600.0
) -> FileTransfer:
    """One end that takes files of up to `limit` bytes."""
    own = TransferSettings(local, remote, silence_s=silence_s)
    return FileTransfer(own, first, lambda _, size: size <= limit)


def lossy(seed: int, loss: float) -> Line:
    """A line that loses units at random."""
    rng = random.Random(seed)
    return lambda units: [unit for unit in units if rng.random() >= loss]


def content(size: int, seed: int = 0) -> bytes:
    """A file."""
    return random.Random(seed).randbytes(size)


def mended(unit: bytes) -> bytes:
    """The unit with a CRC that fits, as a sender with the key could make it."""
    return unit[:-2] + crc_hqx(unit[:-2], 0xFFFF).to_bytes(2, "big")


@pytest.mark.parametrize("loss", [0.05, 0.20])
def test_every_transfer_closes_under_loss(loss: float) -> None:
    """At 5 % and at 20 % loss both ways, 100 of 100 seeds deliver the file and close at both ends."""
    closed = 0
    for seed in range(SEEDS):
        pair = Pair(lossy(seed, loss), lossy(seed + SEEDS, loss))
        pair.source.send(SLOT, content(24_000, seed))
        pair.run()
        idle = not pair.source.under_way and not pair.sink.under_way
        right = pair.received() == [content(24_000, seed)]
        closed += idle and right and pair.outcomes == BOTH_DELIVERED
    assert closed == SEEDS


@given(st.randoms(use_true_random=False), st.integers(0, 9000), st.floats(0, 0.3))
@settings(max_examples=25, deadline=None)
def test_no_order_of_units_delivers_a_wrong_file(
    rng: random.Random, size: int, trouble: float
) -> None:
    """Loss, repetition and disorder together: the file arrives whole, once, and both ends close."""
    held: list[bytes] = []

    def disorder(units: list[bytes]) -> list[bytes]:
        out = []
        for unit in units:
            if rng.random() < trouble:
                continue
            out += [unit, unit] if rng.random() < trouble else [unit]
        if out and rng.random() < trouble:
            held.append(out.pop(rng.randrange(len(out))))
        elif held:
            out.append(held.pop())
        return out

    pair = Pair(disorder, lossy(rng.randrange(1000), trouble))
    pair.source.send(SLOT, content(size))
    pair.run()
    assert pair.received() == [content(size)]
    assert pair.outcomes == BOTH_DELIVERED


def test_a_transfer_stands_still_during_an_outage_and_goes_on() -> None:
    """Ten days without a link: nothing is sent, nothing runs out, and the rest follows after."""
    pair = Pair()
    pair.source.send(SLOT, content(60_000))
    pair.run(steps=4)
    before = pair.units
    pair.source.suspend()
    pair.sink.suspend()
    assert pair.source.wake_at(pair.now) == float("inf")
    pair.run(until_s=pair.now + 864_000)
    pair.run(until_s=pair.now)
    assert pair.units == before
    assert not pair.ends
    pair.source.resume()
    pair.sink.resume()
    pair.run()
    assert pair.outcomes == BOTH_DELIVERED
    assert pair.units < 200  # the rest, not everything again


def test_a_restarted_receiver_gets_the_file_all_the_same() -> None:
    """A receiver that knows nothing of a transfer asks for all that it lacks."""
    pair = Pair()
    pair.source.send(SLOT, content(60_000))
    pair.run(steps=4)
    pair.sink = end(2, 1, 1)
    pair.run()
    assert pair.received() == [content(60_000)]
    assert pair.outcomes == BOTH_DELIVERED


def test_silence_ends_a_transfer_at_either_end() -> None:
    """When the other end is gone for good, a transfer gives its place back."""
    pair = Pair()
    pair.source.send(SLOT, content(60_000))
    pair.run(steps=4)
    pair.up = pair.down = lambda _: []
    pair.run()
    assert pair.outcomes == [Outcome.SILENCE, Outcome.SILENCE]
    assert pair.source.under_way == pair.sink.under_way == 0


def test_a_late_metadata_does_not_touch_what_has_come() -> None:
    """Every unit of a finished transfer may come again: nothing starts, nothing is delivered twice."""
    sent: list[bytes] = []

    def record(units: list[bytes]) -> list[bytes]:
        sent.extend(units)
        return units

    pair = Pair(record)
    pair.source.send(SLOT, content(5_000))
    pair.run()
    for unit in sent:
        pair.sink.receive(unit)
    assert pair.sink.under_way == 0
    assert not pair.sink.ended()
    kinds = {open_pdu(unit).kind for unit in pair.sink.take(100)}
    assert kinds == {PduKind.ACK}  # the EOF is acknowledged all the same


def test_metadata_that_comes_last_is_enough() -> None:
    """With metadata and data lost until after EOF, the search for what is missing does not stop."""
    early = [True]

    def late(units: list[bytes]) -> list[bytes]:
        kept = [u for u in units if not early[0] or open_pdu(u).kind is PduKind.EOF]
        early[0] = early[0] and not kept
        return kept

    pair = Pair(late, lossy(5, 0.3))
    pair.source.send(SLOT, content(30_000))
    pair.run()
    assert pair.outcomes == BOTH_DELIVERED
    assert pair.received() == [content(30_000)]


def test_a_wrong_file_is_never_delivered() -> None:
    """Data that differs from its announced checksum is thrown away, though nothing was lost."""

    def change(units: list[bytes]) -> list[bytes]:
        return [
            mended(unit[:40] + b"X" + unit[41:]) if open_pdu(unit).kind is PduKind.DATA else unit
            for unit in units
        ]

    pair = Pair(change)
    pair.source.send(SLOT, bytes(5_000))
    pair.run()
    assert pair.outcomes == [Outcome.CHECKSUM, Outcome.CHECKSUM]
    assert not pair.received()


@pytest.mark.parametrize("name", ["../slot-03", "/etc/shad", "slot-00", "slot-3a", "slot-\0\0"])
def test_a_name_from_the_wire_is_no_path(name: str) -> None:
    """Only the names of slots are taken; all else is refused at both ends."""

    def rename(units: list[bytes]) -> list[bytes]:
        return [_renamed(unit, name) for unit in units]

    pair = Pair(rename)
    pair.source.send(SLOT, content(5_000))
    pair.run()
    assert pair.outcomes == [Outcome.REFUSED, Outcome.REFUSED]
    assert not pair.received()


def _renamed(unit: bytes, name: str) -> bytes:
    """Metadata with another destination name, lengths set right."""
    if open_pdu(unit).kind is not PduKind.METADATA:
        return unit
    raw = name.encode()
    at = unit.rindex(b"\x07slot-03")
    body = unit[:at] + bytes([len(raw)]) + raw + unit[-2:]
    length = len(body) - HEADER_BYTES
    return mended(body[:1] + length.to_bytes(2, "big") + body[3:])


def test_a_file_too_large_for_its_slot_is_refused() -> None:
    """The receiver decides by slot and size before any data is kept."""
    pair = Pair()
    pair.sink = end(2, 1, 1, limit=1000)
    pair.source.send(SLOT, content(5_000))
    pair.run()
    assert pair.outcomes == [Outcome.REFUSED, Outcome.REFUSED]


@pytest.mark.parametrize("by_receiver", [False, True])
def test_either_end_may_cancel(by_receiver: bool) -> None:
    """A cancelled transfer ends at both ends and delivers nothing."""
    pair = Pair(lossy(1, 0.1), lossy(2, 0.1))
    number = pair.source.send(SLOT, content(60_000))
    assert number is not None
    pair.run(steps=4)
    ender = pair.sink if by_receiver else pair.source
    assert ender.cancel(number, receiving=by_receiver)
    pair.run()
    assert pair.source.under_way == pair.sink.under_way == 0
    assert not pair.received()
    assert Outcome.DELIVERED not in pair.outcomes


def test_transfers_are_bounded_and_do_not_mix() -> None:
    """As many as are allowed run side by side under loss, each with its own lost segments."""
    pair = Pair(lossy(3, 0.2), lossy(4, 0.2))
    files = [content(9_000, seed) for seed in range(SENDING_MAX)]
    assert all(pair.source.send(slot, file) for slot, file in enumerate(files, 1))
    assert pair.source.send(9, b"one too many") is None
    pair.run()
    assert sorted(pair.received()) == sorted(files)


def test_a_crowded_receiver_takes_a_transfer_later() -> None:
    """What finds no room is not lost: its sender repeats until a place is free."""
    pair = Pair()
    pair.sink = end(2, 1, 1, silence_s=60.0)
    others = [end(1, 2, 100 + n) for n in range(RECEIVING_MAX)]
    for other in others:
        other.send(SLOT, content(100))
        pair.sink.receive(other.take(1)[0])
    pair.source.send(SLOT, content(3_000))
    pair.run(until_s=30)
    assert pair.sink.counts.crowded
    pair.run()
    assert content(3_000) in pair.received()


def test_a_number_used_again_ends_at_once() -> None:
    """A sender whose number the other end has closed before is told so and does not wait in vain."""
    pair = Pair()
    pair.source.send(SLOT, content(3_000))
    pair.run()
    pair.source = end(1, 2, 1)
    pair.source.send(SLOT, content(3_000, 9))
    pair.run(until_s=pair.now + 30)
    assert pair.outcomes == [*BOTH_DELIVERED, Outcome.FAULT]
    assert pair.source.under_way == 0


def test_a_nak_beyond_the_file_costs_nothing() -> None:
    """A request for 4 GiB of a small file is dropped before a unit is made."""
    pair = Pair()
    pair.source.send(SLOT, content(5_000))
    (metadata,) = pair.source.take(1)
    conf = open_pdu(metadata).content.pdu_header.pdu_conf
    conf.direction = Direction.TOWARDS_SENDER
    nak = NakPdu(conf, 0, 5_000, [(0, (1 << 32) - 1)])
    pair.source.receive(bytes(nak.pack()))
    assert pair.source.counts.damaged == 1
    assert len(pair.source.take(100)) < 10


def test_an_empty_file_is_a_file() -> None:
    """Zero bytes arrive as zero bytes."""
    pair = Pair()
    pair.source.send(SLOT, b"")
    pair.run()
    assert pair.received() == [b""]


def test_the_wall_clock_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wall clock that jumps wildly both ways the same units go at the same times."""

    def flight() -> tuple[int, float]:
        pair = Pair(lossy(7, 0.2), lossy(8, 0.2))
        pair.source.send(SLOT, content(20_000))
        pair.run()
        assert pair.outcomes == BOTH_DELIVERED
        return pair.units, pair.now

    steady = flight()
    jumps = random.Random(1)
    monkeypatch.setattr(spacepackets.countdown, "time_ms", lambda: jumps.randrange(1 << 42))
    assert flight() == steady


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_unit_breaks_the_router(data: st.DataObject) -> None:
    """Units with any byte changed and a right CRC are dropped, refused or answered, never fatal."""
    pair = Pair()
    pair.source.send(SLOT, content(4_000))
    kept: list[bytes] = []
    pair.up = lambda units: [kept.append(unit) or unit for unit in units]  # type: ignore[func-returns-value]
    pair.run(steps=data.draw(st.integers(1, 4)))
    for _ in range(8):
        unit = bytearray(data.draw(st.sampled_from(kept)))
        for _ in range(data.draw(st.integers(1, 3))):
            unit[data.draw(st.integers(0, len(unit) - 1))] = data.draw(st.integers(0, 255))
        for target in (pair.sink, pair.source):
            target.receive(mended(bytes(unit)))
            target.receive(bytes(unit))
    pair.sink.take(50)
    pair.sink.receive(data.draw(st.binary(max_size=PDU_BYTES_MAX + 9)))
    pair.run(until_s=10_000)
    assert pair.sink.under_way == pair.source.under_way == 0
