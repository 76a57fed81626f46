"""Telecommands kept on board for later: which may be kept, and the steps of a stored sequence.

step = delay F32 s | test U8 | parameter U8 | value F64 | packet length U16 | packet
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, unique
from math import isfinite

from flight_sw.dictionary.pool import POOL_NAMES
from flight_sw.dictionary.telecommands import find
from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import Telecommand

STEPS_MAX = 32
DELAY_S_MAX = 86_400.0
STORED_BYTES_MAX = 1024  # of one packet that is kept
_STEP = struct.Struct(">fBBdH")


@unique
class Condition(IntEnum):
    """What must hold for a step to be carried out; else the sequence ends."""

    ALWAYS = 0
    BELOW = 1
    ABOVE = 2
    EQUAL = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One telecommand of a sequence, `delay_s` after the one before."""

    delay_s: float
    packet: bytes
    condition: Condition = Condition.ALWAYS
    parameter: str = POOL_NAMES[0]
    value: float = 0.0


def check_stored(packet: bytes) -> Telecommand:
    """The telecommand of a packet that may be kept and carried out unattended.

    Raises:
        DecodeError: no telecommand, unknown, arguments that do not fit, critical or too large.
    """
    if len(packet) > STORED_BYTES_MAX:
        raise DecodeError(f"a stored telecommand has at most {STORED_BYTES_MAX} bytes")
    telecommand = Telecommand.unpack(packet)
    command = find(telecommand.service, telecommand.subtype, telecommand.data)
    command.decode(telecommand.data)
    unattended = not (command.critical or command.bulk or command.pending_key)
    if not unattended or command.name == "arm":
        raise DecodeError(f"{command.name} is not carried out unattended")
    return telecommand


def pack_steps(steps: list[Step]) -> bytes:
    """The argument `steps` of load-sequence."""
    return b"".join(
        _STEP.pack(s.delay_s, s.condition, POOL_NAMES.index(s.parameter), s.value, len(s.packet))
        + s.packet
        for s in steps
    )


def unpack_steps(data: bytes) -> list[Step]:
    """The steps of a sequence, each with a telecommand that may be stored; else DecodeError."""
    steps: list[Step] = []
    position = 0
    while position < len(data):
        if position + _STEP.size > len(data) or len(steps) == STEPS_MAX:
            raise DecodeError("steps are cut off or too many")
        delay_s, test, parameter, value, length = _STEP.unpack_from(data, position)
        start = position + _STEP.size
        position = start + length
        packet = data[start:position]
        if len(packet) != length or not 0 <= delay_s <= DELAY_S_MAX:
            raise DecodeError("a step is cut off or waits too long")
        if test > max(Condition) or parameter >= len(POOL_NAMES) or not isfinite(value):
            raise DecodeError("a step's condition is unknown")
        check_stored(packet)
        steps.append(Step(delay_s, packet, Condition(test), POOL_NAMES[parameter], value))
    if not steps:
        raise DecodeError("a sequence without steps")
    return steps
