"""The two stacks of the space link, each end one object: telecommands up, telemetry down.

    TcSender   packet -> segment -> SDLS -> frame -> CLTU, COBS or SLIP     (ground)
    TcReceiver bytes -> frame -> SDLS -> FARM -> segments -> packet         (controller)
    TmSender   packets -> SDLS -> frames -> CADU, COBS or SLIP              (controller)
    TmReceiver bytes -> frames -> SDLS -> packets                           (ground)

A packet that goes up is a telecommand, or a bare packet with a unit of a file transfer in it.

Each end holds a security counter with a durable ceiling: see `sdls` for what its owner must store.
Control commands (Unlock, Set V(R)) are protected like all others, where CCSDS 355.0 leaves them
open, and a frame is authenticated before FARM-1 sees it: nothing moves state without a MAC.

During a key change a second association stands by: it takes whole telecommands in bypass frames and
nothing else, and hands them on marked as `Standby`.
"""

from dataclasses import dataclass

from flight_sw.errors import DecodeError
from flight_sw.space_link.cltu import CltuDecoder, encode_cltu
from flight_sw.space_link.farm import Clcw, Farm
from flight_sw.space_link.framing import Framing, StuffedDecoder, encode_stuffed
from flight_sw.space_link.keys import LinkKey
from flight_sw.space_link.packet import BarePacket, Telecommand, packet_apid
from flight_sw.space_link.refusal import FrameRefused, Refusal, RefusalCounts, Refused
from flight_sw.space_link.sdls import (
    CEILING_BLOCK,
    OVERHEAD_BYTES,
    SdlsReceiver,
    SdlsSender,
)
from flight_sw.space_link.settings import LinkSettings
from flight_sw.space_link.tc_frame import (
    FECF_BYTES,
    FRAME_BYTES_MAX,
    HEADER_BYTES,
    UNLOCK,
    FrameKind,
    Reassembler,
    TcFrame,
    TcHeader,
    close_frame,
    frame_bytes,
    open_frame,
    parse_control,
    segments,
    set_vr,
    trim_fill,
)
from flight_sw.space_link.tm_link import TmReceiver, TmSender

__all__ = ["LinkSettings", "TcReceiver", "TcSender", "TmReceiver", "TmSender"]

CONNECTIONS_MAX = 4
UNACKNOWLEDGED_MAX = 99  # just under half the FARM window, so that a repeat is never a lockout
_CLOSING_BYTES = OVERHEAD_BYTES + FECF_BYTES
_PART_BYTES_MAX = FRAME_BYTES_MAX - HEADER_BYTES - 1 - _CLOSING_BYTES


@dataclass(frozen=True, slots=True)
class Standby:
    """A telecommand under the pending key, which is not in force."""

    telecommand: Telecommand


Uplinked = Telecommand | Standby | BarePacket | Refused


