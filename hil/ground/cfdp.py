"""The ground's end of file transfer: files of the ground to slots of the payload, and back.

A file from the payload is named by its slot alone; where it is kept is for the caller to say, never for
the other end. Waits as the rest of the ground does: nothing moves but inside `step`.
"""

import secrets
from collections.abc import Callable

from flight_sw.services.cfdp import FileTransfer
from flight_sw.services.cfdp_handlers import TransferSettings
from flight_sw.services.cfdp_service import GROUND_ENTITY, payload_entity
from flight_sw.services.cfdp_transfer import TransferEnd
from flight_sw.space_link.packet import BarePacket

FILE_BYTES_MAX = 64 * 1024 * 1024
AHEAD_UNITS = 8  # units that wait for the line, about 8 KiB: a telecommand goes out behind no more


class GroundFiles:
    """File transfers of one ground program with one payload.

    Args:
        first_number: of transactions; by chance, since the payload remembers numbers over programs.
    """

    def __init__(self, spacecraft: int, file_apid: int, first_number: int | None = None) -> None:
        settings = TransferSettings(GROUND_ENTITY, payload_entity(spacecraft))
        first = secrets.randbits(32) if first_number is None else first_number
        self._transfers = FileTransfer(settings, first, lambda _, size: size <= FILE_BYTES_MAX)
        self._apid = file_apid
        self._sequence = 0
        self._ended: list[TransferEnd] = []

    def put(self, slot: int, content: bytes) -> int | None:
        """Start sending content to a slot; the transfer's number, None while too many are under way."""
        return self._transfers.send(slot, content)

    def cancel(self, number: int, *, receiving: bool = False) -> bool:
        """End a transfer at both ends."""
        return self._transfers.cancel(number, receiving=receiving)

    def progress(self, number: int, *, receiving: bool = False) -> tuple[int, int] | None:
        """Bytes so far and in all, None if it is over or not begun."""
        return self._transfers.progress(number, receiving=receiving)

    def listed(self) -> list[tuple[int, int, bool]]:
        """Number, slot and whether it is received, of every transfer under way."""
        return self._transfers.listed()

    def is_file_packet(self, packet: bytes) -> bool:
        """Whether a packet that came down belongs here."""
        return int.from_bytes(packet[:2], "big") & 0x7FF == self._apid

    def receive(self, packet: bytes) -> None:
        """One packet of the file APID; DecodeError if it is none."""
        self._transfers.receive(BarePacket.unpack(packet).data)

    def step(self, now: float, send: Callable[[BarePacket], None], *, room: bool) -> None:
        """Let time pass; hands a few packets to `send` while the line has room, none while it is away.

        `room` False stands for a line that is down or behind.
        """
        self._transfers.step(now)
        for unit in self._transfers.take(AHEAD_UNITS if room else 0):
            send(BarePacket(self._apid, self._sequence, unit, telecommand=True))
            self._sequence = (self._sequence + 1) & 0x3FFF
        self._ended += self._transfers.ended()

    def set_linked(self, *, linked: bool) -> None:
        """Stand still while the link is away."""
        if linked:
            self._transfers.resume()
        else:
            self._transfers.suspend()

    def ended(self) -> list[TransferEnd]:
        """What came to its end since the last call; `content` holds a file that was received."""
        ended, self._ended = self._ended, []
        return ended

    @property
    def under_way(self) -> int:
        """Transfers not closed yet."""
        return self._transfers.under_way

    def wake_at(self, now: float) -> float:
        """When there is something to send."""
        return self._transfers.wake_at(now)
