"""CFDP class 2, both ways: whole files between slots, over a link that loses and goes away.

Shall: deliver a file whole and checked or not at all; close every transfer at both ends under loss;
    stand still while the link is away and then go on; hold a bounded number of transfers and units.
How verified: tests/flight_sw/services/test_cfdp.py (100 seeds at 5 % and 20 % loss, outages, attacks).
Off nominal: a restarted receiver asks for all again; a restarted sender may send again under the same
    number, and a transfer that it does not take up ends by silence.
Not provided: class 1, file store requests, proxy operations, keep-alive and prompt.

cfdp-py 0.7.0 serves one transfer per object and leaves the rest to its user (CCSDS 727.0-B-5, 4.7.2):
what reaches a finished transfer, a repeated EOF, a repeated Metadata. Without these, one transfer in
three does not close at 20 % loss, and a late Metadata empties the file that has just come.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial

from spacepackets.cfdp import ChecksumType, ConditionCode, TransactionId
from spacepackets.cfdp.pdu import TransactionStatus
from spacepackets.util import UnsignedByteField

from flight_sw.errors import DecodeError
from flight_sw.services.cfdp_buffer import slot_of
from flight_sw.services.cfdp_handlers import (
    HANDLER_ERRORS,
    LinkClock,
    Receiver,
    Sender,
    TransferSettings,
)
from flight_sw.services.cfdp_pdu import (
    ENTITY_BYTES,
    NUMBER_BYTES,
    Pdu,
    PduKind,
    acknowledge,
    open_pdu,
)
from flight_sw.services.cfdp_transfer import (
    Key,
    Outcome,
    Transfer,
    TransferCounts,
    TransferEnd,
    is_busy,
    outcome_of,
)

SENDING_MAX = RECEIVING_MAX = 4
INBOX_MAX = 64  # units that wait until a handler has said what it has to say
ANSWERS_MAX = 64  # acknowledgements that wait to be sent
PAST_MAX = 256  # finished transfers that are remembered
NUMBERS = 1 << 32


class FileTransfer:
    """All transfers of one end.

    Args:
        first_number: differs from boot to boot, or the other end takes new transfers for old ones.
        accepts: whether a slot takes a file of this size now.
    """

    def __init__(
        self, settings: TransferSettings, first_number: int, accepts: Callable[[int, int], bool]
    ) -> None:
        self.counts = TransferCounts()
        self.suspended = False
        self._settings = settings
        self._accepts = accepts
        self._number = first_number
        self._clock = LinkClock()
        self._last_s: float | None = None
        self._active: OrderedDict[Key, Transfer] = OrderedDict()
        self._past: OrderedDict[Key, None] = OrderedDict()
        self._answers: deque[bytes] = deque(maxlen=ANSWERS_MAX)
        self._ended: list[TransferEnd] = []

    def send(self, slot: int, content: bytes, number: int | None = None) -> int | None:
        """Start sending a slot's content; its number, or None while SENDING_MAX are under way.

        With the `number` of a transfer that a restart cut off, the receiver goes on where it stood.
        """
        if self._count(Sender) >= SENDING_MAX:
            return None
        if number is None:
            number, self._number = self._number % NUMBERS, self._number + 1
        sender = Sender(self._settings, self._clock, slot, number, content)
        key = (self._settings.local, number)
        self._active[key] = Transfer(key, slot, sender, self._clock.now_s)
        return number

    def cancel(self, number: int, *, receiving: bool = False) -> bool:
        """End a transfer at both ends; False if there is none of this number."""
        source = self._settings.remote if receiving else self._settings.local
        transfer = self._active.get((source, number))
        if transfer is None:
            return False
        self._cancel(transfer)
        return True

    def suspend(self) -> None:
        """The link is away: send nothing and let no timer run."""
        self.suspended = True

    def resume(self) -> None:
        """The link is back: go on where the transfers stood."""
        self.suspended = False

    def step(self, now: float) -> None:
        """Let time pass; gives up what has been silent for too long."""
        if self._last_s is not None and not self.suspended:
            self._clock.now_s += max(0.0, now - self._last_s)
        self._last_s = now
        limit_s = self._clock.now_s - self._settings.silence_s
        for transfer in [t for t in self._active.values() if t.heard_s < limit_s]:
            self._end(transfer, Outcome.SILENCE)

    def receive(self, raw: bytes) -> None:
        """Route one unit from the other end; damage and strangers are counted and dropped."""
        try:
            pdu = open_pdu(raw)
        except DecodeError:
            self.counts.damaged += 1
            return
        ends = (self._settings.local, self._settings.remote)
        if (pdu.destination, pdu.source) != (ends if pdu.to_receiver else ends[::-1]):
            self.counts.foreign += 1
            return
        key = (pdu.source, pdu.number)
        if key in self._past or (key not in self._active and pdu.kind is PduKind.FINISHED):
            self._answer_late(pdu)
        elif pdu.to_receiver:
            self._to_receiver(key, pdu)
        elif key in self._active:
            self._to_sender(self._active[key], pdu)

    def take(self, count: int) -> list[bytes]:
        """At most this many units to send now, acknowledgements first, transfers in turn."""
        units: list[bytes] = []
        while len(units) < count and not self.suspended:
            unit = self._answers.popleft() if self._answers else self._next_unit()
            if unit is None:
                break
            units.append(unit)
        return units

    def ended(self) -> list[TransferEnd]:
        """What came to its end since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def listed(self) -> list[tuple[int, int, bool]]:
        """Number, slot and whether it is received, of every transfer under way."""
        return [
            (transfer.key[1], transfer.slot, isinstance(transfer.handler, Receiver))
            for transfer in self._active.values()
        ]

    @property
    def under_way(self) -> int:
        """Transfers that are not closed yet."""
        return len(self._active)

    def progress(self, number: int, *, receiving: bool = False) -> tuple[int, int] | None:
        """Bytes of a transfer so far and in all, None if it is over or not begun."""
        source = self._settings.remote if receiving else self._settings.local
        transfer = self._active.get((source, number))
        if transfer is None:
            return None
        return transfer.handler.progress, transfer.handler.file_size or 0

    def wake_at(self, now: float) -> float:
        """When there is something to send or to give up, infinity while there is not."""
        if self.suspended or not (self._active or self._answers):
            return float("inf")
        if self._answers or any(map(is_busy, self._active.values())):
            return now
        silence_s = self._settings.silence_s
        due_s = min(min(t.handler.due_s(), t.heard_s + silence_s) for t in self._active.values())
        return now + max(0.0, due_s - self._clock.now_s)

    def _to_receiver(self, key: Key, pdu: Pdu) -> None:
        transfer = self._active.get(key) or self._begin(key, pdu)
        if transfer is None:
            return
        transfer.heard_s = self._clock.now_s
        if pdu.kind is PduKind.METADATA:
            if transfer.metadata_seen:
                self.counts.repeated += 1
                return
            self._prepare(transfer, pdu)
        elif pdu.kind is PduKind.EOF:
            if transfer.eof_seen:
                self._repeat_eof(transfer, pdu)
                return
            transfer.eof_seen = True
        self._feed(transfer, pdu)

    def _begin(self, key: Key, pdu: Pdu) -> Transfer | None:
        if pdu.kind is PduKind.ACK:
            return None
        if self._count(Receiver) >= RECEIVING_MAX:
            self.counts.crowded += 1  # the other end repeats until there is room
            return None
        receiver = Receiver(self._settings, self._clock)
        transfer = self._active[key] = Transfer(key, 0, receiver, self._clock.now_s)
        return transfer

    def _prepare(self, transfer: Transfer, pdu: Pdu) -> None:
        """Give the buffer its room, if the slot takes the file; without it cfdp-py refuses."""
        transfer.metadata_seen = True
        metadata = pdu.content
        slot, size = slot_of(metadata.dest_file_name), metadata.file_size
        transfer.slot = slot or 0
        known = metadata.checksum_type == ChecksumType.CRC_32
        if slot is None or not known or not self._accepts(slot, size):
            return
        buffer = transfer.handler.buffer
        buffer.limit, buffer.still_wanted = size, partial(self._accepts, slot, size)

    def _repeat_eof(self, transfer: Transfer, pdu: Pdu) -> None:
        self.counts.repeated += 1
        cancelled = pdu.content.condition_code != ConditionCode.NO_ERROR
        self._answers.append(acknowledge(pdu, TransactionStatus.ACTIVE))
        if cancelled and not transfer.told:
            self._cancel(transfer)

    def _to_sender(self, transfer: Transfer, pdu: Pdu) -> None:
        transfer.heard_s = self._clock.now_s
        if pdu.kind is PduKind.NAK and not _asks_for_the_file(pdu, transfer):
            self.counts.damaged += 1
            return
        if (
            pdu.kind is PduKind.ACK
            and pdu.content.transaction_status == TransactionStatus.TERMINATED
        ):
            self._end(transfer, Outcome.FAULT)  # the other end is through with it, for good or ill
            return
        if pdu.kind is not PduKind.FINISHED:
            self._feed(transfer, pdu)
            return
        # Finished says that EOF arrived, and all there is to say, whatever the sender still waits for.
        code = pdu.content.condition_code
        self._answers.append(acknowledge(pdu, TransactionStatus.ACTIVE))
        self._end(transfer, outcome_of(code))

    def _answer_late(self, pdu: Pdu) -> None:
        self.counts.repeated += 1
        if pdu.kind in (PduKind.EOF, PduKind.FINISHED):
            known = (pdu.source, pdu.number) in self._past
            status = TransactionStatus.TERMINATED if known else TransactionStatus.UNDEFINED
            self._answers.append(acknowledge(pdu, status))

    def _cancel(self, transfer: Transfer) -> None:
        handler = transfer.handler
        while handler.get_next_packet() is not None:
            pass  # what was to be said about the file is not worth saying any more
        transfer.inbox.clear()
        source, number = transfer.key
        identity = TransactionId(
            UnsignedByteField(source, ENTITY_BYTES), UnsignedByteField(number, NUMBER_BYTES)
        )
        if not handler.cancel_request(identity):
            self._end(transfer, Outcome.CANCELLED)

    def _feed(self, transfer: Transfer, pdu: Pdu) -> None:
        if transfer.handler.packets_ready:
            if len(transfer.inbox) < INBOX_MAX:
                transfer.inbox.append(pdu)
            elif pdu.kind is PduKind.EOF:
                transfer.eof_seen = False
            return
        self._run(transfer, pdu)

    def _run(self, transfer: Transfer, pdu: Pdu | None) -> None:
        try:
            transfer.handler.state_machine(None if pdu is None else pdu.content)
        except HANDLER_ERRORS:
            self.counts.damaged += 1
            if pdu is None:  # without anything from outside it would fail the same way for ever
                self._end(transfer, Outcome.FAULT)
                return
            if pdu.kind is PduKind.EOF:
                transfer.eof_seen = False
        handler = transfer.handler
        if isinstance(handler, Receiver):
            self._look_at(transfer, handler)

    def _look_at(self, transfer: Transfer, receiver: Receiver) -> None:
        """Hand a whole file on at once; the transfer itself closes when Finished is acknowledged."""
        if receiver.delivered is not None and not transfer.told:
            self._tell(transfer, outcome_of(receiver.delivered.condition_code))
        if transfer.told and receiver.transaction_id is None and not receiver.packets_ready:
            self._close(transfer)

    def _next_unit(self) -> bytes | None:
        for key in list(self._active):
            transfer = self._active[key]
            self._active.move_to_end(key)
            unit = self._pull(transfer)
            if unit is not None:
                return unit
        return None

    def _pull(self, transfer: Transfer) -> bytes | None:
        handler = transfer.handler
        if not handler.packets_ready:
            self._run(transfer, transfer.inbox.popleft() if transfer.inbox else None)
        holder = handler.get_next_packet()
        if holder is None:
            return None
        if isinstance(handler, Sender):
            transfer.heard_s = max(transfer.heard_s, self._clock.now_s if is_busy(transfer) else 0)
        return bytes(holder.pdu.pack())

    def _end(self, transfer: Transfer, outcome: Outcome) -> None:
        if not transfer.told:
            self._tell(transfer, outcome)
        self._close(transfer)

    def _tell(self, transfer: Transfer, outcome: Outcome) -> None:
        transfer.told = True
        delivered = outcome is Outcome.DELIVERED
        self.counts.delivered += delivered
        self.counts.failed += not delivered
        receiving = isinstance(transfer.handler, Receiver)
        content = bytes(transfer.handler.buffer.content) if receiving and delivered else None
        end = TransferEnd(transfer.key[1], transfer.slot, receiving, outcome, content)
        self._ended.append(end)

    def _close(self, transfer: Transfer) -> None:
        self._active.pop(transfer.key, None)
        self._past[transfer.key] = None
        while len(self._past) > PAST_MAX:
            self._past.popitem(last=False)

    def _count(self, kind: type[Sender] | type[Receiver]) -> int:
        return sum(isinstance(transfer.handler, kind) for transfer in self._active.values())


def _asks_for_the_file(pdu: Pdu, transfer: Transfer) -> bool:
    """Whether a NAK stays within the file: cfdp-py would make units for whatever it asks."""
    size, asked = transfer.handler.file_size or 0, 0
    for start, end in pdu.content.segment_requests:
        if not start <= end <= size:
            return False
        asked += end - start
    return asked <= 2 * size  # a little overlap is no attack
