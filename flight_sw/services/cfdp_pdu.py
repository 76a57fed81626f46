"""CFDP protocol data units in the one shape that this link uses (CCSDS 727.0-B-5, section 5).

Version 1 as the field has it, 2-byte entity ids, 4-byte transaction numbers, small files, CRC always.
The header is checked here, length first; only then does spacepackets take the unit apart. Whatever it
raises on bytes that are none of its own becomes a DecodeError.
"""

import struct
from binascii import crc_hqx
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from spacepackets.cfdp import ConditionCode, Direction
from spacepackets.cfdp.defs import InvalidCrcError, UnsupportedCfdpVersionError
from spacepackets.cfdp.pdu import AckPdu, DirectiveType, TransactionStatus
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.cfdp.tlv.defs import TlvTypeMissmatchError
from spacepackets.exceptions import InvalidCrcCcitt16Error

from flight_sw.errors import DecodeError

ENTITY_BYTES: Final = 2
NUMBER_BYTES: Final = 4
HEADER_BYTES: Final = 4 + 2 * ENTITY_BYTES + NUMBER_BYTES
DATA_OVERHEAD_BYTES: Final = HEADER_BYTES + 4 + 2  # offset before the data, CRC behind it
FILE_BYTES_MAX: Final = (1 << 32) - 1  # 4.1.2: sizes and offsets of small files have 32 bits
PDU_BYTES_MAX: Final = 980  # with its packet header in one telecommand frame

_HEADER = struct.Struct(">BHBHIH")
_VERSION_BITS: Final = 0b001
_CRC: Final = 1 << 1
_LARGE, _UNACKNOWLEDGED = 1, 1 << 2
_TOWARDS_SENDER: Final = 1 << 3
_FILE_DATA: Final = 1 << 4
_WIDTHS: Final = (ENTITY_BYTES - 1) << 4 | (NUMBER_BYTES - 1)

# What spacepackets was seen to raise on damaged units, besides ValueError and its kin.
LIBRARY_ERRORS: Final = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    struct.error,
    UnsupportedCfdpVersionError,
    InvalidCrcError,
    InvalidCrcCcitt16Error,
    TlvTypeMissmatchError,
)


@unique
class PduKind(Enum):
    """What a unit is; the value is its directive code, file data has none (table 5-4)."""

    DATA = None
    EOF = 4
    FINISHED = 5
    ACK = 6
    METADATA = 7
    NAK = 8


TO_RECEIVER: Final = frozenset({PduKind.DATA, PduKind.EOF, PduKind.METADATA})


@dataclass(frozen=True, slots=True)
class Pdu:
    """One unit taken apart; `source` and `number` name its transaction."""

    kind: PduKind
    to_receiver: bool
    source: int
    number: int
    destination: int
    content: Any


def open_pdu(raw: bytes) -> Pdu:
    """Decode exactly one unit.

    Raises:
        DecodeError: not a unit of this link's shape, damaged, or of a kind that nobody needs.
    """
    if not HEADER_BYTES + 2 < len(raw) <= PDU_BYTES_MAX:
        raise DecodeError(f"no CFDP unit has {len(raw)} bytes")
    flags, length, widths, source, number, destination = _HEADER.unpack_from(raw)
    if flags >> 5 != _VERSION_BITS or flags & (_LARGE | _UNACKNOWLEDGED) or not flags & _CRC:
        raise DecodeError("CFDP version, file size, class or CRC flag is not this link's")
    if widths != _WIDTHS or HEADER_BYTES + length != len(raw):
        raise DecodeError("CFDP lengths do not agree")
    if crc_hqx(raw, 0xFFFF) != 0:
        raise DecodeError("CFDP unit is damaged")
    kind = _kind(flags, raw)
    to_receiver = not flags & _TOWARDS_SENDER
    try:
        content = PduFactory.from_raw(raw)
        if kind is PduKind.EOF:  # spacepackets 0.32 leaves it in the upper four bits
            content.condition_code = ConditionCode(raw[HEADER_BYTES + 1] >> 4)
        if kind is PduKind.METADATA:  # it decodes names only when they are asked for
            _ = content.dest_file_name, content.source_file_name
    except LIBRARY_ERRORS as error:
        raise DecodeError(f"CFDP unit cannot be read: {type(error).__name__}") from error
    if kind is PduKind.DATA and content.offset + len(content.file_data) > FILE_BYTES_MAX:
        raise DecodeError("CFDP file data lies beyond what a small file can hold")
    if kind is not PduKind.ACK and to_receiver is not (kind in TO_RECEIVER):
        raise DecodeError("CFDP unit travels the wrong way")
    return Pdu(kind, to_receiver, source, number, destination, content)


def acknowledge(pdu: Pdu, status: TransactionStatus) -> bytes:
    """The ACK of an EOF or Finished unit (4.7.2), built from the unit itself."""
    conf = pdu.content.pdu_header.pdu_conf
    is_eof = pdu.kind is PduKind.EOF
    conf.direction = Direction.TOWARDS_SENDER if is_eof else Direction.TOWARDS_RECEIVER
    acked = DirectiveType.EOF_PDU if is_eof else DirectiveType.FINISHED_PDU
    return bytes(AckPdu(conf, acked, pdu.content.condition_code, status).pack())


def _kind(flags: int, raw: bytes) -> PduKind:
    if flags & _FILE_DATA:
        return PduKind.DATA
    try:
        return PduKind(raw[HEADER_BYTES])
    except ValueError:
        raise DecodeError(f"CFDP directive {raw[HEADER_BYTES]} is not used here") from None
