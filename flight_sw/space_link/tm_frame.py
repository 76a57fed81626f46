"""Telemetry transfer frames, CCSDS 132.0-B-3: packets to fixed-length protected frames and back.

    frame = primary header 6 B | SPI, IV 14 B | data | MAC 16 B | CLCW 4 B | FECF 2 B

Packets run across frame ends; the first header pointer finds the next one after a loss. Virtual
channel 0 carries housekeeping and events and goes first, 1 carries results, 7 only keeps the line.
The CLCW is outside the MAC, as CCSDS 355.0 has it: it advises, it proves nothing.
"""

import struct
from binascii import crc_hqx
from collections import deque
from dataclasses import dataclass

from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import (
    IDLE_PACKET_BYTES_MIN,
    PACKET_HEADER_BYTES,
    idle_packet,
    is_idle,
    packet_bytes,
)
from flight_sw.space_link.refusal import FrameRefused, Refusal, RefusalCounts
from flight_sw.space_link.sdls import OVERHEAD_BYTES, SdlsReceiver, SdlsSender

VC_HOUSEKEEPING = 0
VC_RESULTS = 1
VC_IDLE = 7
HELD_FRAMES_MAX = 1024  # about 1 MiB on the ground, one long burst between two writes
QUEUE_BYTES_MAX = 256 * 1024  # per virtual channel
FRAME_BYTES = 1115  # the frame of RS(255,223) with interleaving depth 5
FRAME_BYTES_MIN, FRAME_BYTES_MAX = 128, 2048
HEADER_BYTES = 6
TRAILER_BYTES = 4 + 2
NO_CLCW = bytes(4)

_HEADER = struct.Struct(">HBBH")
_WITH_CLCW = 1
_STATUS = 0b11 << 11  # 4.1.2.7: no secondary header, packets in order
_NO_START = 0x7FF  # 4.1.2.7.6.4
_ONLY_IDLE = 0x7FE


@dataclass(frozen=True, slots=True)
class TmFormat:
    """What both ends must agree on; `frame_bytes` is header to FECF without the marker."""

    spacecraft: int
    frame_bytes: int = FRAME_BYTES

    def __post_init__(self) -> None:
        if not FRAME_BYTES_MIN <= self.frame_bytes <= FRAME_BYTES_MAX:
            raise ValueError(
                f"a telemetry frame has {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX} bytes, "
                f"not {self.frame_bytes}"
            )
        if not 0 <= self.spacecraft < 1 << 10:
            raise ValueError(f"spacecraft id {self.spacecraft} is not in 0 to 1023")

    @property
    def data_bytes(self) -> int:
        """Packet bytes that one frame carries."""
        return self.frame_bytes - HEADER_BYTES - OVERHEAD_BYTES - TRAILER_BYTES


class TmFramer:
    """Packets of the virtual channels to frames; the caller adds the marker or COBS."""

    def __init__(self, form: TmFormat, security: SdlsSender) -> None:
        self._form = form
        self._security = security
        self._queues = {vc: _Queue() for vc in (VC_HOUSEKEEPING, VC_RESULTS)}
        self._vc_counts = dict.fromkeys((*self._queues, VC_IDLE), 0)
        self._mc_count = 0

    def change_key(self, security: SdlsSender) -> None:
        """Protect with another association; frame counts run on."""
        self._security = security

    def add(self, vc: int, packet: bytes) -> bool:
        """Queue one packet; False, with nothing kept, if its channel's queue is full."""
        return self._queues[vc].add(packet)

    def queued_bytes(self, vc: int) -> int:
        """How much of a channel waits for its frames."""
        return len(self._queues[vc].stream)

    def flush(self, clcw: bytes = NO_CLCW, frames_max: int = 1 << 16) -> list[bytes]:
        """All queued packets as whole frames, the last of each channel filled up.

        At most `frames_max` of them, and no more than the security counter's stored ceiling
        allows; the rest stays queued.
        """
        frames: list[bytes] = []
        frames_max = min(frames_max, self._security.available)
        for vc, queue in self._queues.items():
            while queue.stream and len(frames) < frames_max:
                pointer, data = queue.take(self._form.data_bytes)
                frames.append(self._frame(vc, pointer, data, clcw))
        return frames

    def idle(self, clcw: bytes = NO_CLCW) -> list[bytes]:
        """One frame without packets, to bring a CLCW or a sign of life; none without counter."""
        if self._security.available < 1:
            return []
        return [self._frame(VC_IDLE, _ONLY_IDLE, bytes(self._form.data_bytes), clcw)]

    def _frame(self, vc: int, pointer: int, data: bytes, clcw: bytes) -> bytes:
        header = _HEADER.pack(
            self._form.spacecraft << 4 | vc << 1 | _WITH_CLCW,
            self._mc_count,
            self._vc_counts[vc],
            _STATUS | pointer,
        )
        self._mc_count = (self._mc_count + 1) & 0xFF
        self._vc_counts[vc] = (self._vc_counts[vc] + 1) & 0xFF
        body = header + self._security.protect(header, data) + clcw
        return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


