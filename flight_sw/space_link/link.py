"""The two stacks of the space link, each end one object: telecommands up, telemetry down.

    TcSender   Telecommand -> segment -> SDLS -> frame -> CLTU or COBS      (ground)
    TcReceiver bytes -> frame -> SDLS -> FARM -> segments -> Telecommand    (controller)
    TmSender   packets -> SDLS -> frames -> marker or COBS                  (controller)
    TmReceiver bytes -> frames -> SDLS -> packets                           (ground)

Each end holds a security counter with a durable ceiling: see `sdls` for what its owner must store.
Control commands (Unlock, Set V(R)) are protected like all others, where CCSDS 355.0 leaves them
open, and a frame is authenticated before FARM-1 sees it: nothing moves state without a MAC.
"""

from dataclasses import dataclass

from flight_sw.errors import DecodeError
from flight_sw.space_link.cltu import CltuDecoder, encode_cltu
from flight_sw.space_link.farm import Clcw, Farm
from flight_sw.space_link.framing import (
    AsmDecoder,
    CobsDecoder,
    Framing,
    encode_asm,
    encode_cobs,
)
from flight_sw.space_link.keys import LinkKey
from flight_sw.space_link.packet import Telecommand
from flight_sw.space_link.refusal import FrameRefused, Refusal, RefusalCounts, Refused
from flight_sw.space_link.sdls import (
    CEILING_BLOCK,
    OVERHEAD_BYTES,
    TM_WINDOW,
    SdlsReceiver,
    SdlsSender,
)
from flight_sw.space_link.tc_frame import (
    FECF_BYTES,
    FRAME_BYTES_MAX,
    HEADER_BYTES,
    UNLOCK,
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
from flight_sw.space_link.tm_frame import FRAME_BYTES, NO_CLCW, TmDeframer, TmFormat, TmFramer

CONNECTIONS_MAX = 4
TM_SENDER_BLOCK = 1024  # one durable write in about 100 s; the ground's window is 2**32
TM_RECEIVER_BLOCK = 16  # what a crash of the ground costs it, about a second of telemetry
UNACKNOWLEDGED_MAX = 99  # just under half the FARM window, so that a repeat is never a lockout
_CLOSING_BYTES = OVERHEAD_BYTES + FECF_BYTES
_PART_BYTES_MAX = FRAME_BYTES_MAX - HEADER_BYTES - 1 - _CLOSING_BYTES


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What both ends of one space link must agree on; from the board profile."""

    spacecraft: int
    apid: int
    channel: int = 0
    map_id: int = 0
    framing: Framing = Framing.CCSDS
    randomize: bool = False
    tm_frame_bytes: int = FRAME_BYTES


class TcReceiver:
    """Bytes of up to four connections to telecommands; refuses with one counted reason."""

    def __init__(self, key: LinkKey, settings: LinkSettings, ceiling: int) -> None:
        self.security = SdlsReceiver(key, ceiling)
        self.farm = Farm(settings.channel)
        self.refusals = RefusalCounts()
        self._settings = settings
        self._reassembler = Reassembler(settings.map_id)
        self._decoders: dict[int, CltuDecoder | CobsDecoder] = {}
        self._room = True

    def feed(self, connection: int, received: bytes) -> list[Telecommand | Refused]:
        """What these bytes of this connection complete, in order of arrival."""
        decoder = self._decoder(connection)
        if decoder is None:
            return [self.refusals.add(Refusal.CONNECTION)]
        abandoned = decoder.abandoned
        frames = decoder.feed(received)
        results: list[Telecommand | Refused] = [
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

    def clcw(self) -> bytes:
        """The control word to send down now."""
        return self.farm.clcw().pack()

    def _decoder(self, connection: int) -> CltuDecoder | CobsDecoder | None:
        if connection not in self._decoders and len(self._decoders) < CONNECTIONS_MAX:
            coded = self._settings.framing is Framing.CCSDS
            self._decoders[connection] = (
                CltuDecoder(randomize=self._settings.randomize)
                if coded
                else CobsDecoder(FRAME_BYTES_MAX)
            )
        return self._decoders.get(connection)

    def _accept(self, received: bytes) -> Telecommand | None:
        settings = self._settings
        received = trim_fill(received) if settings.framing is Framing.CCSDS else received
        frame = open_frame(received, settings.spacecraft, settings.channel)
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
        return None if packet is None else self._telecommand(packet)

    def _control(self, command: bytes) -> None:
        value = parse_control(command)
        if value is None:
            self.farm.unlock()
        else:
            self.farm.set_vr(value)

    def _telecommand(self, packet: bytes) -> Telecommand:
        try:
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

    def encode(self, telecommand: Telecommand) -> bytes:
        """One telecommand in bypass frames.

        FrameRefused(COUNTER_NOT_STORED), with nothing sent, until the wanted ceiling is stored.
        With the default block, storing it before each call leaves room for the largest packet.
        """
        parts = self._parts(telecommand)
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

    def _parts(self, telecommand: Telecommand) -> list[tuple[int, bytes]]:
        parts = segments(telecommand.pack(), self._settings.map_id, _PART_BYTES_MAX)
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
        if self._settings.framing is Framing.COBS:
            return encode_cobs(frame)
        return encode_cltu(frame, randomize=self._settings.randomize)


class TmSender:
    """Packets of the virtual channels to the bytes of the downlink."""

    def __init__(
        self, key: LinkKey, settings: LinkSettings, ceiling: int, block: int = TM_SENDER_BLOCK
    ) -> None:
        self.security = SdlsSender(key, ceiling, block)
        self._settings = settings
        form = TmFormat(settings.spacecraft, settings.tm_frame_bytes)
        self._framer = TmFramer(form, self.security)

    def add(self, vc: int, packet: bytes) -> bool:
        """Queue one packet; False, with nothing kept, if the channel's 256 KiB are full."""
        return self._framer.add(vc, packet)

    def queued_bytes(self, vc: int) -> int:
        """How much of a channel waits."""
        return self._framer.queued_bytes(vc)

    def flush(self, clcw: bytes = NO_CLCW, frames_max: int = 1 << 16) -> bytes:
        """All queued packets, channel 0 first, as whole frames; the rest stays queued."""
        return self._encode(self._framer.flush(clcw, frames_max))

    def idle(self, clcw: bytes = NO_CLCW) -> bytes:
        """One frame without packets, for the CLCW or as a sign of life."""
        return self._encode(self._framer.idle(clcw))

    def _encode(self, frames: list[bytes]) -> bytes:
        if self._settings.framing is Framing.COBS:
            return b"".join(map(encode_cobs, frames))
        randomize = self._settings.randomize
        return b"".join(encode_asm(frame, randomize=randomize) for frame in frames)


class TmReceiver:
    """Bytes of the downlink to (virtual channel, packet); loss and refusals are counted.

    Frames that come before their ceiling is stored are held: after `ceiling_confirmed`, call
    `feed(b"")` for their packets.
    """

    def __init__(
        self, key: LinkKey, settings: LinkSettings, ceiling: int, block: int = TM_RECEIVER_BLOCK
    ) -> None:
        self.security = SdlsReceiver(key, ceiling, TM_WINDOW, block)
        self.deframer = TmDeframer(
            TmFormat(settings.spacecraft, settings.tm_frame_bytes), self.security
        )
        self._decoder = (
            AsmDecoder(settings.tm_frame_bytes, randomize=settings.randomize)
            if settings.framing is Framing.CCSDS
            else CobsDecoder(settings.tm_frame_bytes)
        )

    @property
    def refusals(self) -> RefusalCounts:
        """Frames not let through, by reason."""
        return self.deframer.refusals

    @property
    def clcw(self) -> Clcw | None:
        """The newest control word received, or None before the first."""
        try:
            return Clcw.unpack(self.deframer.clcw)
        except DecodeError:
            return None

    def reset(self) -> None:
        """Drop an unfinished frame: the line was opened anew."""
        self._decoder.reset()

    def feed(self, received: bytes) -> list[tuple[int, bytes]]:
        """The packets that these bytes complete, fill left out."""
        packets = self.deframer.retry_held()
        abandoned = self._decoder.abandoned
        for frame in self._decoder.feed(received):
            packets += self.deframer.accept(frame)
        for _ in range(self._decoder.abandoned - abandoned):
            self.refusals.add(Refusal.FRAMING)
        return packets
