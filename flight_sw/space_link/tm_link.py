"""The two ends of telemetry: packets to the bytes of the downlink, and bytes back to packets."""

from flight_sw.errors import DecodeError
from flight_sw.space_link.coding import CaduDecoder, encode_cadu
from flight_sw.space_link.farm import Clcw
from flight_sw.space_link.framing import ASM, Framing, StuffedDecoder, encode_stuffed
from flight_sw.space_link.keys import LinkKey
from flight_sw.space_link.refusal import Refusal, RefusalCounts
from flight_sw.space_link.sdls import TM_WINDOW, SdlsReceiver, SdlsSender
from flight_sw.space_link.settings import LinkSettings
from flight_sw.space_link.tm_frame import NO_CLCW, TmDeframer, TmFormat, TmFramer

TM_SENDER_BLOCK = 1024  # one durable write in about 100 s; the ground's window is 2**32
TM_RECEIVER_BLOCK = 16  # what a crash of the ground costs it, about a second of telemetry


class TmSender:
    """Packets of the virtual channels to the bytes of the downlink."""

    def __init__(
        self, key: LinkKey, settings: LinkSettings, ceiling: int, block: int = TM_SENDER_BLOCK
    ) -> None:
        self.security = SdlsSender(key, ceiling, block)
        self._settings = settings
        self._form = TmFormat(settings.spacecraft, settings.tm_frame_bytes)
        self._framer = TmFramer(self._form, self.security)

    def change_key(self, security: SdlsSender) -> None:
        """Protect with this association from the next frame on; what is queued stays queued."""
        self.security = security
        self._framer.change_key(security)

    def add(self, vc: int, packet: bytes) -> bool:
        """Queue one packet; False, with nothing kept, if the channel's 256 KiB are full."""
        return self._framer.add(vc, packet)

    def queued_bytes(self, vc: int) -> int:
        """How much of a channel waits."""
        return self._framer.queued_bytes(vc)

    def frames_waiting(self, vc: int) -> int:
        """How many frames a channel's packets fill, the last one perhaps in part."""
        return -(-self.queued_bytes(vc) // self._form.data_bytes)

    @property
    def unit_bytes(self) -> int:
        """What one frame is on the line, before stuffing."""
        code = self._settings.code
        return len(ASM) + (self._settings.tm_frame_bytes if code is None else code.block_bytes)

    def flush(self, clcw: bytes = NO_CLCW, frames_max: int = 1 << 16) -> bytes:
        """All queued packets, channel 0 first, as whole frames; the rest stays queued."""
        return self._encode(self._framer.flush(clcw, frames_max))

    def idle(self, clcw: bytes = NO_CLCW) -> bytes:
        """One frame without packets, for the CLCW or as a sign of life."""
        return self._encode(self._framer.idle(clcw))

    def _encode(self, frames: list[bytes]) -> bytes:
        settings = self._settings
        if settings.framing is not Framing.CCSDS:
            return b"".join(encode_stuffed(frame, settings.framing) for frame in frames)
        return b"".join(
            encode_cadu(frame, settings.code, randomize=settings.randomize) for frame in frames
        )


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
            CaduDecoder(settings.tm_frame_bytes, settings.code, randomize=settings.randomize)
            if settings.framing is Framing.CCSDS
            else StuffedDecoder(settings.tm_frame_bytes, settings.framing)
        )

    @property
    def refusals(self) -> RefusalCounts:
        """Frames not let through, by reason."""
        return self.deframer.refusals

    @property
    def corrected(self) -> int:
        """Bytes that the block code put right, 0 where there is none."""
        return self._decoder.corrected if isinstance(self._decoder, CaduDecoder) else 0

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
