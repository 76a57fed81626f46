"""The record of keys: what it keeps, what it refuses, and that nothing readable is in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flight_sw.dictionary.reason import Reason
from flight_sw.errors import DecodeError
from flight_sw.space_link import key_ring
from flight_sw.space_link.key_ring import new_ring, restored_ring
from flight_sw.space_link.key_wrap import key_check, unwrap_keys, wrap_keys
from flight_sw.space_link.keys import KeySet, format_keys, new_keys, next_keys, parse_keys

FIRST = new_keys(5, bytes(range(96)), 1)
MASTER = FIRST.master or b""


def fresh(active: KeySet, key_id: int) -> KeySet:
    seed = key_id.to_bytes(2, "big")
    return next_keys(active, seed * 16 + (seed[::-1] + b"x") * 10 + b"yz", key_id)


@given(st.binary(min_size=96, max_size=96), st.integers(1, 0xFFFE))
@settings(max_examples=50)
def test_wrapped_keys_come_back_and_one_flipped_bit_does_not(secret: bytes, key_id: int) -> None:
    """Unwrap gives what was wrapped; under another master key or damaged it is a DecodeError."""
    secret = bytes([secret[0] | 1]) + secret[1:64] + bytes([secret[64] | 1]) + secret[65:]
    keys = new_keys(7, secret, key_id)
    wrapped = wrap_keys(secret[64:], keys)
    assert unwrap_keys(secret[64:], wrapped) == keys
    bit = secret[0] * 80 * 8 // 256
    damaged = bytearray(wrapped)
    damaged[bit // 8] ^= 1 << bit % 8
    for master, content in ((secret[64:], bytes(damaged)), (bytes(32), wrapped)):
        with pytest.raises(DecodeError):
            unwrap_keys(master, content)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_a_decode_error(image: bytes) -> None:
    """A record that is none never becomes a ring, and never another exception."""
    with pytest.raises(DecodeError):
        restored_ring(FIRST, new_ring(FIRST).image()[:18] + image)


def test_a_key_check_needs_the_telemetry_key_and_the_challenge() -> None:
    """Another key or another challenge gives another answer."""
    other = fresh(FIRST, 2)
    answers = {key_check(k, c) for k in (FIRST, other) for c in (bytes(16), bytes(15) + b"x")}
    assert len(answers) == 4


def test_no_key_byte_stands_in_the_record() -> None:
    """Four bytes of any secret in a row are nowhere in the stored record, nor in a repr."""
    ring = new_ring(FIRST)
    after = fresh(FIRST, 2)
    assert ring.load(wrap_keys(MASTER, after)) is None
    image = ring.image()
    for secret in (FIRST.tc.secret, FIRST.tm.secret, MASTER, after.tc.secret, after.tm.secret):
        assert all(secret[at : at + 4] not in image for at in range(len(secret) - 3))
        assert secret.hex() not in repr(ring)
        assert repr(secret) not in repr(ring)


def test_another_key_file_makes_the_record_void() -> None:
    """The file is the root of trust: keys changed over the link end when it is replaced."""
    ring = new_ring(FIRST)
    ring.load(wrap_keys(MASTER, fresh(FIRST, 2)))
    ring.activate(2)
    other = new_keys(5, bytes(range(1, 97)), 1)
    assert restored_ring(FIRST, ring.image()).active == ring.active
    assert restored_ring(other, ring.image()).active == other


def test_keys_without_a_master_key_cannot_be_changed() -> None:
    """A key file of the first format works as ever, and `load` is NOT_ALLOWED."""
    plain = new_keys(5, bytes(range(64)), 1)
    assert "master" not in format_keys(plain)
    assert parse_keys(format_keys(plain), "x").master is None
    ring = new_ring(plain)
    assert ring.load(wrap_keys(MASTER, fresh(FIRST, 2))) is Reason.NOT_ALLOWED
    record = new_ring(FIRST).image()
    with pytest.raises(DecodeError):
        restored_ring(KeySet(FIRST.tc, FIRST.tm), record[:0])


class Rings(RuleBasedStateMachine):
    """A ring against what it should hold: one set in force, at most one waiting, ids that rise."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = new_ring(FIRST)
        self.active, self.pending, self.highest = FIRST, None, 1
        self.retired: list[KeySet] = []

    @rule(ahead=st.integers(-2, 3))
    def load(self, ahead: int) -> None:
        key_id = max(1, self.highest + ahead)
        keys = fresh(self.active, key_id)
        outcome = self.ring.load(wrap_keys(MASTER, keys))
        if keys == self.pending:
            assert outcome is None
        elif self.pending is not None:
            assert outcome is Reason.ALREADY_EXISTS
        elif key_id <= self.highest:
            assert outcome in (Reason.KEY_IN_USE, Reason.BAD_KEY)
        else:
            assert outcome is None
            self.pending, self.highest = keys, key_id

    @rule()
    def drop(self) -> None:
        assert (self.ring.drop() is None) is (self.pending is not None)
        self.pending = None

    @rule(wrong=st.booleans())
    def activate(self, wrong: bool) -> None:
        key_id = self.highest + wrong
        outcome = self.ring.activate(key_id)
        if self.pending is None or wrong:
            assert outcome is Reason.NO_SUCH_ENTRY
        else:
            self.retired.append(self.active)
            self.active, self.pending = self.pending, None

    @rule()
    def bring_back(self) -> None:
        for keys in self.retired:
            assert self.ring.load(wrap_keys(MASTER, keys)) is not None

    @rule()
    def restart(self) -> None:
        self.ring = restored_ring(FIRST, self.ring.image())

    @invariant()
    def holds_what_it_should(self) -> None:
        assert (self.ring.active, self.ring.pending) == (self.active, self.pending)
        assert self.ring.highest_id == self.highest


Rings.TestCase.settings = settings(max_examples=30, stateful_step_count=20)
TestRings = Rings.TestCase


def test_a_record_of_keys_without_its_master_key_is_refused() -> None:
    """The file names the record as its own, and has nothing to open it with."""
    plain = new_keys(5, bytes(range(64)), 1)
    image = key_ring._HEADER.pack(key_ring._fingerprint(plain), 1) + bytes(80)
    with pytest.raises(DecodeError, match="without a master key"):
        restored_ring(plain, image)


@pytest.mark.parametrize("size", [0, 79, 81])
def test_wrapped_keys_have_one_length(size: int) -> None:
    """Any other is a DecodeError before a key is touched."""
    with pytest.raises(DecodeError, match="not a pair"):
        unwrap_keys(MASTER, bytes(size))
