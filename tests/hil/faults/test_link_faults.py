"""Each knob of a faulty link does what it says and no other, and a quiet link does nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.faults.link import (
    BURST_BYTES,
    HELD_BYTES_MAX,
    QUIET,
    FaultyLink,
    LinkFaults,
    at_another_rate,
)
from hil.kernel import stream

CHUNKS = [bytes([n]) * 40 for n in range(200)]


def link(faults: LinkFaults = QUIET, seed: int = 1) -> FaultyLink:
    """A link in this state."""
    made = FaultyLink(stream(seed, "link"))
    made.faults = faults
    return made


def carried(faults: LinkFaults, chunks: list[bytes] = CHUNKS) -> list[bytes]:
    """What arrives at the far end, look by look."""
    made = link(faults)
    looks = []
    for chunk in chunks:
        made.send_far(chunk)
        looks += made.at_far()
    made.faults = QUIET
    return looks + made.at_far()


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.booleans())
@settings(max_examples=30)
def test_a_quiet_link_passes_everything(chunks: list[bytes], back: bool) -> None:
    """Every byte, in order, and none the other way."""
    made = link()
    for chunk in chunks:
        assert (made.send_near if back else made.send_far)(chunk) == len(chunk)
    here, there = (made.at_near, made.at_far) if back else (made.at_far, made.at_near)
    assert b"".join(here()) == b"".join(chunks)
    assert there() == []


def test_bytes_and_bits_fare_as_on_a_cable() -> None:
    """Bit errors change bytes and lose none; drops lose bytes and change none."""
    sent = b"".join(CHUNKS)
    hit = b"".join(carried(LinkFaults(bit_error_rate=0.01)))
    assert len(hit) == len(sent)
    assert hit != sent
    thinned = b"".join(carried(LinkFaults(drop_rate=0.1)))
    assert len(thinned) == pytest.approx(0.9 * len(sent), rel=0.05)


def test_chunks_come_twice() -> None:
    """At the rate given, each at once behind itself."""
    looks = carried(LinkFaults(duplicate_rate=0.2))
    doubled = sum(look == 2 * look[:40] for look in looks)
    assert doubled == pytest.approx(40, abs=20)
    assert {look[:40] for look in looks} == set(CHUNKS)


def test_chunks_change_places_and_none_is_lost() -> None:
    """A late chunk comes behind the next one; the last when the fault ends."""
    whole = b"".join(carried(LinkFaults(reorder_rate=0.2)))
    found = [whole[at : at + 40] for at in range(0, len(whole), 40)]
    assert found != CHUNKS
    assert sorted(found) == sorted(CHUNKS)
    assert all(abs(found.index(chunk) - at) <= 2 for at, chunk in enumerate(CHUNKS))


def test_a_burst_hits_a_stretch_of_a_chunk() -> None:
    """At most BURST_BYTES in a row, and the length stays."""
    for look, chunk in zip(carried(LinkFaults(burst_rate=1.0)), CHUNKS, strict=True):
        wrong = [at for at in range(len(chunk)) if look[at] != chunk[at]]
        assert len(look) == len(chunk)
        assert not wrong or wrong[-1] - wrong[0] < BURST_BYTES


def test_single_bytes() -> None:
    """Every read gives one byte, and together they are all."""
    looks = carried(LinkFaults(read_bytes=1))
    assert {len(look) for look in looks} == {1}
    assert b"".join(looks) == b"".join(CHUNKS)


def test_a_stall_keeps_and_a_hang_up_loses() -> None:
    """What was sent during a stall comes after it; what was on a line that hung up does not."""
    assert carried(LinkFaults(stalled=True)) == [b"".join(CHUNKS)]
    assert carried(LinkFaults(hung_up=True)) == []


def test_a_blocked_write_takes_nothing_and_a_full_line_no_more() -> None:
    """The writer keeps what was not taken."""
    assert link(LinkFaults(blocked=True)).send_far(b"x") == 0
    full = link(LinkFaults(stalled=True))
    assert full.send_far(bytes(HELD_BYTES_MAX + 5)) == HELD_BYTES_MAX
    assert full.send_far(b"x") == full.room == 0


def test_an_echo_comes_back_besides() -> None:
    """Both ends hear what one has said."""
    made = link(LinkFaults(echo=True))
    made.send_far(b"hello")
    assert made.at_far() == made.at_near() == [b"hello"]


@given(st.binary(max_size=60))
def test_the_right_rate_reads_what_was_sent(data: bytes) -> None:
    """At speed 1, and within the two per cent that a UART bears."""
    assert at_another_rate(data, 1.0) == at_another_rate(data, 1.02) == data


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 8.0])
def test_a_wrong_rate_reads_rubbish(speed: float) -> None:
    """Fewer or more bytes, and not those that were sent."""
    sent = bytes(range(256))
    heard = at_another_rate(sent, speed)
    assert heard
    assert sent not in heard
    assert (len(heard) > len(sent)) is (speed > 1)


def test_the_same_seed_disturbs_alike() -> None:
    """Faults are repeatable."""
    rough = LinkFaults(0.001, 0.01, 0.1, 0.1, 0.1)
    assert carried(rough) == carried(replace(rough))
