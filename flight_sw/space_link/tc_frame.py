"""Telecommand transfer frames, CCSDS 232.0-B-4, and the segments that they carry.

    frame   = primary header 5 B | data field | FECF 2 B                  at most 1,024 B
    segment = sequence flags and MAP 1 B | part of one space packet       in AD and BD frames

The security layer sits between: it authenticates primary and segment header and replaces the
rest of the data field. This module knows no keys; it hands out the header bytes to authenticate.
"""

import struct
from binascii import crc_hqx
from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import PACKET_BYTES_MAX, PACKET_HEADER_BYTES, packet_bytes
from flight_sw.space_link.refusal import FrameRefused, Refusal

FRAME_BYTES_MAX = 1024  # 4.1.2.7: a 10-bit length
HEADER_BYTES = 5
FECF_BYTES = 2
FILL_BYTES_MAX = 6  # CCSDS 231.0-B-4, 4.4: the last code block is filled up to 7 bytes
UNLOCK = b"\x00"  # 4.1.3.3.2
_SET_VR = b"\x82\x00"  # 4.1.3.3.3, followed by the value

_HEADER = struct.Struct(">HHB")
_BYPASS = 1 << 13
_CONTROL = 1 << 12
_FIRST, _CONTINUED, _LAST, _WHOLE = 0b01 << 6, 0b00 << 6, 0b10 << 6, 0b11 << 6  # 4.1.3.2.2.2


@unique
class FrameKind(Enum):
    """The three legal combinations of bypass and control command flag (table 4-1)."""

    AD = 0
    BD = _BYPASS
    BC = _BYPASS | _CONTROL


@dataclass(frozen=True, slots=True)
class TcHeader:
    """The primary header less its length; `sequence` is N(S), 0 in BD and BC frames."""

    kind: FrameKind
    spacecraft: int
    channel: int
    sequence: int = 0

    def pack(self, frame_bytes: int) -> bytes:
        """The 5 header bytes of a frame of this whole length, FECF included."""
        if not HEADER_BYTES + FECF_BYTES < frame_bytes <= FRAME_BYTES_MAX:
            raise ValueError(f"no telecommand frame has {frame_bytes} bytes")
        if not (0 <= self.spacecraft < 1 << 10 and 0 <= self.channel < 1 << 6):
            raise ValueError("spacecraft id is in 0 to 1023, virtual channel in 0 to 63")
        return _HEADER.pack(
            self.kind.value | self.spacecraft,
            self.channel << 10 | (frame_bytes - 1),
            self.sequence,
        )


@dataclass(frozen=True, slots=True)
class TcFrame:
    """A frame taken apart: `raw_header` is what the MAC covers, `data` the field behind it."""

    header: TcHeader
    raw_header: bytes
    data: bytes


def close_frame(body: bytes) -> bytes:
    """The frame with its error control field."""
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def open_frame(frame: bytes, spacecraft: int, channel: int) -> TcFrame:
    """Check length, version, FECF and address, in this order; FrameRefused with the reason."""
    if not HEADER_BYTES + FECF_BYTES < len(frame) <= FRAME_BYTES_MAX:
        raise FrameRefused(Refusal.LENGTH)
    first, second, sequence = _HEADER.unpack_from(frame)
    if first & 0xCC00 or first & (_BYPASS | _CONTROL) == _CONTROL:
        raise FrameRefused(Refusal.VERSION)
    if (second & 0x3FF) + 1 != len(frame):
        raise FrameRefused(Refusal.LENGTH)
    if crc_hqx(frame, 0xFFFF) != 0:
        raise FrameRefused(Refusal.FECF)
    kind = FrameKind(first & (_BYPASS | _CONTROL))
    header = TcHeader(kind, first & 0x3FF, second >> 10, sequence)
    if header.spacecraft != spacecraft:
        raise FrameRefused(Refusal.SPACECRAFT)
    if header.channel != channel:
        raise FrameRefused(Refusal.CHANNEL)
    return TcFrame(header, frame[:HEADER_BYTES], frame[HEADER_BYTES:-FECF_BYTES])


