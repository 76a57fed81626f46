"""CCSDS space packets with PUS-C secondary headers: the telecommands and telemetry of this mission.

Packed with `struct` rather than through spacepackets: unpacking is about ten times cheaper and
the controller is spared 10 MB of imports. The tests hold every byte against spacepackets.
"""

import struct
from binascii import crc_hqx
from dataclasses import dataclass

from flight_sw.errors import DecodeError

PACKET_HEADER_BYTES = 6  # CCSDS 133.0-B-2, 4.1.3
PACKET_BYTES_MAX = 65_542  # 4.1.3.5.3: 6 + 65,536
IDLE_APID = 0x7FF  # 4.1.3.3.4.4
IDLE_PACKET_BYTES_MIN = PACKET_HEADER_BYTES + 1
PUS_C = 2  # ECSS-E-ST-70-41C, 7.4.3.1 and 7.4.4.1
TC_OVERHEAD_BYTES = 6 + 5 + 2
TM_OVERHEAD_BYTES = 6 + 14 + 2
TC_DATA_BYTES_MAX = PACKET_BYTES_MAX - TC_OVERHEAD_BYTES
TM_DATA_BYTES_MAX = PACKET_BYTES_MAX - TM_OVERHEAD_BYTES

_PACKET_HEADER = struct.Struct(">HHH")
_TC_HEADER = struct.Struct(">HHHBBBH")
_TM_HEADER = struct.Struct(">HHHBBBHHBHI")
_TYPE_TC = 1 << 12
_SECONDARY_HEADER = 1 << 11
_UNSEGMENTED = 0b11 << 14
_CDS_SHORT = 0x40  # CCSDS 301.0-B-4, 3.3.2: CDS, 1958 epoch, 16-bit days, milliseconds
_CDS_EPOCH_DAYS = 4_383  # from 1958-01-01 to 1970-01-01
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Telecommand:
    """One PUS-C telecommand packet; `data` is everything after the secondary header.

    `acknowledge` asks for ST[01] reports: 0b1000 accepted, 0b0100 started, 0b0010 progress,
    0b0001 completed. Source: ECSS-E-ST-70-41C, 7.4.4.1.
    """

    apid: int
    sequence: int
    service: int
    subtype: int
    data: bytes
    source_id: int = 0
    acknowledge: int = 0b1111

    @property
    def request_id(self) -> bytes:
        """The 4 bytes by which ST[01] names this telecommand (8.1.2.1)."""
        return request_id(self.apid, self.sequence)

    def pack(self) -> bytes:
        """The packet with its CRC-16; ValueError for a field out of range."""
        _check(self.apid, self.sequence, len(self.data), TC_DATA_BYTES_MAX)
        try:
            header = _TC_HEADER.pack(
                _TYPE_TC | _SECONDARY_HEADER | self.apid,
                _UNSEGMENTED | self.sequence,
                len(self.data) + TC_OVERHEAD_BYTES - PACKET_HEADER_BYTES - 1,
                PUS_C << 4 | self.acknowledge & 0xF,
                self.service,
                self.subtype,
                self.source_id,
            )
        except struct.error as error:
            raise ValueError(f"telecommand field out of range: {error}") from None
        return _with_crc(header + self.data)

    @classmethod
    def unpack(cls, packet: bytes) -> "Telecommand":
        """Decode exactly one packet; DecodeError for anything else."""
        _check_packet(packet, TC_OVERHEAD_BYTES)
        first, second, _, flags, service, subtype, source_id = _TC_HEADER.unpack_from(packet)
        _check_header(first, second, flags, telecommand=True)
        data = bytes(packet[_TC_HEADER.size : -2])
        apid, sequence = first & 0x7FF, second & 0x3FFF
        return cls(apid, sequence, service, subtype, data, source_id, flags & 0xF)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One PUS-C telemetry packet; `data` is the source data after the secondary header.

    `time` is in seconds UTC since 1970, carried as CDS short with 1 ms resolution.
    Source: ECSS-E-ST-70-41C, 7.4.3.1.
    """

    apid: int
    sequence: int
    service: int
    subtype: int
    data: bytes
    time: float
    message_counter: int = 0
    destination: int = 0

    def pack(self) -> bytes:
        """The packet with its CRC-16; ValueError for a field out of range."""
        _check(self.apid, self.sequence, len(self.data), TM_DATA_BYTES_MAX)
        days, day_ms = divmod(round(self.time * 1000), _DAY_MS)
        try:
            header = _TM_HEADER.pack(
                _SECONDARY_HEADER | self.apid,
                _UNSEGMENTED | self.sequence,
                len(self.data) + TM_OVERHEAD_BYTES - PACKET_HEADER_BYTES - 1,
                PUS_C << 4,
                self.service,
                self.subtype,
                self.message_counter,
                self.destination,
                _CDS_SHORT,
                days + _CDS_EPOCH_DAYS,
                day_ms,
            )
        except struct.error as error:
            raise ValueError(f"telemetry field out of range: {error}") from None
        return _with_crc(header + self.data)

    @classmethod
    def unpack(cls, packet: bytes) -> "Telemetry":
        """Decode exactly one packet; DecodeError for anything else."""
        _check_packet(packet, TM_OVERHEAD_BYTES)
        first, second, _, flags, service, subtype, counter, destination, code, days, day_ms = (
            _TM_HEADER.unpack_from(packet)
        )
        _check_header(first, second, flags, telecommand=False)
        if code != _CDS_SHORT or day_ms >= _DAY_MS:
            raise DecodeError("telemetry time is not CDS short")
        time = ((days - _CDS_EPOCH_DAYS) * _DAY_MS + day_ms) / 1000
        data = bytes(packet[_TM_HEADER.size : -2])
        apid, sequence = first & 0x7FF, second & 0x3FFF
        return cls(apid, sequence, service, subtype, data, time, counter, destination)


@dataclass(frozen=True, slots=True)
class BarePacket:
    """A packet without secondary header, in which units of another protocol travel (CFDP).

    It has no error control of its own: the frame's MAC and the unit's CRC stand for it.
    """

    apid: int
    sequence: int
    data: bytes
    telecommand: bool

    def pack(self) -> bytes:
        """The packet; ValueError for a field out of range."""
        _check(self.apid, self.sequence, len(self.data), PACKET_BYTES_MAX - PACKET_HEADER_BYTES)
        if not self.data:
            raise ValueError("a packet holds at least one byte")
        first = (_TYPE_TC if self.telecommand else 0) | self.apid
        return (
            _PACKET_HEADER.pack(first, _UNSEGMENTED | self.sequence, len(self.data) - 1) + self.data
        )

    @classmethod
    def unpack(cls, packet: bytes) -> "BarePacket":
        """Decode exactly one packet; DecodeError for anything else."""
        if packet_bytes(packet) != len(packet):
            raise DecodeError("packet length field and packet do not agree")
        first, second, _ = _PACKET_HEADER.unpack_from(packet)
        if first & _SECONDARY_HEADER or second & 0xC000 != _UNSEGMENTED:
            raise DecodeError("not an unsegmented packet without secondary header")
        if first & 0x7FF == IDLE_APID:
            raise DecodeError("idle packets carry no unit")
        data = bytes(packet[PACKET_HEADER_BYTES:])
        return cls(first & 0x7FF, second & 0x3FFF, data, bool(first & _TYPE_TC))


def packet_apid(packet: bytes) -> int:
    """The APID in a packet's header."""
    return int.from_bytes(packet[:2], "big") & 0x7FF


