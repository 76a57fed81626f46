"""CLTUs: the code against the polynomial of the standard, damage, floods and resynchronising."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.space_link.cltu import (
    BLOCKS_MAX,
    FILL,
    START,
    TAIL,
    CltuDecoder,
    decode_block,
    encode_cltu,
    parity,
)
from flight_sw.space_link.tc_frame import frame_bytes

FRAMES = st.binary(min_size=1, max_size=200)
BOTH = pytest.mark.parametrize("randomize", [False, True])


def divided(data: bytes) -> int:
    """The parity byte by long division of polynomials, written without tables."""
    generator = 0b11000101  # x^7 + x^6 + x^2 + 1
    value = int.from_bytes(data, "big") << 7
    for bit in range(62, 6, -1):
        if value >> bit & 1:
            value ^= generator << (bit - 7)
    return (~value & 0x7F) << 1


@given(st.binary(min_size=7, max_size=7))
def test_parity_is_the_remainder_of_the_generator(data: bytes) -> None:
    """The table gives what the polynomial of CCSDS 231.0-B gives by hand."""
    assert parity(data) == divided(data)


@given(st.binary(min_size=7, max_size=7))
def test_one_bit_is_corrected_and_two_are_detected(data: bytes) -> None:
    """All 63 single errors of a block are mended, all 1,953 double errors refused."""
    block = int.from_bytes(data + bytes([parity(data)]), "big")
    for bit in range(1, 64):
        assert decode_block((block ^ 1 << bit).to_bytes(8, "big")) == data
    for first, second in itertools.combinations(range(1, 64), 2):
        assert decode_block((block ^ 1 << first ^ 1 << second).to_bytes(8, "big")) is None


def test_the_tail_cannot_be_decoded() -> None:
    """The tail sequence ends a unit because no code word is within one bit of it."""
    assert decode_block(TAIL) is None


@BOTH
@given(st.lists(FRAMES, max_size=5), st.integers(1, 50))
def test_round_trip_in_any_pieces(randomize: bool, frames: list[bytes], piece: int) -> None:
    """Frames come back in order with at most six bytes of fill, however the bytes arrive."""
    decoder = CltuDecoder(randomize=randomize)
    stream = b"".join(encode_cltu(frame, randomize=randomize) for frame in frames)
    found = []
    for at in range(0, len(stream), piece):
        found += decoder.feed(stream[at : at + piece])
    assert [data[: len(frame)] for data, frame in zip(found, frames, strict=True)] == frames
    assert all(len(data) - len(frame) <= 6 for data, frame in zip(found, frames, strict=True))
    if not randomize:
        fills = [data[len(frame) :] for data, frame in zip(found, frames, strict=True)]
        assert all(FILL.startswith(fill) for fill in fills)


def test_each_flipped_bit_between_start_and_tail_is_corrected() -> None:
    """A unit with one wrong bit in every block is decoded as if whole, and counted."""
    frame = bytes(range(70))
    good = encode_cltu(frame)
    for bit in range(63):
        bad = bytearray(good)
        for block in range(10):
            bad[2 + 8 * block + bit // 8] ^= 0x80 >> bit % 8
        decoder = CltuDecoder()
        assert decoder.feed(bytes(bad)) == [frame]
        assert decoder.corrected_bits == (10 if bit < 56 else 0)


@pytest.mark.parametrize("lost", range(60))
def test_a_lost_byte_costs_at_most_the_frame_it_was_in(lost: int) -> None:
    """After any one byte is dropped, the frame behind the damaged one is found."""
    first, second = encode_cltu(b"A" * 40), encode_cltu(b"B" * 42)
    stream = (first + second * 2)[:lost] + (first + second * 2)[lost + 1 :]
    assert CltuDecoder().feed(stream)[-1] == b"B" * 42


def test_a_damaged_tail_costs_neither_its_frame_nor_the_next() -> None:
    """Two wrong bits make many a tail decodable; who knows the frame's length is not fooled."""
    frame = bytes([0x22, 0xA1, 0, 19]) + bytes(range(16))
    unit = encode_cltu(frame)
    whole = fooled = 0
    for first, second in itertools.combinations(range(64), 2):
        tail = (int.from_bytes(TAIL, "big") ^ 1 << first ^ 1 << second).to_bytes(8, "big")
        stream = unit[: -len(TAIL)] + tail + unit
        found = CltuDecoder(frame_bytes=frame_bytes).feed(stream)
        whole += [one[:20] for one in found] == [frame, frame] and len(found[0]) == 21
        fooled += len(CltuDecoder().feed(stream)[0]) > 21
    assert fooled > 100
    assert whole == 64 * 63 // 2


def test_a_unit_longer_than_its_frame_is_handed_on_whole() -> None:
    """Clean blocks behind the frame are no damage: the frame layer refuses their length."""
    frame = bytes([0x22, 0xA1, 0, 6]) + bytes(range(10))
    assert CltuDecoder(frame_bytes=frame_bytes).feed(encode_cltu(frame)) == [frame]


@given(st.lists(st.sampled_from([START, TAIL, b"\xeb", b"\x90", bytes(8), b"\x55" * 9])))
def test_storms_of_marks_leave_a_working_bounded_decoder(pieces: list[bytes]) -> None:
    """Start and tail marks in any order fill no memory and do not stop a good frame (A18)."""
    decoder = CltuDecoder()
    for piece in pieces:
        decoder.feed(piece)
    decoder.feed(b"\0" * 8 * (BLOCKS_MAX + 2))
    decoder.feed(TAIL)
    assert decoder.feed(encode_cltu(b"good frame!!!!")) == [b"good frame!!!!"]


def test_a_unit_without_end_is_bounded() -> None:
    """A mebibyte of valid code blocks without tail keeps at most one frame (A18)."""
    decoder = CltuDecoder()
    block = bytes(7) + bytes([parity(bytes(7))])
    kept = 0
    for _ in range(128):
        decoder.feed(START + block * 1024)
        kept = max(kept, len(decoder._buffer) + len(decoder._data or b""))
    assert kept <= BLOCKS_MAX * 7 + 8


def test_a_partial_unit_is_dropped_on_request() -> None:
    """A slow frame is forgotten when its owner says so, and the next one is found (A17)."""
    decoder = CltuDecoder()
    decoder.feed(encode_cltu(b"half a frame sent slowly")[:20])
    decoder.reset()
    assert decoder.abandoned == 1
    assert decoder.feed(encode_cltu(b"a whole frame ")) == [b"a whole frame "]


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    """Noise, even behind a start mark, is decoded or dropped without an exception."""
    CltuDecoder().feed(data)
    CltuDecoder().feed(START + data)
