"""How frames are marked off on the line: full CCSDS coding, or COBS or SLIP for a wired bus.

CCSDS: telecommands in CLTUs, telemetry behind attached sync markers. COBS: the same frames, each
closed by a zero byte; expansion is at most 1 in 254. SLIP (RFC 1055): closed by 0xC0, expansion up to
twofold. Any damage costs one frame.
"""

from enum import Enum, unique

from cobs import cobs

from flight_sw.space_link.randomizer import randomize_tm

ASM = bytes.fromhex("1ACFFC1D")  # CCSDS 131.0-B-4, 9.3.1
_COBS_END = b"\0"
_SLIP_END, _SLIP_ESCAPE = b"\xc0", b"\xdb"  # RFC 1055
_SLIP_QUOTED_END, _SLIP_QUOTED_ESCAPE = b"\xdb\xdc", b"\xdb\xdd"


@unique
class Framing(Enum):
    """The `framing` of a link in the profile."""

    CCSDS = "ccsds"
    COBS = "cobs"
    SLIP = "slip"


def encode_asm(frame: bytes, *, randomize: bool = False) -> bytes:
    """A telemetry frame behind its marker."""
    return ASM + (randomize_tm(frame) if randomize else frame)


def encode_stuffed(frame: bytes, framing: Framing) -> bytes:
    """A frame, stuffed and closed."""
    return encode_slip(frame) if framing is Framing.SLIP else encode_cobs(frame)


def encode_cobs(frame: bytes) -> bytes:
    """A frame, stuffed and closed by a zero byte."""
    stuffed: bytes = cobs.encode(frame)
    return stuffed + _COBS_END


def encode_slip(frame: bytes) -> bytes:
    """A frame, stuffed and closed by 0xC0."""
    quoted = frame.replace(_SLIP_ESCAPE, _SLIP_QUOTED_ESCAPE)
    return quoted.replace(_SLIP_END, _SLIP_QUOTED_END) + _SLIP_END


class StuffedDecoder:
    """A byte stream to frames of at most `frame_bytes_max`; skips to the next end when lost."""

    def __init__(self, frame_bytes_max: int, framing: Framing = Framing.COBS) -> None:
        slip = framing is Framing.SLIP
        self._end = _SLIP_END if slip else _COBS_END
        self._unstuff = _decode_slip if slip else _decode_cobs
        expansion = frame_bytes_max if slip else frame_bytes_max // 254 + 1
        self._stuffed_bytes_max = frame_bytes_max + expansion
        self._buffer = bytearray()
        self._overrun = False
        self.abandoned = 0

    def reset(self) -> None:
        """Drop an unfinished frame: the line fell silent or was opened anew."""
        self.abandoned += bool(self._buffer)
        self._buffer.clear()
        self._overrun = False

    def feed(self, received: bytes) -> list[bytes]:
        """The frames that these bytes complete."""
        *ended, rest = received.split(self._end)
        frames = []
        for piece in ended:
            self._append(piece)
            frame = self._finish()
            if frame:
                frames.append(frame)
        self._append(rest)
        return frames

    def _append(self, piece: bytes) -> None:
        if len(self._buffer) + len(piece) > self._stuffed_bytes_max:
            self._overrun = True
            self._buffer.clear()
        if not self._overrun:
            self._buffer += piece

    def _finish(self) -> bytes:
        stuffed = bytes(self._buffer)
        overrun, self._overrun = self._overrun, False
        self._buffer.clear()
        frame = None if overrun else self._unstuff(stuffed)
        if frame is None:
            self.abandoned += 1
        return frame or b""


def _decode_cobs(stuffed: bytes) -> bytes | None:
    try:
        frame: bytes = cobs.decode(stuffed)
    except cobs.DecodeError:
        return None
    return frame


def _decode_slip(stuffed: bytes) -> bytes | None:
    first, *pieces = stuffed.split(_SLIP_ESCAPE)
    quoted = {_SLIP_QUOTED_END[1]: _SLIP_END, _SLIP_QUOTED_ESCAPE[1]: _SLIP_ESCAPE}
    frame = bytearray(first)
    for piece in pieces:
        if not piece or piece[0] not in quoted:
            return None
        frame += quoted[piece[0]] + piece[1:]
    return bytes(frame)
