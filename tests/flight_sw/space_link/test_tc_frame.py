"""Telecommand frames and segments: layout, damage, addresses, and packets in pieces."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.space_link.packet import PACKET_BYTES_MAX, idle_packet
from flight_sw.space_link.refusal import FrameRefused, Refusal
from flight_sw.space_link.tc_frame import (
    FRAME_BYTES_MAX,
    FrameKind,
    Reassembler,
    TcHeader,
    close_frame,
    open_frame,
    parse_control,
    segments,
    set_vr,
    trim_fill,
)

KINDS = st.sampled_from(FrameKind)
HEADERS = st.builds(TcHeader, KINDS, st.integers(0, 1023), st.integers(0, 63), st.integers(0, 255))


def frame_of(header: TcHeader, data: bytes) -> bytes:
    """A whole frame around a data field."""
    return close_frame(header.pack(len(data) + 7) + data)


def refusal_of(frame: bytes, spacecraft: int = 42, channel: int = 0) -> Refusal:
    """Why a frame is refused."""
    with pytest.raises(FrameRefused) as caught:
        open_frame(frame, spacecraft, channel)
    return caught.value.reason


GOOD = frame_of(TcHeader(FrameKind.BD, 42, 0), b"data field")


@given(HEADERS, st.binary(min_size=1, max_size=FRAME_BYTES_MAX - 7))
def test_round_trip(header: TcHeader, data: bytes) -> None:
    """Every legal header and data field comes back equal."""
    frame = open_frame(frame_of(header, data), header.spacecraft, header.channel)
    assert frame.header == header
    assert frame.data == data
    assert frame.raw_header == header.pack(len(data) + 7)


def test_layout_bit_by_bit() -> None:
    """The header bits are where CCSDS 232.0-B figure 4-2 puts them."""
    header = TcHeader(FrameKind.BC, 0b10_1010_1010, 0b110011, 0xA5)
    bits = "".join(f"{byte:08b}" for byte in header.pack(1000))
    assert bits == "00" + "1" + "1" + "00" + "1010101010" + "110011" + f"{999:010b}" + "10100101"


def test_the_crc_is_the_published_one() -> None:
    """CRC-16 of the nine digits is 29B1, the check value of this polynomial and start."""
    assert close_frame(b"123456789")[-2:] == bytes.fromhex("29b1")


def test_every_flipped_bit_is_refused() -> None:
    """No single-bit change passes the frame checks (A6)."""
    for bit in range(len(GOOD) * 8):
        bad = bytearray(GOOD)
        bad[bit // 8] ^= 1 << bit % 8
        refusal_of(bytes(bad))


def test_every_truncation_and_trailing_bytes_are_refused() -> None:
    """Only the exact length passes (A10, A11), also under a right CRC."""
    for size in range(len(GOOD)):
        assert refusal_of(GOOD[:size]) is Refusal.LENGTH
    for size in range(len(GOOD) - 2):
        assert refusal_of(close_frame(GOOD[:size])) is Refusal.LENGTH
    assert refusal_of(GOOD + b"\0") is Refusal.LENGTH
    assert refusal_of(bytes(FRAME_BYTES_MAX + 1)) is Refusal.LENGTH


def test_foreign_and_future_frames_are_refused() -> None:
    """Another spacecraft, channel or version has its own reason (A9, A33)."""
    assert refusal_of(GOOD, spacecraft=43) is Refusal.SPACECRAFT
    assert refusal_of(GOOD, channel=1) is Refusal.CHANNEL
    for bits in (0x40, 0x80, 0x08, 0x04):
        body = bytes([GOOD[0] | bits]) + GOOD[1:-2]
        assert refusal_of(close_frame(body)) is Refusal.VERSION
    sequenced_control = bytes([GOOD[0] & ~0x20 | 0x10]) + GOOD[1:-2]
    assert refusal_of(close_frame(sequenced_control)) is Refusal.VERSION


@given(st.binary(max_size=7), st.integers(8, 60))
def test_only_block_fill_is_trimmed(fill: bytes, size: int) -> None:
    """Up to six bytes behind the frame are fill; more is not this frame."""
    frame = frame_of(TcHeader(FrameKind.BD, 1, 0), bytes(size - 7))
    if len(fill) <= 6:
        assert trim_fill(frame + fill) == frame
    else:
        with pytest.raises(FrameRefused, match="LENGTH"):
            trim_fill(frame + fill)
    with pytest.raises(FrameRefused, match="LENGTH"):
        trim_fill(frame[:-1])


def test_control_commands() -> None:
    """Unlock and Set V(R) are understood and nothing else is."""
    assert parse_control(b"\0") is None
    assert parse_control(set_vr(77)) == 77
    for bad in (b"", b"\1", b"\0\0", b"\x82\x00", b"\x82\x01\x00", b"\x82\x00\x00\x00"):
        with pytest.raises(FrameRefused, match="COMMAND"):
            parse_control(bad)


@given(st.integers(7, 3000), st.integers(6, 990))
def test_segments_reassemble(packet_size: int, part_bytes_max: int) -> None:
    """Any packet cut into any part size comes back equal, once, with the last segment."""
    packet = idle_packet(packet_size)
    parts = segments(packet, 5, part_bytes_max)
    reassembler = Reassembler(5)
    results = [reassembler.add(bytes([flag]) + part) for flag, part in parts]
    assert results == [None] * (len(parts) - 1) + [packet]
    assert all(len(part) <= part_bytes_max for _, part in parts)
    assert reassembler.abandoned == 0


def test_the_largest_packet_reassembles() -> None:
    """65,542 bytes pass; they are the most that is ever held."""
    packet = idle_packet(PACKET_BYTES_MAX)
    reassembler = Reassembler()
    *_, last = (reassembler.add(bytes([f]) + p) for f, p in segments(packet, 0, 986))
    assert last == packet


@pytest.mark.parametrize("lost", range(6))
def test_a_lost_segment_costs_one_packet(lost: int) -> None:
    """Without any one segment no packet comes out, and the next packet does."""
    packet = idle_packet(60)
    parts = [bytes([flag]) + part for flag, part in segments(packet, 0, 10)]
    reassembler = Reassembler()
    for segment in parts[:lost] + parts[lost + 1 :]:
        try:
            assert reassembler.add(segment) is None
        except FrameRefused as refused:
            assert refused.reason is Refusal.SEGMENT  # noqa: PT017 - either way is right
    assert [reassembler.add(segment) for segment in parts][-1] == packet


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (b"", Refusal.LENGTH),
        (b"\xc1" + idle_packet(9), Refusal.CHANNEL),
        (b"\x00" + idle_packet(9), Refusal.SEGMENT),
        (b"\x80" + idle_packet(9), Refusal.SEGMENT),
        (b"\xc0" + idle_packet(9)[:-1], Refusal.SEGMENT),
        (b"\xc0" + idle_packet(9) + b"\0", Refusal.SEGMENT),
        (b"\x40" + idle_packet(9), Refusal.SEGMENT),
        (b"\x40" + idle_packet(9)[:5], Refusal.SEGMENT),
        (b"\xc0" + b"\x20" + idle_packet(9)[1:], Refusal.SEGMENT),
    ],
    ids=["empty", "map", "continue", "last", "short", "long", "first-whole", "header", "version"],
)
def test_segments_that_do_not_fit_are_refused(segment: bytes, reason: Refusal) -> None:
    """Every wrong segment has its reason and leaves the reassembler ready."""
    reassembler = Reassembler()
    with pytest.raises(FrameRefused, match=reason.name):
        reassembler.add(segment)
    assert reassembler.add(b"\xc0" + idle_packet(9)) == idle_packet(9)


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_random_segments_raise_nothing_but_refusals(pieces: list[bytes]) -> None:
    """Noise never grows the partial packet beyond what its header announced."""
    reassembler = Reassembler()
    for piece in pieces:
        try:
            reassembler.add(piece)
        except FrameRefused:
            continue
    assert len(reassembler._partial or b"") < PACKET_BYTES_MAX


@given(st.binary(max_size=40))
def test_random_frames_are_refused(data: bytes) -> None:
    """Noise is refused, and only with FrameRefused."""
    if crc_hqx(data, 0xFFFF) != 0:
        refusal_of(data)


@pytest.mark.parametrize("frame_bytes", [0, 7, FRAME_BYTES_MAX + 1])
def test_headers_of_impossible_lengths_are_refused(frame_bytes: int) -> None:
    """No frame is without data or longer than the standard allows."""
    with pytest.raises(ValueError, match="no telecommand frame"):
        TcHeader(FrameKind.BD, 42, 0).pack(frame_bytes)


@pytest.mark.parametrize(("spacecraft", "channel"), [(-1, 0), (1024, 0), (0, -1), (0, 64)])
def test_addresses_out_of_range_are_refused(spacecraft: int, channel: int) -> None:
    """Ten bits of spacecraft and six of channel."""
    with pytest.raises(ValueError, match="0 to 1023"):
        TcHeader(FrameKind.BD, spacecraft, channel).pack(30)


def test_less_than_a_header_is_no_frame() -> None:
    """Nothing can be trimmed from it."""
    for size in range(5):
        with pytest.raises(FrameRefused, match="LENGTH"):
            trim_fill(bytes(size))


@pytest.mark.parametrize(("map_id", "part_bytes"), [(-1, 100), (64, 100), (0, 5)])
def test_segments_need_an_address_and_room_for_a_header(map_id: int, part_bytes: int) -> None:
    """Six bits of MAP, and a first part that tells the packet's length."""
    with pytest.raises(ValueError, match="MAP id"):
        segments(idle_packet(100), map_id, part_bytes)
