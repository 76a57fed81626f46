"""FARM-1: the CLCW layout, the state table, and the machine under any order of events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flight_sw.errors import DecodeError
from flight_sw.space_link.farm import Clcw, Farm, FarmState
from flight_sw.space_link.refusal import Refusal

HALF = 5
BYTE = st.integers(0, 255)
CLCWS = st.builds(
    Clcw,
    channel=st.integers(0, 63),
    lockout=st.booleans(),
    wait=st.booleans(),
    retransmit=st.booleans(),
    farm_b=st.integers(0, 3),
    report=BYTE,
)


@given(CLCWS)
def test_clcw_round_trip(clcw: Clcw) -> None:
    """Every control word comes back equal."""
    assert Clcw.unpack(clcw.pack()) == clcw


def test_clcw_layout() -> None:
    """The bits are where CCSDS 232.0-B figure 4-6 puts them."""
    word = Clcw(0b101101, lockout=True, wait=False, retransmit=True, farm_b=2, report=0x5A)
    bits = "".join(f"{byte:08b}" for byte in word.pack())
    assert bits == "00000001101101000010110001011010"


@given(st.binary(max_size=6))
def test_other_words_are_refused(data: bytes) -> None:
    """Four bytes of another type, version or COP, or another length, are no CLCW."""
    if len(data) == 4 and data[0] & 0xE3 == 1:
        return
    with pytest.raises(DecodeError):
        Clcw.unpack(data)


def farm_in(state: FarmState) -> Farm:
    """A machine brought into a state with V(R) = 0, its retransmit flag as the state has it."""
    farm = Farm(window=2 * HALF)
    if state is FarmState.WAIT:
        farm.accept_ad(0, room=False)
    if state is FarmState.LOCKOUT:
        farm.accept_ad(100)
    return farm


OPEN, WAIT, LOCKOUT = FarmState
LOCKED = Refusal.FARM_LOCKOUT
# Table 6-1: state, sequence, room -> refusal, next state, V(R), retransmit.
TABLE = [
    (OPEN, 0, True, None, OPEN, 1, False),
    (OPEN, 0, False, Refusal.FARM_WAIT, WAIT, 0, True),
    (OPEN, 1, True, Refusal.FARM_RETRANSMIT, OPEN, 0, True),
    (OPEN, HALF - 1, True, Refusal.FARM_RETRANSMIT, OPEN, 0, True),
    (OPEN, HALF, True, LOCKED, LOCKOUT, 0, False),
    (OPEN, 255, True, Refusal.FARM_DUPLICATE, OPEN, 0, False),
    (OPEN, 256 - HALF, True, Refusal.FARM_DUPLICATE, OPEN, 0, False),
    (OPEN, 255 - HALF, True, LOCKED, LOCKOUT, 0, False),
    (WAIT, 0, False, Refusal.FARM_WAIT, WAIT, 0, True),
    (WAIT, 1, True, Refusal.FARM_RETRANSMIT, WAIT, 0, True),
    (WAIT, 255, True, Refusal.FARM_DUPLICATE, WAIT, 0, True),
    (WAIT, HALF, True, LOCKED, LOCKOUT, 0, True),
    (LOCKOUT, 0, True, LOCKED, LOCKOUT, 0, False),
    (LOCKOUT, 1, True, LOCKED, LOCKOUT, 0, False),
    (LOCKOUT, 255, True, LOCKED, LOCKOUT, 0, False),
    (LOCKOUT, 128, True, LOCKED, LOCKOUT, 0, False),
]


@pytest.mark.parametrize(("state", "sequence", "room", "refusal", "then", "vr", "again"), TABLE)
def test_the_frame_events_of_the_state_table(
    state: FarmState,
    sequence: int,
    room: bool,
    refusal: Refusal | None,
    then: FarmState,
    vr: int,
    again: bool,
) -> None:
    """E1 to E5 act in each state as table 6-1 of CCSDS 232.1-B says."""
    farm = farm_in(state)
    assert farm.accept_ad(sequence, room=room) is refusal
    assert (farm.state, farm.expected, farm.clcw().retransmit) == (then, vr, again)


@pytest.mark.parametrize("state", FarmState)
def test_the_control_events_of_the_state_table(state: FarmState) -> None:
    """E6 to E8 and E10: bypass counts only, Unlock frees, Set V(R) does not end a lockout."""
    farm = farm_in(state)
    farm.accept_bd()
    assert farm.state is state
    farm.set_vr(77)
    assert (farm.state, farm.expected) == ((LOCKOUT, 0) if state is LOCKOUT else (OPEN, 77))
    farm = farm_in(state)
    farm.room_again()
    assert farm.state is (OPEN if state is WAIT else state)
    farm = farm_in(state)
    farm.unlock()
    assert (farm.state, farm.clcw().retransmit, farm.clcw().wait) == (OPEN, False, False)
    assert farm.clcw().farm_b == 1


class FarmMachine(RuleBasedStateMachine):
    """Any events in any order: numbers pass in unbroken order and Unlock always leads out."""

    def __init__(self) -> None:
        super().__init__()
        self.farm = Farm(window=2 * HALF)
        self.expected = 0
        self.counted = 0

    @rule(offset=st.integers(-HALF - 2, HALF + 2), room=st.booleans())
    def frame_ad(self, offset: int, room: bool) -> None:
        state = self.farm.state
        passed = self.farm.accept_ad((self.expected + offset) % 256, room=room) is None
        assert passed == (offset == 0 and room and state is OPEN)
        self.expected = (self.expected + passed) % 256
        if -HALF <= offset < HALF:
            assert (self.farm.state is LOCKOUT) == (state is LOCKOUT)
        else:
            assert self.farm.state is LOCKOUT

    @rule()
    def frame_bd(self) -> None:
        self.farm.accept_bd()
        self.counted += 1

    @rule()
    def unlock(self) -> None:
        self.farm.unlock()
        self.counted += 1
        assert self.farm.state is OPEN

    @rule(value=BYTE)
    def set_vr(self, value: int) -> None:
        if self.farm.state is not LOCKOUT:
            self.expected = value
        self.farm.set_vr(value)
        self.counted += 1

    @rule()
    def room_again(self) -> None:
        self.farm.room_again()
        assert self.farm.state is not WAIT

    @invariant()
    def the_clcw_tells_the_state(self) -> None:
        clcw = self.farm.clcw()
        assert clcw.report == self.farm.expected == self.expected
        assert clcw.farm_b == self.counted % 4
        assert clcw.lockout == (self.farm.state is LOCKOUT)
        assert not (clcw.wait and not clcw.lockout and not clcw.retransmit)


FarmMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestFarmMachine = FarmMachine.TestCase


@pytest.mark.parametrize("window", [0, 1, 3, 255, 256])
def test_windows_are_even_and_in_range(window: int) -> None:
    """The window of the standard is even and 2 to 254."""
    with pytest.raises(ValueError, match="window"):
        Farm(window=window)
