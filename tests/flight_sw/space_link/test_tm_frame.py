"""Telemetry frames: packets across frame ends, loss, damage, counters, and the peer's view."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ccsds.tm_frame import TmTransferFrame

from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.packet import idle_packet, packet_bytes
from flight_sw.space_link.refusal import Refusal
from flight_sw.space_link.sdls import TM_WINDOW, SdlsReceiver, SdlsSender
from flight_sw.space_link.tc_frame import close_frame
from flight_sw.space_link.tm_frame import (
    QUEUE_BYTES_MAX,
    VC_HOUSEKEEPING,
    VC_IDLE,
    VC_RESULTS,
    TmDeframer,
    TmFormat,
    TmFramer,
)

KEYS = reserved_test_keys(3)
FORM = TmFormat(spacecraft=42, frame_bytes=128)
CLCW = b"\x01\x00\x00\x07"
MANY = 1 << 20


def ends(form: TmFormat = FORM) -> tuple[TmFramer, TmDeframer]:
    """Both ends with plenty of counters."""
    sender = SdlsSender(KEYS.tm, 0)
    receiver = SdlsReceiver(KEYS.tm, 0, TM_WINDOW)
    sender.ceiling_confirmed(MANY)
    receiver.ceiling_confirmed(MANY)
    return TmFramer(form, sender), TmDeframer(form, receiver)


def packet_of(size: int, mark: int) -> bytes:
    """A packet that is not idle and can be told from others."""
    body = (mark.to_bytes(4, "big") * (size // 4 + 2))[: size - 6]
    return b"\x08\x07\xc0\x00" + (size - 7).to_bytes(2, "big") + body


def accepted(deframer: TmDeframer, frames: list[bytes]) -> dict[int, list[bytes]]:
    """Packets by channel out of frames."""
    found = defaultdict(list)
    for frame in frames:
        for vc, packet in deframer.accept(frame):
            found[vc].append(packet)
    return found


BATCHES = st.lists(
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(7, 400)), max_size=8), max_size=5
)


@given(BATCHES)
def test_packets_round_trip_over_flushes(batches: list[list[tuple[int, int]]]) -> None:
    """Packets of any sizes come back in order per channel after each flush, and nothing else."""
    framer, deframer = ends()
    for number, batch in enumerate(batches):
        sent = defaultdict(list)
        for place, (vc, size) in enumerate(batch):
            packet = packet_of(size, number * 100 + place)
            assert framer.add(vc, packet)
            sent[vc].append(packet)
        frames = framer.flush(CLCW)
        assert all(len(frame) == FORM.frame_bytes for frame in frames)
        assert accepted(deframer, frames) == sent
    assert deframer.lost_frames == deframer.refusals.total() == 0


@given(BATCHES, st.data())
def test_lost_frames_cost_only_their_packets(
    batches: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """Without some frames only whole packets come out, and the last flush always does."""
    framer, deframer = ends()
    sent, kept = set(), []
    for number, batch in enumerate(batches):
        for place, (vc, size) in enumerate(batch):
            packet = packet_of(size, number * 100 + place)
            framer.add(vc, packet)
            sent.add(packet)
        kept += [frame for frame in framer.flush(CLCW) if data.draw(st.booleans())]
    for packets in accepted(deframer, kept).values():
        assert sent.issuperset(packets)
    last = packet_of(300, 99_999)
    framer.add(VC_RESULTS, last)
    assert accepted(deframer, framer.flush(CLCW))[VC_RESULTS] == [last]


@pytest.mark.parametrize("left", range(8))
def test_fill_of_every_size(left: int) -> None:
    """Room for less than one idle packet takes a second frame and loses nothing."""
    framer, deframer = ends()
    packet = packet_of(FORM.data_bytes - left, 5)
    for _ in range(2):
        framer.add(VC_HOUSEKEEPING, packet)
        frames = framer.flush(CLCW)
        assert len(frames) == (2 if 0 < left < 7 else 1)
        assert accepted(deframer, frames) == {VC_HOUSEKEEPING: [packet]}


def test_housekeeping_goes_first_and_the_rest_stays() -> None:
    """With room for one frame only, channel 0 gets it and channel 1 keeps its packets."""
    framer, deframer = ends()
    framer.add(VC_RESULTS, packet_of(50, 1))
    framer.add(VC_HOUSEKEEPING, packet_of(50, 2))
    assert accepted(deframer, framer.flush(CLCW, frames_max=1)) == {0: [packet_of(50, 2)]}
    assert framer.queued_bytes(VC_RESULTS) == 50
    assert accepted(deframer, framer.flush(CLCW)) == {1: [packet_of(50, 1)]}


def test_queues_are_bounded() -> None:
    """A full channel refuses a packet whole and the other channel does not notice."""
    framer, _ = ends()
    big = packet_of(65_542, 1)
    assert [framer.add(VC_RESULTS, big) for _ in range(4)] == [True, True, True, False]
    assert framer.queued_bytes(VC_RESULTS) <= QUEUE_BYTES_MAX
    assert framer.add(VC_HOUSEKEEPING, packet_of(50, 2))


def test_flush_stops_at_the_stored_ceiling() -> None:
    """No frame leaves under a counter that is not durable; what is queued waits."""
    security = SdlsSender(KEYS.tm, 0)
    framer = TmFramer(FORM, security)
    framer.add(VC_HOUSEKEEPING, packet_of(500, 1))
    assert framer.flush(CLCW) == framer.idle() == []
    security.ceiling_confirmed(2)
    assert len(framer.flush(CLCW)) == 2
    assert framer.queued_bytes(VC_HOUSEKEEPING) > 0
    security.ceiling_confirmed(100)
    assert len(framer.flush(CLCW)) > 0


def test_idle_frames_bring_the_control_word_only() -> None:
    """A frame on channel 7 has no packets, and its CLCW arrives."""
    framer, deframer = ends()
    (frame,) = framer.idle(CLCW)
    assert deframer.accept(frame) == []
    assert deframer.clcw == CLCW
    assert frame[1] >> 1 & 7 == VC_IDLE


def test_genuine_frames_wait_for_the_ceiling() -> None:
    """Telemetry that comes before the ground has stored its ceiling is held, not lost."""
    sender, receiver = SdlsSender(KEYS.tm, 1000), SdlsReceiver(KEYS.tm, 0, TM_WINDOW)
    sender.ceiling_confirmed(MANY)
    framer, deframer = TmFramer(FORM, sender), TmDeframer(FORM, receiver)
    framer.add(VC_RESULTS, packet_of(300, 1))
    assert accepted(deframer, framer.flush(CLCW)) == {}
    assert deframer.retry_held() == []
    wanted = receiver.wanted_ceiling()
    assert wanted is not None
    receiver.ceiling_confirmed(wanted)
    assert deframer.retry_held() == [(VC_RESULTS, packet_of(300, 1))]
    assert deframer.refusals.total() == deframer.lost_frames == 0


def test_every_flipped_bit_and_truncation_is_refused() -> None:
    """No single-bit change and no part of a frame passes (A6, A11)."""
    framer, deframer = ends()
    framer.add(VC_HOUSEKEEPING, packet_of(60, 1))
    (good,) = framer.flush(CLCW)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert deframer.accept(bytes(bad)) == []
    for size in range(len(good)):
        assert deframer.accept(good[:size]) == []
    assert deframer.frames == 0
    assert deframer.accept(good) == [(0, packet_of(60, 1))]
    assert deframer.accept(good) == []
    assert deframer.refusals[Refusal.REPLAY] == 1


@pytest.mark.parametrize("missing", [1, 3, 255, 256, 512, 700])
def test_lost_frames_are_counted_and_never_joined(missing: int) -> None:
    """Even after 256 frames, when the 8-bit counts come round, halves are not put together."""
    framer, deframer = ends()
    accepted(deframer, framer.idle())
    framer.add(VC_RESULTS, packet_of(2 * FORM.data_bytes, 1))
    first, _ = framer.flush(CLCW)
    accepted(deframer, [first])
    for _ in range(missing - 1):
        framer.add(VC_RESULTS, packet_of(FORM.data_bytes, 2))
        framer.flush(CLCW)
    framer.add(VC_RESULTS, packet_of(50, 3))
    assert accepted(deframer, framer.flush(CLCW)) == {VC_RESULTS: [packet_of(50, 3)]}
    assert deframer.lost_frames == missing


def test_halves_of_two_packets_are_not_joined_when_the_count_comes_round() -> None:
    """After just 256 lost frames the channel count agrees; the security counter tells the loss."""
    framer, deframer = ends()
    halves = []
    for mark in range(129):
        framer.add(VC_RESULTS, packet_of(2 * FORM.data_bytes, mark))
        halves += framer.flush(CLCW)
    assert deframer.accept(halves[0]) == []
    assert deframer.accept(halves[257]) == []
    assert deframer.lost_frames == 256


def test_the_peer_reads_our_header() -> None:
    """spacepackets finds the same ids, counts, pointer and control word in our frame."""
    framer, _ = ends(TmFormat(spacecraft=0x2A5, frame_bytes=1115))
    framer.add(VC_RESULTS, packet_of(100, 1))
    framer.add(VC_RESULTS, packet_of(1100, 2))
    _, frame = framer.flush(CLCW)
    peer = TmTransferFrame.unpack(frame, len(frame), has_error_control_field=True)
    header = peer.primary_header
    assert header.master_channel_id.spacecraft_id == 0x2A5
    assert header.vc_id == VC_RESULTS
    assert (header.master_ch_frame_count, header.vc_frame_count) == (1, 1)
    assert header.frame_datafield_status.first_header_pointer == 1200 - 1073
    assert bytes(peer.op_ctrl_field) == CLCW


@pytest.mark.parametrize("frame_bytes", [0, 127, 2049])
def test_frame_lengths_are_checked(frame_bytes: int) -> None:
    """A length that cannot work is refused when the link is set up."""
    with pytest.raises(ValueError, match="128 to 2048"):
        TmFormat(1, frame_bytes)


def test_idle_packets_are_left_out() -> None:
    """Fill never reaches the user."""
    framer, deframer = ends()
    framer.add(VC_HOUSEKEEPING, idle_packet(20))
    assert accepted(deframer, framer.flush()) == {}
    assert packet_bytes(idle_packet(20)) == 20


def genuine(sender: SdlsSender, channel: int, pointer: int, data: bytes, count: int = 0) -> bytes:
    """An authentic frame of any content."""
    header = (42 << 4 | channel << 1 | 1).to_bytes(2, "big") + bytes([0, count])
    header += (0b11 << 11 | pointer).to_bytes(2, "big")
    body = header + sender.protect(header, data.ljust(FORM.data_bytes, b"\0")) + CLCW
    return close_frame(body)


def test_genuine_frames_of_nonsense_are_counted_and_cost_what_was_begun() -> None:
    """A sender gone mad loses its own packets; the next sound frame is heard."""
    sender = SdlsSender(KEYS.tm, 0)
    sender.ceiling_confirmed(MANY)
    _, deframer = ends()
    long = packet_of(200, 7)
    assert deframer.accept(genuine(sender, 0, 0, long[: FORM.data_bytes])) == []
    stray = packet_of(FORM.data_bytes - 3, 8)  # the packet that was begun does not end at 3
    assert deframer.accept(genuine(sender, 0, 3, b"abc" + stray, count=1)) == [(0, stray)]
    assert deframer.accept(genuine(sender, 0, 0, b"\xff" * 20, count=2)) == []
    assert deframer.refusals[Refusal.PACKET] == 1
    small = packet_of(FORM.data_bytes, 9)
    assert deframer.accept(genuine(sender, 0, 0, small, count=3)) == [(0, small)]
    assert deframer.accept(genuine(sender, 3, 0, small)) == []
    assert deframer.refusals[Refusal.CHANNEL] == 1


def test_frames_of_another_spacecraft_are_refused() -> None:
    """The address is looked at before the counter moves."""
    framer, _ = ends(TmFormat(43, 128))
    _, deframer = ends()
    assert deframer.accept(framer.idle(CLCW)[0]) == []
    assert deframer.refusals[Refusal.SPACECRAFT] == 1


@pytest.mark.parametrize("spacecraft", [-1, 1024])
def test_spacecraft_numbers_have_ten_bits(spacecraft: int) -> None:
    """Anything else is refused where the link is made."""
    with pytest.raises(ValueError, match="0 to 1023"):
        TmFormat(spacecraft)
