"""Control state survives a hit on any copy and never lies about two."""

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.radiation.voted import VotedRecord, Votes

DEFAULTS = {"mode": 1, "boots": 0, "limit_c": 70.5}


def flip(record: VotedRecord, copy: int, bit: int) -> None:
    place = record.memory_regions()[copy]
    ctypes.c_uint8.from_address(place.address + bit // 8).value ^= 1 << bit % 8


def test_fields_come_back_as_set():
    """A record starts with its defaults and keeps what is set."""
    record = VotedRecord("state", DEFAULTS)
    assert record.read() == DEFAULTS
    record.set(mode=3, limit_c=-12.25)
    assert record.read() == {"mode": 3, "boots": 0, "limit_c": -12.25}
    assert record.repairs == 0


@settings(max_examples=100, deadline=None)
@given(copy=st.integers(0, 2), bits=st.sets(st.integers(0, 28 * 8 - 1), min_size=1))
def test_any_damage_to_one_copy_is_outvoted(copy, bits):
    """Whatever happens to one copy, values and CRC are voted right and the repairs counted."""
    record = VotedRecord("state", DEFAULTS)
    for bit in bits:
        flip(record, copy, bit)
    assert record.read() == DEFAULTS
    assert record.repairs == len(bits)
    assert record.read() == DEFAULTS
    assert record.repairs == len(bits)


@settings(max_examples=60, deadline=None)
@given(bit=st.integers(0, 28 * 8 - 1), pair=st.sampled_from([(0, 1), (0, 2), (1, 2)]))
def test_the_same_bit_in_two_copies_is_seen(bit, pair):
    """A wrong vote never passes: the defaults rule again, and the loss is told once."""
    record = VotedRecord("state", DEFAULTS)
    record.set(mode=7, boots=-1, limit_c=0.1)
    for copy in pair:
        flip(record, copy, bit)
    assert record.read() == DEFAULTS
    found = record.vote()
    assert found is not None
    assert found.lost
    assert record.vote() is None


def test_a_hit_between_two_votes_is_told_by_the_second():
    """A read that mends a copy, or a change over it, takes nothing from what the next vote tells."""
    record = VotedRecord("state", DEFAULTS)
    assert record.vote() is None
    flip(record, 0, 3)
    record.read()
    flip(record, 1, 5)
    record.set(mode=4)
    assert record.vote() == Votes(bits=2, lost=False)
    assert record.vote() is None
    assert record.repairs == 2


def test_a_vote_looks_for_itself():
    """A hit that nothing has read over since is found, mended and told by the vote."""
    record = VotedRecord("state", DEFAULTS)
    flip(record, 2, 9)
    assert record.vote() == Votes(bits=1, lost=False)
    assert record.vote() is None


@pytest.mark.parametrize("fields", [{"speed": 1}, {"mode": 1.0}, {"limit_c": 1}, {"mode": 2**63}])
def test_fields_that_do_not_fit_are_refused(fields):
    """Unknown names, wrong types and numbers out of range are a ValueError; nothing changes."""
    record = VotedRecord("state", DEFAULTS)
    with pytest.raises(ValueError, match="state"):
        record.set(**fields)
    assert record.read() == DEFAULTS


def test_copies_lie_in_memory_pages_of_their_own():
    """No two copies share a 4 KiB page, so one local event cannot reach both."""
    places = VotedRecord("state", DEFAULTS).memory_regions()
    assert len({place.address // 4096 for place in places}) == 3
    assert [place.name for place in places] == [f"voted-{letter}:state" for letter in "abc"]
