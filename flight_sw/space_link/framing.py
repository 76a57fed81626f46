"""How frames are marked off on the line: full CCSDS coding, or COBS for a wired bus.

CCSDS: telecommands in CLTUs, telemetry behind attached sync markers. COBS: the same frames, each
closed by a zero byte; expansion is at most 1 in 254, and any damage costs one frame.
"""

from binascii import crc_hqx
from enum import Enum, unique

from cobs import cobs

from flight_sw.space_link.randomizer import randomize_tm

ASM = bytes.fromhex("1ACFFC1D")  # CCSDS 131.0-B-4, 9.3.1
_END = b"\0"


@unique
class Framing(Enum):
    """The `framing` of a link in the profile."""

    CCSDS = "ccsds"
    COBS = "cobs"


def encode_asm(frame: bytes, *, randomize: bool = False) -> bytes:
    """A telemetry frame behind its marker."""
    return ASM + (randomize_tm(frame) if randomize else frame)


def encode_cobs(frame: bytes) -> bytes:
    """A frame, stuffed and closed by a zero byte."""
    stuffed: bytes = cobs.encode(frame)
    return stuffed + _END


class AsmDecoder:
    """A byte stream to whole frames of one fixed length whose error control field is right.

    A marker with no good frame behind it is passed over and the search goes on right after it,
    because the true marker may lie inside what looked like a frame.
    """

    def __init__(self, frame_bytes: int, *, randomize: bool = False) -> None:
        self._frame_bytes = frame_bytes
        self._randomize = randomize
        self._buffer = bytearray()
        self.abandoned = 0

    def reset(self) -> None:
        """Drop what has been collected: the line was opened anew."""
        self._buffer.clear()

    def feed(self, received: bytes) -> list[bytes]:
        """The frames that these bytes complete; holds less than one frame afterwards."""
        self._buffer += received
        buffer, at, frames = self._buffer, 0, list[bytes]()
        while True:
            start = buffer.find(ASM, at)
            if start < 0:
                at = max(at, len(buffer) - len(ASM) + 1)
                break
            at = start
            end = start + len(ASM) + self._frame_bytes
            if end > len(buffer):
                break
            frame = bytes(buffer[start + len(ASM) : end])
            frame = randomize_tm(frame) if self._randomize else frame
            if crc_hqx(frame, 0xFFFF) == 0:
                frames.append(frame)
                at = end
            else:
                self.abandoned += 1
                at = start + len(ASM)
        del buffer[:at]
        return frames


class CobsDecoder:
    """A byte stream to frames of at most `frame_bytes_max`; skips to the next zero when lost."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._stuffed_bytes_max = frame_bytes_max + frame_bytes_max // 254 + 1
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
        *ended, rest = received.split(_END)
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
        try:
            frame: bytes = b"" if overrun else cobs.decode(stuffed)
        except cobs.DecodeError:
            overrun, frame = True, b""
        self.abandoned += overrun
        return frame
