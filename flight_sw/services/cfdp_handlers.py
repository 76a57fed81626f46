"""cfdp-py's two state machines on a clock of ours, with what they lack put right.

cfdp-py 0.7.0 as found, and mended here:
- its timers read the wall clock: every one is replaced by a countdown on the link's own clock, which
  stands still while the link is away, so that a transfer is suspended and goes on;
- all receivers of a process share one list of lost segments (a mutable default): each gets its own;
- a file of which nothing was lost is delivered without looking at its checksum: `verify` looks;
- an EOF that comes before metadata is taken without its checksum, so that the file always fails, and
  the metadata then stops the search for lost segments for good: both are kept going;
- data without metadata moves the marks of what was received back, and each unit of it asks for the
  whole file anew: it is noted, and metadata is asked for once in a while.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cfdppy.exceptions import (
    InvalidDestinationId,
    InvalidNakPdu,
    InvalidPduDirection,
    InvalidPduForDestHandler,
    InvalidPduForSourceHandler,
    InvalidSourceId,
    InvalidTransactionSeqNum,
    NoRemoteEntityConfigFound,
    PduIgnoredForDest,
    PduIgnoredForSource,
    UnretrievedPdusToBeSent,
)
from cfdppy.handler.dest import DestHandler, LostSegmentTracker, TransactionStep
from cfdppy.handler.source import SourceHandler
from cfdppy.handler.source import TransactionStep as SourceStep
from cfdppy.mib import (
    CheckTimerProvider,
    DefaultFaultHandlerBase,
    IndicationConfig,
    LocalEntityConfig,
    RemoteEntityConfig,
    RemoteEntityConfigTable,
)
from cfdppy.request import PutRequest
from cfdppy.user import CfdpUserBase
from spacepackets.cfdp import ChecksumType, ConditionCode, TransmissionMode
from spacepackets.cfdp.pdu import NakPdu
from spacepackets.cfdp.pdu.finished import DeliveryCode, FileStatus, FinishedParams
from spacepackets.countdown import Countdown
from spacepackets.seqcount import ProvidesSeqCount
from spacepackets.util import UnsignedByteField

from flight_sw.services.cfdp_buffer import SlotBuffer, slot_name
from flight_sw.services.cfdp_pdu import (
    DATA_OVERHEAD_BYTES,
    ENTITY_BYTES,
    LIBRARY_ERRORS,
    NUMBER_BYTES,
    PDU_BYTES_MAX,
)

# Repetitions are limited by silence, not by count: the router ends a transfer that hears nothing.
REPEATS_MAX = 1_000_000

HANDLER_ERRORS = (
    *LIBRARY_ERRORS,
    InvalidDestinationId,
    InvalidNakPdu,
    InvalidPduDirection,
    InvalidPduForDestHandler,
    InvalidPduForSourceHandler,
    InvalidSourceId,
    InvalidTransactionSeqNum,
    NoRemoteEntityConfigFound,
    PduIgnoredForDest,
    PduIgnoredForSource,
    UnretrievedPdusToBeSent,
)


_WAITING = frozenset({SourceStep.WAITING_FOR_EOF_ACK, SourceStep.WAITING_FOR_FINISHED})


@dataclass(slots=True)
class LinkClock:
    """Seconds during which the link was there; written by the router alone."""

    now_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Both ends of the link and its patience, in seconds of link time.

    Args:
        answer_s: an EOF, Finished or NAK without answer is sent again after this.
        silence_s: a transfer that hears nothing for so long is given up.
    """

    local: int
    remote: int
    segment_bytes: int = PDU_BYTES_MAX - DATA_OVERHEAD_BYTES
    answer_s: float = 3.0
    silence_s: float = 600.0


class LinkCountdown(Countdown):  # type: ignore[misc]  # spacepackets carries no types
    """A countdown on link time; cfdp-py asks only the four methods below."""

    def __init__(self, clock: LinkClock, timeout_s: float) -> None:
        self._clock, self._timeout_s = clock, timeout_s
        self.start()

    @property
    def due_s(self) -> float:
        """When it runs out, in link time."""
        return self._started_s + self._timeout_s

    def start(self) -> None:
        """From now."""
        self._started_s = self._clock.now_s

    def reset(self, new_timeout: timedelta | None = None) -> None:
        """From now, perhaps with another length."""
        if new_timeout is not None:
            self._timeout_s = new_timeout.total_seconds()
        self.start()

    def timed_out(self) -> bool:
        """Whether the time is up."""
        return self._clock.now_s >= self.due_s

    def busy(self) -> bool:
        """Whether it still runs."""
        return not self.timed_out()


