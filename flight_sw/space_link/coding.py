"""Telemetry frames as channel access data units, CCSDS 131.0-B-4: marker, then frame or code block.

With Reed-Solomon the code block is 255 bytes for each 223 of the frame, interleaved, so that a burst of
16 damaged bytes times the depth is put right. The code itself is not here: the native core has it, and
whoever makes the link brings it as a `BlockCode`.

    CADU = marker 4 B | frame              none
    CADU = marker 4 B | frame | parity     rs     1,279 B for the frame of 1,115 B, depth 5
"""

from binascii import crc_hqx
from typing import Protocol

from flight_sw.space_link.framing import ASM, encode_asm
from flight_sw.space_link.randomizer import randomize_tm

DATA_SYMBOLS, SYMBOLS = 223, 255  # RS(255,223), section 4
DEPTHS = (1, 2, 3, 4, 5, 8)  # 4.3.5: the interleaving depths that the standard allows
MARKER_ERRORS_MAX = 3  # bits, in a marker that comes where one is expected


class BlockCode(Protocol):
    """A systematic block code of one fixed size."""

    data_bytes: int
    block_bytes: int

    def encode(self, data: bytes) -> bytes:
        """The data with its parity behind it."""
        ...

    def decode(self, block: bytes) -> tuple[bytes, int] | None:
        """The data and how many symbols were put right; None when there are too many."""
        ...


def encode_cadu(frame: bytes, code: BlockCode | None = None, *, randomize: bool = False) -> bytes:
    """A frame as it goes to the modulator."""
    return encode_asm(frame if code is None else code.encode(frame), randomize=randomize)


class CaduDecoder:
    """A byte stream to frames whose error control field is right, corrected where a code allows.

    A marker with no good frame behind it is passed over and the search goes on right after it. Behind a
    good frame the next marker is expected, and taken with up to three wrong bits.
    """

    def __init__(
        self, frame_bytes: int, code: BlockCode | None = None, *, randomize: bool = False
    ) -> None:
        self._frame_bytes, self._code, self._randomize = frame_bytes, code, randomize
        self._block_bytes = frame_bytes if code is None else code.block_bytes
        self._buffer = bytearray()
        self._locked = False
        self.abandoned = 0
        self.corrected = 0

    def reset(self) -> None:
        """Drop what has been collected: the line was opened anew."""
        self._buffer.clear()
        self._locked = False

    def feed(self, received: bytes) -> list[bytes]:
        """The frames that these bytes complete; holds less than one unit afterwards."""
        self._buffer += received
        buffer, at, frames = self._buffer, 0, list[bytes]()
        while True:
            start = self._marker(at)
            if start < 0:
                at = max(at, len(buffer) - len(ASM) + 1)
                break
            at = start
            end = start + len(ASM) + self._block_bytes
            if end > len(buffer):
                break
            frame = self._open(bytes(buffer[start + len(ASM) : end]))
            self._locked = frame is not None
            if frame is None:
                self.abandoned += 1
                at = start + len(ASM)
            else:
                frames.append(frame)
                at = end
        del buffer[:at]
        return frames

    def _marker(self, at: int) -> int:
        buffer = self._buffer
        if self._locked and self._code is not None and len(buffer) - at >= len(ASM):
            found = int.from_bytes(buffer[at : at + len(ASM)], "big")
            wrong = (found ^ int.from_bytes(ASM, "big")).bit_count()
            if wrong <= MARKER_ERRORS_MAX:
                return at
        return buffer.find(ASM, at)

    def _open(self, block: bytes) -> bytes | None:
        block = randomize_tm(block) if self._randomize else block
        frame = block[: self._frame_bytes]
        if crc_hqx(frame, 0xFFFF) == 0:
            return frame
        decoded = None if self._code is None else self._code.decode(block)
        if decoded is None or crc_hqx(decoded[0], 0xFFFF) != 0:
            return None
        self.corrected += decoded[1]
        return decoded[0]
