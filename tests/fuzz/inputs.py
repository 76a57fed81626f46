"""Takes a fuzz input apart; what is missing is zero or empty, so every input means something."""

from binascii import crc_hqx


class Input:
    """Reads an input from its front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return max(len(self._data) - self._at, 0)

    def byte(self) -> int:
        """The next byte."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, count: int) -> bytes:
        """Up to `count` bytes."""
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def pieces(self) -> list[bytes]:
        """The rest, each piece behind a byte that names its length."""
        found = []
        while self.left:
            found.append(self.take(self.byte()))
        return found


def joined(*pieces: bytes) -> bytes:
    """What `pieces` takes apart again."""
    return b"".join(bytes([len(piece)]) + piece for piece in pieces if len(piece) < 256)


def with_crc16(data: bytes) -> bytes:
    """The bytes with a sound CRC-16 behind them: a random one stops nearly every input at the door."""
    return data + crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def with_length(packet: bytes) -> bytes:
    """A space packet whose length field is right and whose CRC is too."""
    body = packet[:4] + max(len(packet) - 5, 0).to_bytes(2, "big") + packet[6:]
    return with_crc16(body)
