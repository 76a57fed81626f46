"""From reports to the bytes of the downlink: packet counters, time stamps, stores, whole frames."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from flight_sw.services.cfdp_pdu import PDU_BYTES_MAX
from flight_sw.services.cfdp_service import TransferService
from flight_sw.services.report import Channel, Report
from flight_sw.services.st13_large import in_parts
from flight_sw.services.st15_storage import StorageService
from flight_sw.space_link.keys import LinkKey
from flight_sw.space_link.link import LinkSettings, TmSender
from flight_sw.space_link.packet import BarePacket, Telemetry
from flight_sw.space_link.sdls import SdlsSender

FRAMES_MAX = 64  # per step
WAITING_BYTES_MAX = 4 * 1024 * 1024  # parts of large results that the channel has no room for yet
IDLE_S = 5.0  # of silence until a frame of virtual channel 7 shows that the line lives
RETRIEVAL_QUEUE_BYTES = 65_536  # stored telemetry waits while so much live telemetry is queued


@dataclass(frozen=True, slots=True)
class Stamp:
    """Monotonic time, and what packets are stamped with."""

    now: float
    stamp_s: float


class Downlink:
    """The sending end of telemetry; `security` holds the counter whose ceiling must be durable."""

    def __init__(
        self,
        key: LinkKey,
        settings: LinkSettings,
        ceiling: int,
        storage: StorageService,
        transfers: TransferService,
    ) -> None:
        self._sender = TmSender(key, settings, ceiling)
        self._transfers = transfers
        self._file_apid = settings.file_apid
        self._file_sequence = 0
        self._apid = settings.apid
        self._storage = storage
        self._sequence = 0
        self._transaction = 0
        self._message_counters: dict[tuple[int, int], int] = {}
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._told_clcw = b""
        self._sent_s = float("-inf")
        self.dropped = 0

    @property
    def security(self) -> SdlsSender:
        """The association in force."""
        return self._sender.security

    def change_key(self, security: SdlsSender) -> None:
        """Protect with another association from the next frame on."""
        self._sender.change_key(security)

    def frames(self, reports: Iterable[Report], stamp: Stamp, clcw: bytes, room: int) -> bytes:
        """Queue the reports and send what may go; the rest waits for the next step.

        Housekeeping and events go even where the line has no `room` (bytes): whoever does not take
        them is cut off. Results and files wait. With nothing to send, a control word that is news, or
        IDLE_S of silence, goes down in an idle frame.
        """
        for item in reports:
            self._add(item, stamp)
        self._move_waiting()
        if self._sender.queued_bytes(Channel.RESULTS.value) < RETRIEVAL_QUEUE_BYTES:
            for packet in self._storage.retrieved():
                self._queue(Channel.RESULTS, packet)
        self._add_files()
        urgent = self._sender.frames_waiting(Channel.HOUSEKEEPING.value)
        count = min(max(urgent, room // self._sender.unit_bytes), FRAMES_MAX)
        line = self._sender.flush(clcw, count) if count else b""
        is_due = clcw != self._told_clcw or stamp.now - self._sent_s >= IDLE_S
        if not line and is_due and room >= self._sender.unit_bytes:
            line = self._sender.idle(clcw)
        if line:
            self._told_clcw, self._sent_s = clcw, stamp.now
        return line

    def _add_files(self) -> None:
        """Units of file transfer, as many as the results' channel holds for a short while."""
        if self._file_apid is None or self._waiting:
            return
        left = RETRIEVAL_QUEUE_BYTES - self._sender.queued_bytes(Channel.RESULTS.value)
        for unit in self._transfers.units(max(left, 0) // PDU_BYTES_MAX):
            packet = BarePacket(self._file_apid, self._file_sequence, unit, telecommand=False)
            self._file_sequence = (self._file_sequence + 1) & 0x3FFF
            self._queue(Channel.RESULTS, packet.pack())

    def _add(self, item: Report, stamp: Stamp) -> None:
        parts = in_parts(item, self._transaction)
        if len(parts) > 1:
            self._transaction = (self._transaction + 1) & 0xFFFF
        for part in parts:
            packet = self._packet(part, stamp.stamp_s)
            self._queue(part.channel, packet)
            self._storage.keep(part, packet, stamp.stamp_s, stamp.now)

    def _queue(self, channel: Channel, packet: bytes) -> None:
        """Results may wait for room, in order; housekeeping is worth nothing later."""
        behind = channel is Channel.RESULTS and self._waiting
        if not behind and self._sender.add(channel.value, packet):
            return
        if channel is Channel.HOUSEKEEPING or (
            self._waiting_bytes + len(packet) > WAITING_BYTES_MAX
        ):
            self.dropped += 1
            return
        self._waiting.append(packet)
        self._waiting_bytes += len(packet)

    def _move_waiting(self) -> None:
        while self._waiting and self._sender.add(Channel.RESULTS.value, self._waiting[0]):
            self._waiting_bytes -= len(self._waiting.popleft())

    def _packet(self, item: Report, stamp_s: float) -> bytes:
        kind = item.service, item.subtype
        counter = self._message_counters.get(kind, 0)
        self._message_counters[kind] = (counter + 1) & 0xFFFF
        packet = Telemetry(
            apid=self._apid,
            sequence=self._sequence,
            service=item.service,
            subtype=item.subtype,
            data=item.data,
            time=stamp_s,
            message_counter=counter,
        )
        self._sequence = (self._sequence + 1) & 0x3FFF
        return packet.pack()