class TcReceiver:
    """Bytes of up to four connections to telecommands; refuses with one counted reason."""

    def __init__(self, key: LinkKey, settings: LinkSettings, ceiling: int) -> None:
        self.security = SdlsReceiver(key, ceiling)
        self.farm = Farm(settings.channel)
        self.refusals = RefusalCounts()
        self._settings = settings
        self._reassembler = Reassembler(settings.map_id)
        self._standby: SdlsReceiver | None = None
        self._decoders: dict[int, CltuDecoder | StuffedDecoder] = {}
        self._room = True

    def feed(self, connection: int, received: bytes) -> list[Uplinked]:
        """What these bytes of this connection complete, in order of arrival."""
        decoder = self._decoder(connection)
        if decoder is None:
            return [self.refusals.add(Refusal.CONNECTION)]
        abandoned = decoder.abandoned
        frames = decoder.feed(received)
        results: list[Uplinked] = [
            self.refusals.add(Refusal.FRAMING) for _ in range(decoder.abandoned - abandoned)
        ]
        for frame in frames:
            try:
                telecommand = self._accept(frame)
            except FrameRefused as refused:
                results.append(self.refusals.add(refused.reason))
            else:
                results += [telecommand] if telecommand else []
        return results

    def drop_partial(self, connection: int) -> None:
        """Forget an unfinished frame: the caller saw this line silent for too long."""
        decoder = self._decoders.get(connection)
        if decoder is not None:
            decoder.reset()

    def disconnect(self, connection: int) -> None:
        """Give the decoder of a closed connection back."""
        self._decoders.pop(connection, None)

    def set_room(self, *, room: bool) -> None:
        """Hold sequence-controlled frames back (FARM wait) while the caller's queue is full."""
        self._room = room
        if room:
            self.farm.room_again()

    def stand_by(self, security: SdlsReceiver | None) -> None:
        """Let the association of the pending key take telecommands beside the active one."""
        self._standby = security

    def change_key(self, security: SdlsReceiver) -> None:
        """From now on this association is the only one; whatever was begun under another is lost."""
        self.security, self._standby = security, None
        self._reassembler.abandon()

    def clcw(self) -> bytes:
        """The control word to send down now."""
        return self.farm.clcw().pack()

    def _decoder(self, connection: int) -> CltuDecoder | StuffedDecoder | None:
        if connection not in self._decoders and len(self._decoders) < CONNECTIONS_MAX:
            coded = self._settings.framing is Framing.CCSDS
            self._decoders[connection] = (
                CltuDecoder(randomize=self._settings.randomize, frame_bytes=frame_bytes)
                if coded
                else StuffedDecoder(FRAME_BYTES_MAX, self._settings.framing)
            )
        return self._decoders.get(connection)

    def _accept(self, received: bytes) -> Telecommand | Standby | BarePacket | None:
        settings = self._settings
        received = trim_fill(received) if settings.framing is Framing.CCSDS else received
        frame = open_frame(received, settings.spacecraft, settings.channel)
        at = 0 if frame.header.kind is FrameKind.BC else 1  # behind the segment header
        standby = self._standby
        if standby is not None and frame.data[at : at + 2] == standby.spi.to_bytes(2, "big"):
            return self._accept_standby(frame, standby)
        if frame.header.kind is FrameKind.BC:
            self._control(self.security.open(frame.raw_header, frame.data))
            return None
        expected = self.security.next_counter
        segment_header, protected = frame.data[:1], frame.data[1:]
        part = self.security.open(frame.raw_header + segment_header, protected)
        if frame.header.kind is FrameKind.AD:
            refusal = self.farm.accept_ad(frame.header.sequence, room=self._room)
            if refusal:
                raise FrameRefused(refusal)
        else:
            self.farm.accept_bd()
            if self.security.next_counter != expected + 1:
                self._reassembler.abandon()
        packet = self._reassembler.add(segment_header + part)
        return None if packet is None else self._packet(packet)

    def _accept_standby(self, frame: TcFrame, standby: SdlsReceiver) -> Standby:
        if frame.header.kind is not FrameKind.BD:
            raise FrameRefused(Refusal.STATE)
        segment_header, protected = frame.data[:1], frame.data[1:]
        part = standby.open(frame.raw_header + segment_header, protected)
        packet = Reassembler(self._settings.map_id).add(segment_header + part)
        telecommand = None if packet is None else self._packet(packet)
        if not isinstance(telecommand, Telecommand):
            raise FrameRefused(Refusal.STATE)
        self.farm.accept_bd()
        return Standby(telecommand)

    def _control(self, command: bytes) -> None:
        value = parse_control(command)
        if value is None:
            self.farm.unlock()
        else:
            self.farm.set_vr(value)

    def _packet(self, packet: bytes) -> Telecommand | BarePacket:
        try:
            if packet_apid(packet) == self._settings.file_apid:
                return BarePacket.unpack(packet)
            telecommand = Telecommand.unpack(packet)
        except DecodeError:
            raise FrameRefused(Refusal.PACKET) from None
        if telecommand.apid != self._settings.apid:
            raise FrameRefused(Refusal.APID)
        return telecommand


