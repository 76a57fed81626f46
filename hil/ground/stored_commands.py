"""Telecommands for later, as people write them: a time for the schedule, a file for a sequence.

vanallen send scrub-now --at +10m
vanallen sequence 1 cool-down.yaml

gate: working                    # or any: modes in which it may run
steps:
  - {send: set-parameter parameter=scrub_pass value=0.5}
  - {after_s: 2, send: scrub-now, when: temp < 70}   # else the sequence ends here
"""

import re
import shlex
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zlib import crc32

import msgspec

from flight_sw.dictionary.field import Value
from flight_sw.dictionary.pool import POOL_NAMES
from flight_sw.dictionary.stored import (
    DELAY_S_MAX,
    STEPS_MAX,
    Condition,
    Step,
    check_stored,
    pack_steps,
)
from flight_sw.errors import DecodeError, UserError
from flight_sw.profile import Section, parse_section
from flight_sw.space_link.packet import Telecommand
from hil.ground.arguments import find_command, parse_arguments
from hil.ground.spelling import nearest

UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_BY = re.compile(r"\+(\d+(?:\.\d+)?)([smhd]?)")
_WHEN = re.compile(r"\s*(\w+)\s*(<|>|==)\s*(\S+)\s*")
_SIGNS = {"<": Condition.BELOW, ">": Condition.ABOVE, "==": Condition.EQUAL}
_HOW = "write +90s, +10m or +2h from now, 2026-11-21T12:00:00Z, or seconds since 1970"


class _StepLine(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    send: str
    after_s: Annotated[float, msgspec.Meta(ge=0, le=DELAY_S_MAX)] = 0.0
    when: str | None = None


class _SequenceFile(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    steps: Annotated[tuple[_StepLine, ...], msgspec.Meta(min_length=1, max_length=STEPS_MAX)]
    gate: Literal["any", "working"] = "any"


@dataclass(frozen=True, slots=True)
class At:
    """When a telecommand shall run; `entry` None takes a number that follows from time and packet."""

    release_s: float
    entry: int | None = None
    group: int = 0


def parse_time(text: str, now_s: float) -> float:
    """UTC seconds since 1970 of a time as people write it; UserError says how to."""
    by = _BY.fullmatch(text)
    if by is not None:
        return now_s + float(by[1]) * UNITS_S[by[2]]
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--at {text}: {_HOW}") from None
    if moment.tzinfo is None:
        raise UserError(f"--at {text}: say the zone too, such as {text}Z")
    return moment.timestamp()


def packet_of(words: Sequence[str], apid: int) -> bytes:
    """The packet of a telecommand that may be kept on board, from `NAME key=value …`.

    Raises:
        UserError: no such telecommand or argument, or one that is not carried out unattended.
    """
    if not words:
        raise UserError("a step without a telecommand; write send: NAME key=value")
    command = find_command(words[0])
    data = command.encode(parse_arguments(command, words[1:]))
    packet = Telecommand(apid, 0, command.service, command.subtype, data).pack()
    try:
        check_stored(packet)
    except DecodeError as error:
        raise UserError(f"{words[0]}: {error}") from None
    return packet


def entry_values(words: Sequence[str], at: At, apid: int) -> dict[str, Value]:
    """The arguments of `insert-entry`: the same telecommand at the same time is the same entry."""
    packet = packet_of(words, apid)
    number = crc32(struct.pack(">d", at.release_s) + packet) if at.entry is None else at.entry
    return {"entry": number, "group": at.group, "release": at.release_s, "packet": packet}


def sequence_values(path: Path, number: int, apid: int) -> dict[str, Value]:
    """The arguments of `load-sequence` from a file.

    Raises:
        UserError: the file cannot be read, or a line of it is wrong; the text names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UserError(f"{path}: {reason}; check the path") from error
    file = parse_section(text, str(path), _SequenceFile)
    steps = [_step(line, f"{path}: steps[{n}]", apid) for n, line in enumerate(file.steps)]
    return {"sequence": number, "gate": file.gate, "steps": pack_steps(steps)}


def _step(line: _StepLine, place: str, apid: int) -> Step:
    try:
        packet = packet_of(shlex.split(line.send), apid)
        condition, parameter, value = _condition(line.when)
    except (UserError, ValueError) as error:
        raise UserError(f"{place}: {error}") from None
    return Step(line.after_s, packet, condition, parameter, value)


def _condition(text: str | None) -> tuple[Condition, str, float]:
    if text is None:
        return Condition.ALWAYS, POOL_NAMES[0], 0.0
    found = _WHEN.fullmatch(text)
    if found is None:
        raise UserError(f"when: {text!r} is no condition; write NAME < NUMBER, > or ==")
    if found[1] not in POOL_NAMES:
        raise UserError(f"when: no parameter {found[1]!r}; {nearest(found[1], POOL_NAMES)}")
    try:
        return _SIGNS[found[2]], found[1], float(found[3])
    except ValueError:
        raise UserError(f"when: {found[3]!r} is not a number") from None
