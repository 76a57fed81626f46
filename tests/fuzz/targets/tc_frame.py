"""Telecommand frames, control commands and segments, with lengths and checks mended or as they come."""

import contextlib

from flight_sw.space_link.refusal import FrameRefused
from flight_sw.space_link.tc_frame import (
    FrameKind,
    Reassembler,
    TcHeader,
    open_frame,
    parse_control,
    set_vr,
    trim_fill,
)
from tests.fuzz.inputs import Input, joined, with_crc16


def seeds() -> list[bytes]:
    """Frames of the three kinds, a control command, and segments of one packet."""
    packet = bytes([0x18, 0x42, 0xC0, 0, 0, 9]) + bytes(10)
    frames = [TcHeader(kind, 7, 0).pack(30) + bytes(23) for kind in FrameKind]
    segments = joined(b"\x40" + packet[:8], b"\x00" + packet[8:12], b"\x80" + packet[12:])
    return [
        *(b"\0" + frame for frame in frames),
        b"\1" + set_vr(9),
        b"\2" + segments,
        b"\3" + frames[0],
    ]


def run(data: bytes) -> None:
    """A frame, or FrameRefused."""
    given = Input(data)
    match given.byte() % 4:
        case 0:
            _refusable(lambda: open_frame(with_crc16(_sized(given.rest())), 7, 0))
        case 1:
            _refusable(lambda: parse_control(given.rest()))
        case 2:
            reassembler = Reassembler()
            for segment in given.pieces():
                _refusable(lambda segment=segment: reassembler.add(segment))
        case _:
            _refusable(lambda: open_frame(trim_fill(given.rest()), 7, 0))


def _sized(frame: bytes) -> bytes:
    if len(frame) < 5:
        return frame
    channel = int.from_bytes(frame[2:4], "big") & 0xFC00
    return frame[:2] + (channel | (len(frame) + 1) & 0x3FF).to_bytes(2, "big") + frame[4:]


def _refusable(act) -> None:
    with contextlib.suppress(FrameRefused):
        act()
