"""Command link transmission units, CCSDS 231.0-B-4: start, BCH(63,56) code blocks, tail.

The code corrects one bit in each block of 8 bytes and detects two. The decoder looks for a start
sequence, takes blocks until one cannot be decoded (the tail is built not to be), and hands the
data on with its fill; length, FECF and MAC of the frame inside decide. It holds at most one frame.
Half of all damaged tails can be decoded, and would take the next unit with them; so whoever knows how
long a frame is may say so, and behind a whole frame a block that needs mending counts as the tail.
Senders differ in whether they randomize the fill too; nothing here looks at it, so both pass.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flight_sw.space_link.randomizer import randomize_tc
from flight_sw.space_link.tc_frame import FRAME_BYTES_MAX

START = bytes.fromhex("EB90")  # 5.2.2
TAIL = bytes.fromhex("C5C5C5C5C5C5C579")  # 5.2.4
BLOCK_BYTES = 8
BLOCK_DATA_BYTES = 7
BLOCKS_MAX = -(-FRAME_BYTES_MAX // BLOCK_DATA_BYTES)
FILL = b"\x55" * (BLOCK_DATA_BYTES - 1)

# g(x) = x^7 + x^6 + x^2 + 1 (3.3), its low 7 bits moved up by one into the parity byte.
_GENERATOR = 0b1000101 << 1


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1) ^ (_GENERATOR if byte & 0x80 else 0)
        byte &= 0xFF
    return byte


_TABLE = bytes(_remainder(byte) for byte in range(256))


def encode_cltu(frame: bytes, *, randomize: bool = False) -> bytes:
    """One frame as a CLTU, its last block filled with 0x55."""
    data = randomize_tc(frame) if randomize else frame
    data += FILL[: -len(data) % BLOCK_DATA_BYTES]
    blocks = bytearray(START)
    for at in range(0, len(data), BLOCK_DATA_BYTES):
        block = data[at : at + BLOCK_DATA_BYTES]
        blocks += block
        blocks.append(parity(block))
    return bytes(blocks + TAIL)


class CltuDecoder:
    """Bytes of one connection to frames with fill; finds the next start after any damage.

    Args:
        frame_bytes: how long the frame is that begins with the data of the first block.
    """

    def __init__(
        self, *, randomize: bool = False, frame_bytes: Callable[[bytes], int] | None = None
    ) -> None:
        self._randomize = randomize
        self._frame_bytes = frame_bytes or _unknown
        self._wanted = 0
        self._buffer = bytearray()
        self._data: bytearray | None = None
        self.corrected_bits = 0
        self.abandoned = 0

    def reset(self) -> None:
        """Drop an unfinished CLTU: the line fell silent or was opened anew."""
        self._buffer.clear()
        if self._data is not None:
            self._data = None
            self.abandoned += 1

    def feed(self, received: bytes) -> list[bytes]:
        """The frames, with up to 6 bytes of fill, that these bytes complete."""
        self._buffer += received
        buffer, at, frames = self._buffer, 0, list[bytes]()
        while True:
            if self._data is None:
                start = buffer.find(START, at)
                if start < 0:
                    at = max(at, len(buffer) - 1)  # its last byte may begin a start sequence
                    break
                self._data, at = bytearray(), start + len(START)
            if len(buffer) - at < BLOCK_BYTES:
                break
            block = bytes(buffer[at : at + BLOCK_BYTES])
            if self._take(block):
                at += BLOCK_BYTES
                continue
            # A broken block may hide the next start sequence: search it, unless it is the tail.
            at += BLOCK_BYTES if block == TAIL else 0
            frames += self._finish()
        del buffer[:at]
        return frames

    def _take(self, block: bytes) -> bool:
        """Decode one block into the frame; False for one that ends the CLTU."""
        data = self._data
        if data is None or len(data) >= BLOCKS_MAX * BLOCK_DATA_BYTES:
            return False
        decoded = decode_block(block)
        if decoded is None:
            return False
        if not data:
            self._wanted = self._frame_bytes(self._plain(decoded))
        elif len(data) >= self._wanted and _syndrome(block):
            return False
        data += decoded
        if decoded != block[:BLOCK_DATA_BYTES]:
            self.corrected_bits += 1
        return True

    def _plain(self, data: bytes | bytearray) -> bytes:
        return randomize_tc(bytes(data)) if self._randomize else bytes(data)

    def _finish(self) -> list[bytes]:
        data, self._data = self._data, None
        if not data:
            self.abandoned += 1
            return []
        return [self._plain(data)]


def _unknown(_: bytes) -> int:
    """No frame is that long: only a tail ends it."""
    return (BLOCKS_MAX + 1) * BLOCK_DATA_BYTES


def parity(data: bytes) -> int:
    """The parity byte behind 7 data bytes: 7 complemented bits and a filler bit of 0."""
    remainder = 0
    for byte in data:
        remainder = _TABLE[remainder ^ byte]
    return ~remainder & 0xFE


def decode_block(block: bytes) -> bytes | None:
    """The 7 data bytes with at most one bit corrected, or None."""
    data = block[:BLOCK_DATA_BYTES]
    syndrome = _syndrome(block)
    if syndrome == 0:
        return data
    position = _ERROR_BITS.get(syndrome)
    if position is None:
        return None
    return (int.from_bytes(data, "big") ^ position).to_bytes(BLOCK_DATA_BYTES, "big")


def _syndrome(block: bytes) -> int:
    """0 for a code word."""
    return parity(block[:BLOCK_DATA_BYTES]) ^ (block[BLOCK_DATA_BYTES] & 0xFE)


def _error_bits() -> Mapping[int, int]:
    """Syndrome of every single-bit error: the data bit to flip, 0 for one in the parity itself."""
    clean = parity(bytes(BLOCK_DATA_BYTES))
    found = {1 << bit: 0 for bit in range(1, 8)}
    for bit in range(8 * BLOCK_DATA_BYTES):
        flipped = (1 << bit).to_bytes(BLOCK_DATA_BYTES, "big")
        found[parity(flipped) ^ clean] = 1 << bit
    return MappingProxyType(found)


_ERROR_BITS = _error_bits()