def trim_fill(data: bytes) -> bytes:
    """The frame at the start of decoded code blocks, without the fill behind it."""
    if len(data) < HEADER_BYTES:
        raise FrameRefused(Refusal.LENGTH)
    length = frame_bytes(data)
    if not 0 <= len(data) - length <= FILL_BYTES_MAX:
        raise FrameRefused(Refusal.LENGTH)
    return data[:length]


def frame_bytes(data: bytes) -> int:
    """How long the frame is that begins with these at least 5 bytes, as its header says (4.1.2.7)."""
    return (int.from_bytes(data[2:4], "big") & 0x3FF) + 1


def set_vr(value: int) -> bytes:
    """The control command that sets the frame sequence number that FARM-1 expects."""
    return _SET_VR + bytes([value])


def parse_control(data: bytes) -> int | None:
    """None for Unlock, the value for Set V(R); FrameRefused for any other control command."""
    if data == UNLOCK:
        return None
    if len(data) == 3 and data[:2] == _SET_VR:
        return data[2]
    raise FrameRefused(Refusal.COMMAND)


def segments(packet: bytes, map_id: int, part_bytes_max: int) -> list[tuple[int, bytes]]:
    """Segment headers and parts of one packet, in the order of sending."""
    if not 0 <= map_id < 1 << 6 or part_bytes_max < PACKET_HEADER_BYTES:
        raise ValueError("a MAP id is in 0 to 63 and a part holds at least a packet header")
    parts = [packet[at : at + part_bytes_max] for at in range(0, len(packet), part_bytes_max)]
    if len(parts) == 1:
        return [(_WHOLE | map_id, packet)]
    flags = [_FIRST] + [_CONTINUED] * (len(parts) - 2) + [_LAST]
    return [(flag | map_id, part) for flag, part in zip(flags, parts, strict=True)]


class Reassembler:
    """Segments of one MAP back to packets; holds one unfinished packet, at most 65,542 bytes."""

    def __init__(self, map_id: int = 0) -> None:
        self._map_id = map_id
        self._partial: bytearray | None = None
        self._expected_bytes = 0
        self.abandoned = 0

    def abandon(self) -> None:
        """Forget the unfinished packet, if any: a segment of it was lost."""
        if self._partial is not None:
            self._partial = None
            self.abandoned += 1

    def add(self, segment: bytes) -> bytes | None:
        """The packet that this segment completes, or None; FrameRefused if it does not fit."""
        if not segment:
            raise FrameRefused(Refusal.LENGTH)
        flag, part = segment[0] & 0xC0, segment[1:]
        if segment[0] & 0x3F != self._map_id:
            raise FrameRefused(Refusal.CHANNEL)
        if flag in (_FIRST, _WHOLE):
            self.abandon()
            return self._start(part, whole=flag == _WHOLE)
        if self._partial is None:
            raise FrameRefused(Refusal.SEGMENT)
        return self._continue(self._partial, part, last=flag == _LAST)

    def _start(self, part: bytes, *, whole: bool) -> bytes | None:
        try:
            expected = packet_bytes(part)
        except DecodeError:
            raise FrameRefused(Refusal.SEGMENT) from None
        if (len(part) != expected) if whole else (len(part) >= expected):
            raise FrameRefused(Refusal.SEGMENT)
        if whole:
            return part
        self._expected_bytes = min(expected, PACKET_BYTES_MAX)
        self._partial = bytearray(part)
        return None

    def _continue(self, partial: bytearray, part: bytes, *, last: bool) -> bytes | None:
        size = len(partial) + len(part)
        if (size != self._expected_bytes) if last else (size >= self._expected_bytes):
            self.abandon()
            raise FrameRefused(Refusal.SEGMENT)
        partial += part
        if not last:
            return None
        self._partial = None
        return bytes(partial)