class Sender(SourceHandler):  # type: ignore[misc]
    """cfdp-py's source for one transfer, started at once."""

    def __init__(
        self, settings: TransferSettings, clock: LinkClock, slot: int, number: int, content: bytes
    ) -> None:
        self.buffer = SlotBuffer(content)
        self._clock, self._answer_s = clock, settings.answer_s
        user = _User(self.buffer)
        super().__init__(_local(settings), user, _remote(settings), _NoTimers(), _Number(number))
        name = Path(slot_name(slot))
        remote = UnsignedByteField(settings.remote, ENTITY_BYTES)
        self.put_request(PutRequest(remote, name, name, None, None))
        self.state_machine()

    @property
    def sends_file(self) -> bool:
        """Whether the next call brings a unit without waiting for anything."""
        return self.states.step not in _WAITING

    def due_s(self) -> float:
        """When a timer runs out, in link time."""
        timer = self._params.positive_ack_params.ack_timer
        waits = self.states.step is SourceStep.WAITING_FOR_EOF_ACK
        return timer.due_s if waits and timer is not None else float("inf")

    def _start_positive_ack_procedure(self) -> None:
        super()._start_positive_ack_procedure()
        self._params.positive_ack_params.ack_timer = LinkCountdown(self._clock, self._answer_s)


class Receiver(DestHandler):  # type: ignore[misc]
    """cfdp-py's destination for one transfer; without a limit in `buffer` it refuses the file."""

    def __init__(self, settings: TransferSettings, clock: LinkClock) -> None:
        self.buffer = SlotBuffer()
        self.delivered: FinishedParams | None = None
        self._clock, self._answer_s = clock, settings.answer_s
        self._asked: LinkCountdown | None = None
        user = _ReceivingUser(self)
        super().__init__(_local(settings), user, _remote(settings), _NoTimers())

    def verify(self, finished: FinishedParams) -> None:
        """Look at the checksum before the other end is told that all is well; keep the outcome."""
        size, announced = self._params.fp.file_size, self._params.fp.crc32
        if finished.condition_code == ConditionCode.NO_ERROR and (
            size != len(self.buffer.content) or announced != self.buffer.checksum(size)
        ):
            finished.condition_code = ConditionCode.FILE_CHECKSUM_FAILURE
            finished.delivery_code = DeliveryCode.DATA_INCOMPLETE
            finished.file_status = FileStatus.DISCARDED_DELIBERATELY
        elif finished.condition_code == ConditionCode.NO_ERROR and not self.buffer.still_wanted():
            finished.condition_code = ConditionCode.FILESTORE_REJECTION
            finished.file_status = FileStatus.DISCARDED_FILESTORE_REJECTION
        self.delivered = finished

    def due_s(self) -> float:
        """When a timer runs out, in link time."""
        acked = self._params.acked_params
        timer = self._params.positive_ack_params.ack_timer
        if acked.deferred_lost_segment_detection_active:
            timer = acked.procedure_timer
        return timer.due_s if timer is not None else float("inf")

    def _common_first_packet_handler(self, pdu: Any) -> Any:
        self._params.acked_params.lost_seg_tracker = LostSegmentTracker()
        return super()._common_first_packet_handler(pdu)

    def _handle_metadata_packet(self, metadata_pdu: Any) -> None:
        super()._handle_metadata_packet(metadata_pdu)
        deferred = self._params.acked_params.deferred_lost_segment_detection_active
        if deferred and self.states.step is TransactionStep.RECEIVING_FILE_DATA:
            self.states.step = TransactionStep.WAITING_FOR_MISSING_DATA

    def _handle_file_data_without_previous_metadata(self, fd_pdu: Any) -> None:
        """Data that nobody knows a place for: note that all of it is lost, and ask for metadata."""
        acked, file = self._params.acked_params, self._params.fp
        if acked.deferred_lost_segment_detection_active:
            return  # all is asked for already
        file.progress = max(file.progress, fd_pdu.offset + len(fd_pdu.file_data))
        acked.lost_seg_tracker.lost_segments = [(0, file.progress)] if file.progress else []
        acked.last_start_offset = acked.last_end_offset = file.progress
        if self._asked is None or self._asked.timed_out():
            self._asked = LinkCountdown(self._clock, self._answer_s)
            self._add_packet_to_be_sent(NakPdu(self._params.pdu_conf, 0, file.progress, [(0, 0)]))

    def _handle_eof_without_previous_metadata(self, eof_pdu: Any) -> None:
        self._params.fp.crc32 = eof_pdu.file_checksum
        super()._handle_eof_without_previous_metadata(eof_pdu)

    def _start_positive_ack_procedure(self) -> None:
        super()._start_positive_ack_procedure()
        self._params.positive_ack_params.ack_timer = LinkCountdown(self._clock, self._answer_s)
        self._params.acked_params.deferred_lost_segment_detection_active = False

    def _deferred_lost_segment_handling(self) -> None:
        acked = self._params.acked_params
        acked.lost_seg_tracker.coalesce_lost_segments()  # data without metadata piles up in it
        super()._deferred_lost_segment_handling()
        timer = acked.procedure_timer
        if timer is not None and not isinstance(timer, LinkCountdown):
            acked.procedure_timer = LinkCountdown(self._clock, self._answer_s)


