"""Marker and COBS framing: any pieces, damage, floods."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.space_link.coding import CaduDecoder
from flight_sw.space_link.framing import (
    ASM,
    Framing,
    StuffedDecoder,
    encode_asm,
    encode_cobs,
    encode_stuffed,
)

FRAME_BYTES = 40
BODIES = st.lists(st.binary(min_size=FRAME_BYTES - 2, max_size=FRAME_BYTES - 2), max_size=6)


def closed(body: bytes) -> bytes:
    """A body with its error control field."""
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def fed(decoder: CaduDecoder | StuffedDecoder, stream: bytes, piece: int = 1) -> list[bytes]:
    """All frames of a stream that arrives in pieces."""
    frames = []
    for at in range(0, len(stream), piece):
        frames += decoder.feed(stream[at : at + piece])
    return frames


@given(BODIES, st.booleans(), st.integers(1, 99))
def test_marker_round_trip(bodies: list[bytes], randomize: bool, piece: int) -> None:
    """Frames behind markers come back in order however the bytes arrive."""
    frames = [closed(body) for body in bodies]
    stream = b"".join(encode_asm(frame, randomize=randomize) for frame in frames)
    decoder = CaduDecoder(FRAME_BYTES, randomize=randomize)
    assert fed(decoder, b"noise" + stream, piece) == frames
    assert decoder.abandoned == 0


@pytest.mark.parametrize("framing", [Framing.COBS, Framing.SLIP])
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.integers(1, 99))
def test_stuffed_round_trip(framing: Framing, frames: list[bytes], piece: int) -> None:
    """Stuffed frames come back in order however the bytes arrive."""
    decoder = StuffedDecoder(300, framing)
    ends = (b"\xc0" if framing is Framing.SLIP else b"\0") * 2
    stream = ends + b"".join(encode_stuffed(frame, framing) for frame in frames)
    assert fed(decoder, stream, piece) == frames
    assert decoder.abandoned == 0


def test_slip_is_that_of_its_standard() -> None:
    """The two bytes that must not appear are written as in RFC 1055; a false escape is damage."""
    assert encode_stuffed(b"a\xc0b\xdbc", Framing.SLIP) == b"a\xdb\xdcb\xdb\xddc\xc0"
    decoder = StuffedDecoder(300, Framing.SLIP)
    assert decoder.feed(b"a\xdbx\xc0a\xdb\xc0good\xc0") == [b"good"]
    assert decoder.abandoned == 2


@pytest.mark.parametrize("lost", range(FRAME_BYTES + 4))
def test_a_lost_byte_costs_one_marked_frame(lost: int) -> None:
    """The marker of the next frame is found even inside what looked like the damaged one."""
    first, second = closed(b"A" * 38), closed(b"B" * 38)
    stream = encode_asm(first) + encode_asm(second)
    assert fed(CaduDecoder(FRAME_BYTES), stream[:lost] + stream[lost + 1 :]) == [second]


def test_a_marker_inside_a_frame_is_data() -> None:
    """A good frame that contains the marker is one frame."""
    frame = closed(ASM * 9 + b"..")
    assert fed(CaduDecoder(FRAME_BYTES), encode_asm(frame) * 2, 7) == [frame, frame]


def test_cobs_damage_costs_one_frame() -> None:
    """A frame with a false code byte is dropped and counted, the next one passes."""
    decoder = StuffedDecoder(300)
    bad = bytes([200]) + encode_cobs(b"payload")[1:]
    assert decoder.feed(bad + encode_cobs(b"good")) == [b"good"]
    assert decoder.abandoned == 1


def test_streams_without_end_are_bounded() -> None:
    """A mebibyte without an end mark keeps no more than one frame (A18)."""
    stuffed, marked = StuffedDecoder(300), CaduDecoder(FRAME_BYTES)
    for _ in range(1024):
        stuffed.feed(b"\1" * 1024)
        marked.feed(ASM * 256)
    assert len(stuffed._buffer) <= 302
    assert len(marked._buffer) <= FRAME_BYTES + 4
    assert stuffed.feed(b"\0" + encode_cobs(b"good")) == [b"good"]
    assert stuffed.abandoned == 1
    assert marked.feed(encode_asm(closed(b"C" * 38)))[-1] == closed(b"C" * 38)


def test_a_partial_stuffed_frame_is_dropped_on_request() -> None:
    """A slow frame is forgotten when its owner says so (A17)."""
    decoder = StuffedDecoder(300)
    decoder.feed(encode_cobs(b"slow frame")[:5])
    decoder.reset()
    assert decoder.feed(encode_cobs(b"good")) == [b"good"]
    assert decoder.abandoned == 1


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    """Noise is dropped without an exception."""
    for framing in (Framing.COBS, Framing.SLIP):
        StuffedDecoder(100, framing).feed(data)
    CaduDecoder(FRAME_BYTES).feed(ASM + data)
