"""Keys on their way: wrapped under the master key, and the proof that both ends hold the same.

The two levels are those of CCSDS 355.1 (master keys wrap session keys and nothing else; a challenge
proves a key before it is activated). The wrap is AES key wrap, RFC 3394 and SP 800-38F 6.2: it needs
no number that must never repeat, and its own check value tells a wrong master key.

    wrapped = AES-KW( board 2 B | key id 2 B | tc SPI 2 B | tm SPI 2 B | tc key 32 B | tm key 32 B )
"""

import hmac
import struct

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from flight_sw.errors import DecodeError
from flight_sw.space_link.keys import SECRET_BYTES, Direction, KeySet, LinkKey

WRAPPED_BYTES = 8 + 8 + 2 * SECRET_BYTES
CHALLENGE_BYTES = 16
CHECK_BYTES = 16
_HEADER = struct.Struct(">HHHH")
_CHECK_LABEL = b"van allen key check"


def wrap_keys(master: bytes, keys: KeySet) -> bytes:
    """Both keys with all that names them, 80 bytes that only the master key opens."""
    header = _HEADER.pack(keys.board, keys.tc.key_id, keys.tc.spi, keys.tm.spi)
    return aes_key_wrap(master, header + keys.tc.secret + keys.tm.secret)


def unwrap_keys(master: bytes, wrapped: bytes) -> KeySet:
    """The keys, not yet checked for soundness; DecodeError, without a hint, if it is not ours."""
    if len(wrapped) != WRAPPED_BYTES:
        raise DecodeError("not a pair of wrapped keys")
    try:
        content = aes_key_unwrap(master, wrapped)
    except InvalidUnwrap:
        raise DecodeError("wrapped under another key, or damaged") from None
    board, key_id, tc_spi, tm_spi = _HEADER.unpack_from(content)
    tc, tm = content[_HEADER.size : -SECRET_BYTES], content[-SECRET_BYTES:]
    return KeySet(
        LinkKey(Direction.TC, tc_spi, board, key_id, tc),
        LinkKey(Direction.TM, tm_spi, board, key_id, tm),
        master,
    )


def key_check(keys: KeySet, challenge: bytes) -> bytes:
    """What only a holder of the telemetry key can answer to this challenge."""
    return hmac.digest(keys.tm.secret, _CHECK_LABEL + challenge, "sha256")[:CHECK_BYTES]
