"""Frames on the serial line: COBS around [payload + CRC-32], a zero byte before and after.

COBS costs one byte in 254 in the worst case and resynchronises at the next zero, whatever a boot
loader printed before (Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999).
The CRC only diagnoses the line; trust is made on the space link.
"""

import zlib

from cobs import cobs

PAYLOAD_BYTES_MAX = 1200
_CRC_BYTES = 4
# COBS adds one byte per started run of 254 (ibid., section III).
_ENCODED_BYTES_MAX = PAYLOAD_BYTES_MAX + _CRC_BYTES + (PAYLOAD_BYTES_MAX + _CRC_BYTES) // 254 + 1


def frame(payload: bytes) -> bytes:
    """Wrap one payload of at most PAYLOAD_BYTES_MAX bytes for the line."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(
            f"payload of {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX} fit a frame"
        )
    crc = zlib.crc32(payload).to_bytes(_CRC_BYTES, "big")
    encoded: bytes = cobs.encode(payload + crc)
    return b"\0" + encoded + b"\0"


class Deframer:
    """Finds frames in a byte stream that may start anywhere and hold anything."""

    def __init__(self) -> None:
        self.damaged = self.whole = 0
        self._partial = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Payloads completed by these bytes; what fails COBS, CRC or length is counted, not returned."""
        payloads = []
        *ended, rest = data.split(b"\0")
        for piece in ended:
            payload = self._end(piece)
            if payload is not None:
                payloads.append(payload)
        self._extend(rest)
        return payloads

    def reset(self) -> None:
        """Forget a half-received frame, as after the port was reopened."""
        self._partial.clear()
        self._skipping = False

    def _extend(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._partial += piece
        if len(self._partial) > _ENCODED_BYTES_MAX:
            self._partial.clear()
            self._skipping = True

    def _end(self, piece: bytes) -> bytes | None:
        self._extend(piece)
        encoded, self._partial = bytes(self._partial), bytearray()
        if self._skipping:
            self._skipping = False
            self.damaged += 1
            return None
        if not encoded:
            return None
        payload = _open(encoded)
        if payload is None:
            self.damaged += 1
        else:
            self.whole += 1
        return payload


def _open(encoded: bytes) -> bytes | None:
    try:
        decoded: bytes = cobs.decode(encoded)
    except cobs.DecodeError:
        return None
    payload, crc = decoded[:-_CRC_BYTES], decoded[-_CRC_BYTES:]
    if len(decoded) < _CRC_BYTES or zlib.crc32(payload).to_bytes(_CRC_BYTES, "big") != crc:
        return None
    return payload