class TmDeframer:
    """Frames of one spacecraft back to packets; counts what it refuses and what was lost.

    `lost_frames` counts by the security counter, so the numbers that a sender skips at a crash
    are in it too.
    """

    def __init__(self, form: TmFormat, security: SdlsReceiver) -> None:
        self._form = form
        self._security = security
        self._channels = {vc: _Channel() for vc in (VC_HOUSEKEEPING, VC_RESULTS, VC_IDLE)}
        self.refusals = RefusalCounts()
        self.frames = 0
        self.lost_frames = 0
        self.clcw = NO_CLCW
        self._held: deque[bytes] = deque()

    def accept(self, frame: bytes) -> list[tuple[int, bytes]]:
        """(virtual channel, packet) of each packet that this frame completes, fill left out."""
        try:
            vc, count, pointer, data, jumped = self._open(frame)
        except FrameRefused as refused:
            self._refuse(frame, refused.reason)
            return []
        self.frames += 1
        self.lost_frames += jumped
        if jumped > 0xFF:  # more than the 8-bit channel counts can show
            for channel in self._channels.values():
                channel.lose()
        try:
            packets = self._channels[vc].accept(count, pointer, data)
        except DecodeError:
            self.refusals.add(Refusal.PACKET)
            return []
        return [(vc, packet) for packet in packets if not is_idle(packet)]

    def retry_held(self) -> list[tuple[int, bytes]]:
        """The packets of genuine frames that came before the receiver's ceiling was stored."""
        packets: list[tuple[int, bytes]] = []
        for _ in range(len(self._held)):
            packets += self.accept(self._held.popleft())
        return packets

    def _refuse(self, frame: bytes, reason: Refusal) -> None:
        if reason is Refusal.COUNTER_NOT_STORED and len(self._held) < HELD_FRAMES_MAX:
            self._held.append(frame)
        else:
            self.refusals.add(reason)

    def _open(self, frame: bytes) -> tuple[int, int, int, bytes, int]:
        if len(frame) != self._form.frame_bytes:
            raise FrameRefused(Refusal.LENGTH)
        first, _, count, status = _HEADER.unpack_from(frame)
        if first >> 14 or not first & _WITH_CLCW or status & 0xF800 != _STATUS:
            raise FrameRefused(Refusal.VERSION)
        if crc_hqx(frame, 0xFFFF) != 0:
            raise FrameRefused(Refusal.FECF)
        if first >> 4 != self._form.spacecraft:
            raise FrameRefused(Refusal.SPACECRAFT)
        vc = first >> 1 & 7
        if vc not in self._channels:
            raise FrameRefused(Refusal.CHANNEL)
        expected = self._security.next_counter
        data = self._security.open(frame[:HEADER_BYTES], frame[HEADER_BYTES:-TRAILER_BYTES])
        self.clcw = frame[-TRAILER_BYTES:-2]
        jumped = self._security.next_counter - 1 - expected if self.frames else 0
        return vc, count, status & 0x7FF, data, jumped


class _Queue:
    """Packets of one channel as one stream of bytes, with the places where packets start."""

    def __init__(self) -> None:
        self.stream = bytearray()
        self._starts: deque[int] = deque()  # counted from the first byte ever queued
        self._taken_bytes = 0

    def add(self, packet: bytes) -> bool:
        if len(self.stream) + len(packet) > QUEUE_BYTES_MAX:
            return False
        self._append(packet)
        return True

    def take(self, data_bytes: int) -> tuple[int, bytes]:
        """First header pointer and data of the next frame, filled with an idle packet."""
        free = data_bytes - len(self.stream)
        if free > 0:
            # The smallest packet has 7 bytes: less room than that takes the next frame as well.
            fill = free if free >= IDLE_PACKET_BYTES_MIN else free + data_bytes
            self._append(idle_packet(fill))
        pointer = _NO_START
        if self._starts and self._starts[0] < self._taken_bytes + data_bytes:
            pointer = self._starts[0] - self._taken_bytes
        data = bytes(self.stream[:data_bytes])
        del self.stream[:data_bytes]
        self._taken_bytes += data_bytes
        while self._starts and self._starts[0] < self._taken_bytes:
            self._starts.popleft()
        return pointer, data

    def _append(self, packet: bytes) -> None:
        self._starts.append(self._taken_bytes + len(self.stream))
        self.stream += packet


class _Channel:
    """Reassembly of one virtual channel; holds at most one unfinished packet and one frame."""

    def __init__(self) -> None:
        self._stream = bytearray()
        self._in_step = False
        self._expected_count = 0

    def lose(self) -> None:
        """Frames are missing: what was begun cannot be completed."""
        self._stream.clear()
        self._in_step = False

    def accept(self, count: int, pointer: int, data: bytes) -> list[bytes]:
        """Packets that this frame completes; DecodeError if the stream is not one of packets."""
        if count != self._expected_count:
            self.lose()
        self._expected_count = (count + 1) & 0xFF
        if pointer == _ONLY_IDLE:
            return []
        try:
            return self._append(pointer, data)
        except DecodeError:
            self.lose()
            raise

    def _append(self, pointer: int, data: bytes) -> list[bytes]:
        if self._in_step and not self._pointer_agrees(pointer, data):
            self.lose()
        if not self._in_step:
            if pointer >= len(data):
                return []
            data = data[pointer:]
            self._in_step = True
        self._stream += data
        return self._take_packets()

    def _pointer_agrees(self, pointer: int, data: bytes) -> bool:
        """Whether the unfinished packet ends where this frame says that the next one starts."""
        if not self._stream:
            return pointer == 0
        begun = self._stream[:PACKET_HEADER_BYTES] + data[:PACKET_HEADER_BYTES]
        rest = packet_bytes(begun) - len(self._stream)
        return pointer == (rest if rest < len(data) else _NO_START)

    def _take_packets(self) -> list[bytes]:
        stream, at, packets = self._stream, 0, list[bytes]()
        while len(stream) - at >= PACKET_HEADER_BYTES:
            size = packet_bytes(stream[at : at + PACKET_HEADER_BYTES])
            if len(stream) - at < size:
                break
            packets.append(bytes(stream[at : at + size]))
            at += size
        del stream[:at]
        return packets
