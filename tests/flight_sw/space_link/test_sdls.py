"""Link security under replay, damage, foreign keys, crashes and worn-out counters."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flight_sw.space_link.keys import new_keys, reserved_test_keys
from flight_sw.space_link.refusal import FrameRefused, Refusal
from flight_sw.space_link.sdls import (
    CEILING_BLOCK,
    COUNTER_END,
    MAC_BYTES,
    OVERHEAD_BYTES,
    SECURITY_HEADER_BYTES,
    TC_WINDOW,
    TM_WINDOW,
    SdlsReceiver,
    SdlsSender,
)

KEYS = reserved_test_keys(9)
HEADER = b"header"


def pair(ceiling: int = 0) -> tuple[SdlsSender, SdlsReceiver]:
    """Both ends with their first block confirmed."""
    sender, receiver = SdlsSender(KEYS.tc, ceiling), SdlsReceiver(KEYS.tc, ceiling)
    for end in (sender, receiver):
        wanted = end.wanted_ceiling()
        if wanted is not None:
            end.ceiling_confirmed(wanted)
    return sender, receiver


def refusal(receiver: SdlsReceiver, protected: bytes, header: bytes = HEADER) -> Refusal:
    """The reason for which a frame is refused, having checked that nothing moved."""
    before = (receiver.next_counter, receiver.ceiling)
    with pytest.raises(FrameRefused) as caught:
        receiver.open(header, protected)
    assert (receiver.next_counter, receiver.ceiling) == before
    return caught.value.reason


@given(st.binary(max_size=40), st.binary(max_size=200))
def test_round_trip(header: bytes, plaintext: bytes) -> None:
    """What was protected opens under the same header and no other."""
    sender, receiver = pair()
    protected = sender.protect(header, plaintext)
    assert len(protected) == len(plaintext) + 30
    assert refusal(receiver, protected, header + b"x") is Refusal.MAC
    assert receiver.open(header, protected) == plaintext


def test_layout_is_the_one_in_the_standard() -> None:
    """SPI, transmitted IV, ciphertext and tag are those of plain AES-GCM with all-ones mask."""
    sender, _ = pair(ceiling=5)
    protected = sender.protect(HEADER, b"payload")
    iv = bytes.fromhex("00090001") + (5).to_bytes(8, "big")
    assert protected[:2] == b"\x00\x01"
    assert protected[2:14] == iv
    sealed = AESGCM(KEYS.tc.secret).encrypt(iv, b"payload", HEADER + protected[:14])
    assert protected[14:] == sealed


def test_every_flipped_bit_and_every_truncation_is_refused() -> None:
    """No single-bit change of header or frame, and no part of a frame, passes (A6, A7, A11)."""
    sender, receiver = pair()
    good = sender.protect(HEADER, b"a telecommand")
    whole = HEADER + good
    for bit in range(len(whole) * 8):
        bad = bytearray(whole)
        bad[bit // 8] ^= 1 << bit % 8
        refusal(receiver, bytes(bad[len(HEADER) :]), bytes(bad[: len(HEADER)]))
    for size in range(len(good)):
        assert refusal(receiver, good[:size]) in (Refusal.LENGTH, Refusal.MAC)
    assert refusal(receiver, good + b"\0") is Refusal.MAC
    assert refusal(receiver, good[:-16] + bytes(16)) is Refusal.MAC
    assert receiver.open(HEADER, good) == b"a telecommand"


def test_replay_older_and_swapped_frames_are_refused() -> None:
    """A frame passes once, and never after a newer one (A1, A2, A3)."""
    sender, receiver = pair()
    first, second, third = (sender.protect(HEADER, bytes([n])) for n in range(3))
    receiver.open(HEADER, second)
    assert refusal(receiver, first) is Refusal.REPLAY
    assert refusal(receiver, second) is Refusal.REPLAY
    assert receiver.open(HEADER, third) == b"\x02"


def test_a_jump_beyond_the_window_is_refused() -> None:
    """Gaps pass up to the window and not one further (A4)."""
    sender, receiver = pair()
    sender.jump_to(TC_WINDOW)
    sender.ceiling_confirmed(2 * TC_WINDOW)
    receiver.ceiling_confirmed(2 * TC_WINDOW)
    assert refusal(receiver, sender.protect(HEADER, b"")) is Refusal.GAP
    receiver.open(HEADER, _at(TC_WINDOW - 1))
    receiver.open(HEADER, _at(2 * TC_WINDOW - 1))


def test_the_last_numbers_wear_the_key_out() -> None:
    """At its end the counter stops on both sides; it never wraps to zero (A5)."""
    sender = SdlsSender(KEYS.tc, COUNTER_END - 2)
    receiver = SdlsReceiver(KEYS.tc, COUNTER_END - 2)
    assert sender.wanted_ceiling() == receiver.wanted_ceiling() == COUNTER_END
    sender.ceiling_confirmed(COUNTER_END)
    receiver.ceiling_confirmed(COUNTER_END)
    assert refusal(receiver, _at(COUNTER_END)) is Refusal.EXHAUSTED
    for _ in range(2):
        receiver.open(HEADER, sender.protect(HEADER, b"last"))
    with pytest.raises(FrameRefused, match="EXHAUSTED"):
        sender.protect(HEADER, b"one more")
    for counter in (0, 1, COUNTER_END - 1, COUNTER_END):
        assert refusal(receiver, _at(counter)) is Refusal.EXHAUSTED
    assert sender.wanted_ceiling() is receiver.wanted_ceiling() is None


def test_foreign_frames_are_refused() -> None:
    """Another key, another board and our own telemetry sent back do not pass (A8)."""
    _, receiver = pair()
    reflected = SdlsSender(KEYS.tm, 0)
    other_board = SdlsSender(reserved_test_keys(10).tc, 0)
    other_key = SdlsSender(new_keys(9, bytes(range(64))).tc, 0)
    for sender in (reflected, other_board, other_key):
        sender.ceiling_confirmed(256)
    assert refusal(receiver, reflected.protect(HEADER, b"tm")) is Refusal.SPI
    assert refusal(receiver, other_board.protect(HEADER, b"tc")) is Refusal.IV
    assert refusal(receiver, other_key.protect(HEADER, b"tc")) is Refusal.MAC


def test_frames_beyond_the_durable_ceiling_wait_for_it() -> None:
    """A genuine frame above the stored ceiling is refused, raises the wish, and passes after."""
    sender, receiver = SdlsSender(KEYS.tc, 0), SdlsReceiver(KEYS.tc, 0)
    with pytest.raises(FrameRefused, match="COUNTER_NOT_STORED"):
        sender.protect(HEADER, b"")
    sender.ceiling_confirmed(4096)
    receiver.ceiling_confirmed(256)
    assert receiver.wanted_ceiling() is None
    sender.jump_to(1000)
    frame = sender.protect(HEADER, b"x")
    forged = frame[:-1] + bytes([frame[-1] ^ 1])
    assert refusal(receiver, forged) is Refusal.MAC
    assert receiver.wanted_ceiling() is None, "a forged frame must not cause a write"
    assert refusal(receiver, frame) is Refusal.COUNTER_NOT_STORED
    wanted = receiver.wanted_ceiling()
    assert wanted == 1000 + CEILING_BLOCK
    receiver.ceiling_confirmed(wanted)
    assert receiver.wanted_ceiling() is None
    assert receiver.open(HEADER, frame) == b"x"


def test_a_settled_end_is_silent_and_skips_nothing() -> None:
    """A clean end gives the exact next number and refuses all further frames."""
    sender, receiver = pair()
    frame = sender.protect(HEADER, b"")
    assert sender.settle() == 1
    assert receiver.settle() == 0
    assert refusal(receiver, frame) is Refusal.STATE
    with pytest.raises(FrameRefused, match="STATE"):
        sender.protect(HEADER, b"")


@given(st.binary(max_size=100))
def test_random_bytes_are_refused(data: bytes) -> None:
    """Noise moves nothing and raises nothing but FrameRefused."""
    _, receiver = pair()
    refusal(receiver, data)


class CrashingLink(RuleBasedStateMachine):
    """Both ends send, receive, store late, crash at any moment; an attacker repeats everything."""

    def __init__(self) -> None:
        super().__init__()
        self.stored = [0, 0]
        self.sender, self.receiver = SdlsSender(KEYS.tc, 0), SdlsReceiver(KEYS.tc, 0)
        self.frames: list[bytes] = []
        self.accepted: list[bytes] = []

    @rule()
    def store(self) -> None:
        for place, end in enumerate((self.sender, self.receiver)):
            wanted = end.wanted_ceiling()
            if wanted is not None:
                assert wanted > self.stored[place]
                self.stored[place] = wanted
                end.ceiling_confirmed(wanted)

    @rule(count=st.integers(1, 150))
    def send(self, count: int) -> None:
        for _ in range(count):
            if self.sender.next_counter == self.sender.ceiling:
                with pytest.raises(FrameRefused, match="COUNTER_NOT_STORED"):
                    self.sender.protect(HEADER, b"")
                return
            self.frames.append(self.sender.protect(HEADER, b""))

    @precondition(lambda self: self.frames)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        frame = data.draw(st.sampled_from(self.frames[-40:]))
        try:
            self.receiver.open(HEADER, frame)
        except FrameRefused:
            return
        self.accepted.append(frame)

    @rule(clean=st.booleans())
    def restart_sender(self, clean: bool) -> None:
        if clean:
            self.stored[0] = self.sender.settle()
        self.sender = SdlsSender(KEYS.tc, self.stored[0])

    @rule(clean=st.booleans())
    def restart_receiver(self, clean: bool) -> None:
        if clean:
            self.stored[1] = self.receiver.settle()
        self.receiver = SdlsReceiver(KEYS.tc, self.stored[1])

    @rule()
    def jump(self) -> None:
        self.sender.jump_to(self.receiver.next_counter)

    @invariant()
    def no_iv_twice_and_no_frame_twice(self) -> None:
        ivs = [frame[2:14] for frame in self.frames]
        assert len(set(ivs)) == len(ivs)
        assert len(set(self.accepted)) == len(self.accepted)
        assert self.accepted == sorted(self.accepted)


CrashingLink.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCrashingLink = CrashingLink.TestCase


def _at(counter: int) -> bytes:
    """A genuine frame with this counter, made without our sender."""
    security = bytes.fromhex("000100090001") + counter.to_bytes(8, "big")
    return security + AESGCM(KEYS.tc.secret).encrypt(security[2:], b"", HEADER + security)


@pytest.mark.parametrize(("ceiling", "block"), [(-1, 1), (COUNTER_END + 1, 1), (0, 0), (5, -1)])
def test_ceilings_and_blocks_out_of_range_are_refused(ceiling: int, block: int) -> None:
    """Each alone is a ValueError; the ends of the range are none."""
    with pytest.raises(ValueError, match="ceiling is in"):
        SdlsSender(KEYS.tc, ceiling, block)
    assert SdlsSender(KEYS.tc, COUNTER_END, 1).ceiling == COUNTER_END
    assert SdlsSender(KEYS.tc, 0, 1).next_counter == 0


def test_sizes_are_those_of_the_standard() -> None:
    """355.0: 2 B SPI and 12 B IV before, 16 B MAC behind; 64 bits count, windows are named."""
    assert (SECURITY_HEADER_BYTES, MAC_BYTES, OVERHEAD_BYTES) == (14, 16, 30)
    assert (TC_WINDOW, TM_WINDOW, COUNTER_END) == (4096, 1 << 32, (1 << 64) - 1)
    sender, _ = pair()
    assert sender.spi == KEYS.tc.spi
    assert len(sender.protect(HEADER, b"")) == OVERHEAD_BYTES


@pytest.mark.parametrize("block", [1, 2, 3, 8, 9])
def test_the_next_ceiling_is_wanted_at_half_a_block(block: int) -> None:
    """Just as many numbers as half a block, but at least one, are kept in hand."""
    for end in (SdlsSender(KEYS.tc, 0, block), SdlsReceiver(KEYS.tc, 0, block=block)):
        assert end.wanted_ceiling() == block
        enough = max(block // 2, 1)
        end.ceiling_confirmed(enough)
        assert end.wanted_ceiling() is None
        if enough > 1:
            low = SdlsSender(KEYS.tc, 0, block)
            low.ceiling_confirmed(enough - 1)
            assert low.wanted_ceiling() == block


def test_a_ceiling_never_moves_down_nor_beyond_the_end() -> None:
    """What was stored stays; more than the counter has is cut."""
    sender, _ = pair(1000)
    before = sender.ceiling
    sender.ceiling_confirmed(5)
    assert sender.ceiling == before
    sender.ceiling_confirmed(COUNTER_END + 5)
    assert sender.ceiling == COUNTER_END


def test_a_reservation_asks_for_just_what_it_needs() -> None:
    """Room for the frames and a block beyond; what fits asks for nothing."""
    sender = SdlsSender(KEYS.tc, 0, 8)
    sender.ceiling_confirmed(8)
    assert sender.available == 8
    assert sender.reserve(8)
    assert sender.wanted_ceiling() is None
    assert not sender.reserve(9)
    assert sender.wanted_ceiling() == 17
    sender.ceiling_confirmed(17)
    assert sender.reserve(9)
    sender.settle()
    assert sender.available == 0


def test_a_jump_goes_forward_only() -> None:
    """The past stays used, the end stays the end, and nothing above the ceiling is used."""
    sender, _ = pair()
    sender.jump_to(100)
    assert (sender.next_counter, sender.ceiling) == (100, CEILING_BLOCK)
    sender.jump_to(50)
    assert sender.next_counter == 100
    sender.jump_to(1000)
    assert (sender.next_counter, sender.ceiling, sender.available) == (1000, 1000, 0)
    sender.jump_to(COUNTER_END + 1)
    assert sender.next_counter == COUNTER_END


def test_the_window_ends_where_it_says() -> None:
    """The last number within only waits for its ceiling, the next is a gap."""
    _, receiver = pair()
    assert refusal(receiver, _at(TC_WINDOW)) is Refusal.GAP
    assert refusal(receiver, _at(TC_WINDOW - 1)) is Refusal.COUNTER_NOT_STORED


def test_a_frame_at_the_ceiling_waits_and_one_below_passes() -> None:
    """The first number that is not covered is refused until it is."""
    sender, receiver = pair()
    receiver = SdlsReceiver(KEYS.tc, 0)
    receiver.ceiling_confirmed(1)
    assert receiver.open(HEADER, sender.protect(HEADER, b"a")) == b"a"
    frame = sender.protect(HEADER, b"b")
    assert refusal(receiver, frame) is Refusal.COUNTER_NOT_STORED
    assert receiver.wanted_ceiling() == 1 + CEILING_BLOCK
    assert refusal(receiver, frame[: OVERHEAD_BYTES - 1]) is Refusal.LENGTH