class _User(CfdpUserBase):  # type: ignore[misc]
    """Does not listen: how a sent file ended is for the router to say."""

    def _nothing(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""

    transaction_indication = eof_sent_indication = eof_recv_indication = _nothing
    metadata_recv_indication = file_segment_recv_indication = report_indication = _nothing
    suspended_indication = resumed_indication = fault_indication = abandoned_indication = _nothing
    transaction_finished_indication = _nothing


class _ReceivingUser(_User):
    """Hears of the end of a reception."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver.buffer)
        self._receiver = receiver

    def transaction_finished_indication(self, params: Any) -> None:
        self._receiver.verify(params.finished_params)


class _Faults(DefaultFaultHandlerBase):  # type: ignore[misc]
    """cfdp-py's own answers to faults; the outcome travels in Finished and EOF."""

    def _nothing(self, *_: Any) -> None:
        """Nobody listens."""

    notice_of_suspension_cb = notice_of_cancellation_cb = abandoned_cb = ignore_cb = _nothing


class _NoTimers(CheckTimerProvider):  # type: ignore[misc]
    """Check timers belong to class 1, which this link does not use."""

    def provide_check_timer(self, *_: Any, **__: Any) -> Countdown:
        raise ValueError("no check timer in class 2")


class _Number(ProvidesSeqCount):  # type: ignore[misc]
    """The one transaction number of one transfer."""

    max_bit_width = 8 * NUMBER_BYTES

    def __init__(self, number: int) -> None:
        self._number = number

    def get_and_increment(self) -> int:
        return self._number


def _local(settings: TransferSettings) -> LocalEntityConfig:
    quiet = IndicationConfig(
        eof_sent_indication_required=False,
        eof_recv_indication_required=False,
        file_segment_recvd_indication_required=False,
    )
    return LocalEntityConfig(UnsignedByteField(settings.local, ENTITY_BYTES), quiet, _Faults())


def _remote(settings: TransferSettings) -> RemoteEntityConfigTable:
    config = RemoteEntityConfig(
        entity_id=UnsignedByteField(settings.remote, ENTITY_BYTES),
        max_file_segment_len=settings.segment_bytes,
        max_packet_len=PDU_BYTES_MAX,
        closure_requested=True,
        crc_on_transmission=True,
        default_transmission_mode=TransmissionMode.ACKNOWLEDGED,
        crc_type=ChecksumType.CRC_32,
        positive_ack_timer_expiration_limit=REPEATS_MAX,
        nak_timer_expiration_limit=REPEATS_MAX,
        disposition_on_cancellation=True,
    )
    return RemoteEntityConfigTable([config])