class TcSender:
    """Telecommands to bytes; bypass frames by default, sequence-controlled ones on request."""

    def __init__(
        self, key: LinkKey, settings: LinkSettings, ceiling: int, block: int = CEILING_BLOCK
    ) -> None:
        self.security = SdlsSender(key, ceiling, block)
        self._settings = settings
        self._next_sequence = 0
        self._unacknowledged: list[tuple[int, int, bytes]] = []

    def encode(self, packet: Telecommand | BarePacket) -> bytes:
        """One packet in bypass frames.

        FrameRefused(COUNTER_NOT_STORED), with nothing sent, until the wanted ceiling is stored.
        With the default block, storing it before each call leaves room for the largest packet.
        """
        parts = self._parts(packet)
        return b"".join(self._data_frame(FrameKind.BD, 0, *part) for part in parts)

    def encode_ad(self, telecommand: Telecommand) -> bytes:
        """One telecommand in sequence-controlled frames, kept until a CLCW acknowledges them.

        FrameRefused: COUNTER_NOT_STORED as for `encode`, FARM_WAIT with 99 frames outstanding.
        """
        parts = self._parts(telecommand)
        if len(self._unacknowledged) + len(parts) > UNACKNOWLEDGED_MAX:
            raise FrameRefused(Refusal.FARM_WAIT)
        sent = []
        for segment_header, part in parts:
            sent.append((self._next_sequence, segment_header, part))
            self._next_sequence = (self._next_sequence + 1) & 0xFF
        self._unacknowledged += sent
        return b"".join(self._data_frame(FrameKind.AD, *entry) for entry in sent)

    def unacknowledged(self) -> int:
        """How many sequence-controlled frames no CLCW has acknowledged yet."""
        return len(self._unacknowledged)

    def acknowledge(self, clcw: Clcw) -> bytes:
        """Drop what the CLCW acknowledges; if it asks for a repeat, the bytes of the repeat."""
        waiting = [sequence for sequence, _, _ in self._unacknowledged]
        if clcw.report in waiting:
            self._unacknowledged = self._unacknowledged[waiting.index(clcw.report) :]
        elif clcw.report == self._next_sequence:
            self._unacknowledged = []
        asked = clcw.retransmit and not clcw.lockout and not clcw.wait
        return self.repeat() if asked else b""

    def repeat(self) -> bytes:
        """All unacknowledged frames again, under new security counters; also for a time-out."""
        self._require(len(self._unacknowledged))
        return b"".join(self._data_frame(FrameKind.AD, *entry) for entry in self._unacknowledged)

    def encode_unlock(self) -> bytes:
        """The control command that leads FARM-1 out of lockout."""
        return self._frame(FrameKind.BC, 0, b"", UNLOCK)

    def encode_set_vr(self, value: int) -> bytes:
        """The control command by which both ends start sequence control at this number."""
        encoded = self._frame(FrameKind.BC, 0, b"", set_vr(value))
        self._next_sequence = value
        self._unacknowledged = []
        return encoded

    def _parts(self, packet: Telecommand | BarePacket) -> list[tuple[int, bytes]]:
        parts = segments(packet.pack(), self._settings.map_id, _PART_BYTES_MAX)
        self._require(len(parts))
        return parts

    def _require(self, frames: int) -> None:
        if not self.security.reserve(frames):
            raise FrameRefused(Refusal.COUNTER_NOT_STORED)

    def _data_frame(
        self, kind: FrameKind, sequence: int, segment_header: int, part: bytes
    ) -> bytes:
        return self._frame(kind, sequence, bytes([segment_header]), part)

    def _frame(self, kind: FrameKind, sequence: int, segment_header: bytes, plain: bytes) -> bytes:
        header = TcHeader(kind, self._settings.spacecraft, self._settings.channel, sequence)
        frame_bytes = HEADER_BYTES + len(segment_header) + len(plain) + _CLOSING_BYTES
        opening = header.pack(frame_bytes) + segment_header
        frame = close_frame(opening + self.security.protect(opening, plain))
        if self._settings.framing is Framing.CCSDS:
            return encode_cltu(frame, randomize=self._settings.randomize)
        return encode_stuffed(frame, self._settings.framing)