def request_id(apid: int, sequence: int) -> bytes:
    """Packet id and sequence control of a telecommand as ST[01] reports carry them, 4 bytes."""
    packet_id = _TYPE_TC | _SECONDARY_HEADER | apid
    return packet_id.to_bytes(2, "big") + (_UNSEGMENTED | sequence).to_bytes(2, "big")


def parse_request_id(data: bytes) -> tuple[int, int]:
    """APID and sequence count out of a 4-byte request id."""
    if len(data) != 4:
        raise DecodeError(f"a request id has 4 bytes, not {len(data)}")
    packet_id, sequence = struct.unpack(">HH", data)
    if packet_id & 0xF800 != _TYPE_TC | _SECONDARY_HEADER or sequence & 0xC000 != _UNSEGMENTED:
        raise DecodeError("a request id names an unsegmented PUS telecommand")
    return packet_id & 0x7FF, sequence & 0x3FFF


def packet_bytes(header: bytes | bytearray) -> int:
    """Total length that the first 6 bytes of a packet announce; DecodeError unless version 0."""
    if len(header) < PACKET_HEADER_BYTES or header[0] & 0xE0:
        raise DecodeError("not the header of a version-0 space packet")
    return PACKET_HEADER_BYTES + 1 + int.from_bytes(header[4:6], "big")


def is_idle(packet: bytes) -> bool:
    """Whether this is fill that the receiver throws away."""
    return packet_apid(packet) == IDLE_APID


def idle_packet(size_bytes: int) -> bytes:
    """A fill packet of just this size (7 to 65,542 bytes)."""
    if not IDLE_PACKET_BYTES_MIN <= size_bytes <= PACKET_BYTES_MAX:
        raise ValueError(f"no idle packet has {size_bytes} bytes")
    fill_bytes = size_bytes - PACKET_HEADER_BYTES
    return _PACKET_HEADER.pack(IDLE_APID, _UNSEGMENTED, fill_bytes - 1) + bytes(fill_bytes)


def _check(apid: int, sequence: int, data_bytes: int, data_bytes_max: int) -> None:
    if not 0 <= apid < IDLE_APID:
        raise ValueError(f"apid {apid} is not in 0 to 2046")
    if not 0 <= sequence < 1 << 14:
        raise ValueError(f"sequence count {sequence} is not in 0 to 16383")
    if data_bytes > data_bytes_max:
        raise ValueError(f"{data_bytes} bytes of data do not fit one packet")


def _check_packet(packet: bytes, overhead_bytes: int) -> None:
    if len(packet) < overhead_bytes:
        raise DecodeError(f"a packet of {len(packet)} bytes is too short")
    if packet_bytes(packet) != len(packet):
        raise DecodeError("packet length field and packet do not agree")
    if crc_hqx(packet, 0xFFFF) != 0:
        raise DecodeError("packet error control does not match")


def _check_header(first: int, second: int, flags: int, *, telecommand: bool) -> None:
    if bool(first & _TYPE_TC) is not telecommand or not first & _SECONDARY_HEADER:
        raise DecodeError("packet type or secondary header flag is wrong")
    if first & 0x7FF == IDLE_APID or second & 0xC000 != _UNSEGMENTED:
        raise DecodeError("idle or segmented packets carry no PUS message")
    if flags >> 4 != PUS_C:
        raise DecodeError(f"PUS version {flags >> 4} is not PUS-C")


def _with_crc(body: bytes) -> bytes:
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")
