"""Link security, CCSDS 355.0-B-2: AES-256-GCM, one association per direction and board.

Frame part = SPI 2 B | IV 12 B | ciphertext | MAC 16 B. The authentication mask is all ones: the
frame's own header and the security header are authenticated too. The IV is board 2 B | SPI 2 B |
64-bit counter, so that no two senders share an IV even if they shared a key (SP 800-38D, 8.2.1).

Counters survive crashes by a stored ceiling: both ends use only numbers below a ceiling that is
confirmed durable, ask for the next ceiling ahead of need, and start again AT the stored ceiling.
A crash can skip numbers but never use one twice.

    each step:  wanted = end.wanted_ceiling()
                if wanted is not None: store it durably; end.ceiling_confirmed(wanted)
"""

import struct
from enum import Enum, unique

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flight_sw.space_link.keys import LinkKey
from flight_sw.space_link.refusal import FrameRefused, Refusal

SECURITY_HEADER_BYTES = 2 + 12
MAC_BYTES = 16
OVERHEAD_BYTES = SECURITY_HEADER_BYTES + MAC_BYTES
CEILING_BLOCK = 256  # counters per durable write; a crash skips at most so many
TC_WINDOW = 4096  # how far ahead a telecommand counter may jump
TM_WINDOW = 1 << 32  # the ground may have been away for weeks
COUNTER_END = (1 << 64) - 1  # first number never used: the key is worn out

_HEADER = struct.Struct(">HHHQ")


@unique
class AssociationState(Enum):
    """CCSDS 355.0-B-2, 3.3: frames pass only while the association is operational."""

    OPERATIONAL = "operational"
    STOPPED = "stopped"


class _Counter:
    """What both ends share: the next number, its durable ceiling and the state."""

    def __init__(self, key: LinkKey, ceiling: int, block: int) -> None:
        if not 0 <= ceiling <= COUNTER_END or block < 1:
            raise ValueError("a ceiling is in 0 to 2**64 - 1 and a block is at least 1")
        self._gcm = AESGCM(key.secret)
        self._spi, self._board = key.spi, key.board
        self._block = block
        self._next = ceiling
        self._ceiling = ceiling
        self._state = AssociationState.OPERATIONAL

    @property
    def spi(self) -> int:
        """Which association this is."""
        return self._spi

    @property
    def next_counter(self) -> int:
        """The lowest number not yet used; telemetry reports it so that the ground can jump."""
        return self._next

    @property
    def ceiling(self) -> int:
        """The first number that is not covered by a durable write."""
        return self._ceiling

    def wanted_ceiling(self) -> int | None:
        """The ceiling to store durably now, or None while more than half a block is in hand."""
        if self._ceiling - self._next >= max(self._block // 2, 1):
            return None
        wanted = min(self._next + self._block, COUNTER_END)
        return wanted if wanted > self._ceiling else None

    def ceiling_confirmed(self, ceiling: int) -> None:
        """The caller has this ceiling on durable storage; it never moves down."""
        self._ceiling = max(self._ceiling, min(ceiling, COUNTER_END))

    def settle(self) -> int:
        """Stop for good and give the exact ceiling to store, so that a clean end skips nothing."""
        self._state = AssociationState.STOPPED
        return self._next


class SdlsSender(_Counter):
    """The sending end of one association."""

    def __init__(self, key: LinkKey, ceiling: int, block: int = CEILING_BLOCK) -> None:
        super().__init__(key, ceiling, block)
        self._reserved = 0

    @property
    def available(self) -> int:
        """How many frames can be protected before the next ceiling must be confirmed."""
        return self._ceiling - self._next if self._state is AssociationState.OPERATIONAL else 0

    def reserve(self, frames: int) -> bool:
        """Whether so many frames can go out now; if not, the wanted ceiling will cover them."""
        self._reserved = self._next + frames
        return frames <= self.available

    def wanted_ceiling(self) -> int | None:
        """The ceiling to store durably now, or None while enough numbers are in hand."""
        if self._reserved > self._ceiling:
            return min(self._reserved + self._block, COUNTER_END)
        return super().wanted_ceiling()

    def jump_to(self, counter: int) -> None:
        """Skip forward to the number that the receiver's telemetry names; never backward."""
        self._next = max(self._next, min(counter, COUNTER_END))
        self._ceiling = max(self._ceiling, self._next)  # nothing is used until more is stored

    def protect(self, header: bytes, plaintext: bytes) -> bytes:
        """Security header, ciphertext and MAC that follow `header`, which is authenticated.

        FrameRefused: EXHAUSTED, STATE, or COUNTER_NOT_STORED until the wanted ceiling is stored.
        """
        if self._state is not AssociationState.OPERATIONAL:
            raise FrameRefused(Refusal.STATE)
        if self._next >= COUNTER_END:
            raise FrameRefused(Refusal.EXHAUSTED)
        if self._next >= self._ceiling:
            raise FrameRefused(Refusal.COUNTER_NOT_STORED)
        security = _HEADER.pack(self._spi, self._board, self._spi, self._next)
        self._next += 1
        return security + self._gcm.encrypt(security[2:], plaintext, header + security)


class SdlsReceiver(_Counter):
    """The receiving end of one association; forward only, the past never passes."""

    def __init__(
        self, key: LinkKey, ceiling: int, window: int = TC_WINDOW, block: int = CEILING_BLOCK
    ) -> None:
        super().__init__(key, ceiling, block)
        self._window = window
        self._asked = 0

    def wanted_ceiling(self) -> int | None:
        """As for the sender; a genuine frame beyond the ceiling raises what is wanted."""
        wanted = super().wanted_ceiling()
        if self._asked > self._ceiling:
            return max(self._asked, wanted or 0)
        return wanted

    def open(self, header: bytes, protected: bytes) -> bytes:
        """The plaintext, or FrameRefused with nothing moved.

        Order: length, association, counter, MAC, and only then the durable ceiling and the
        counter's move; a forged frame can therefore neither move state nor cause a write.
        """
        if len(protected) < OVERHEAD_BYTES:
            raise FrameRefused(Refusal.LENGTH)
        spi, board, iv_spi, counter = _HEADER.unpack_from(protected)
        if spi != self._spi:
            raise FrameRefused(Refusal.SPI)
        if self._state is not AssociationState.OPERATIONAL:
            raise FrameRefused(Refusal.STATE)
        if (board, iv_spi) != (self._board, self._spi):
            raise FrameRefused(Refusal.IV)
        self._check_window(counter)
        security, sealed = protected[:SECURITY_HEADER_BYTES], protected[SECURITY_HEADER_BYTES:]
        try:
            plaintext = self._gcm.decrypt(security[2:], sealed, header + security)
        except InvalidTag:
            raise FrameRefused(Refusal.MAC) from None
        if counter >= self._ceiling:
            self._asked = max(self._asked, min(counter + self._block, COUNTER_END))
            raise FrameRefused(Refusal.COUNTER_NOT_STORED)
        self._next = counter + 1
        return plaintext

    def _check_window(self, counter: int) -> None:
        if COUNTER_END in (self._next, counter):
            raise FrameRefused(Refusal.EXHAUSTED)
        if counter < self._next:
            raise FrameRefused(Refusal.REPLAY)
        if counter >= self._next + self._window:
            raise FrameRefused(Refusal.GAP)
