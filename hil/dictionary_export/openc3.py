"""The dictionary as OpenC3 (COSMOS) packet definitions: one target, telemetry and commands in one text.

Commands describe the packet; frames, security and counters are the link's, so an OpenC3 server needs a
bridge for those. Text and lists are sized by the count before them.
"""

import re
from collections.abc import Iterator

from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.telecommands import COMMANDS, Command
from hil.dictionary_export.layouts import SIZED, Layout, layouts

TARGET = "VANALLEN"
_TYPES = {
    Kind.U8: "8 UINT",
    Kind.U16: "16 UINT",
    Kind.U32: "32 UINT",
    Kind.U64: "64 UINT",
    Kind.I32: "32 INT",
    Kind.F32: "32 FLOAT",
    Kind.F64: "64 FLOAT",
    Kind.BOOL: "8 UINT",
    Kind.ENUM: "8 UINT",
}
_LIMITS = {
    Kind.U8: (0, 0xFF),
    Kind.U16: (0, 0xFFFF),
    Kind.U32: (0, 0xFFFF_FFFF),
    Kind.U64: (0, (1 << 64) - 1),
    Kind.I32: (-(1 << 31), (1 << 31) - 1),
    Kind.BOOL: (0, 1),
    Kind.ENUM: (0, 0xFF),
}
_PRIMARY = (("VERSION", 3), ("TYPE", 1), ("SHF", 1), ("APID", 11), ("SEQ_FLAGS", 2), ("SEQ", 14))
_TM_SECONDARY = (("PUS", 4), ("TIME_REF", 4))
_TM_REST = (("COUNTER", 16), ("DEST", 16), ("TIME_CODE", 8), ("DAYS", 16), ("MS", 32))


def to_openc3() -> str:
    """Both halves; for a server, split the text at the line that begins with COMMAND."""
    lines = [line for layout in layouts() for line in _telemetry(layout)]
    lines += [line for command in COMMANDS for line in _command(command)]
    return "\n".join(lines) + "\n"


def _telemetry(layout: Layout) -> Iterator[str]:
    yield f"TELEMETRY {TARGET} {_name(layout.name)} BIG_ENDIAN {_quoted(layout.help)}"
    for name, bits in (*_PRIMARY, ("LENGTH", 16), *_TM_SECONDARY):
        yield f"  APPEND_ITEM CCSDS_{name} {bits} UINT"
    yield f"  APPEND_ID_ITEM PUS_SERVICE 8 UINT {layout.service}"
    yield f"  APPEND_ID_ITEM PUS_SUBTYPE 8 UINT {layout.subtype}"
    for name, bits in _TM_REST:
        yield f"  APPEND_ITEM PUS_{name} {bits} UINT"
    if layout.key is not None:
        key = layout.key
        yield f"  APPEND_ID_ITEM {_name(key.name)}_ID {_TYPES[key.kind]} {key.value}"
    for field in layout.fields:
        yield from _item(field)


def _item(field: Field) -> Iterator[str]:
    name, about = _name(field.name), _quoted(field.help)
    if field.kind in SIZED:
        yield f"  APPEND_ITEM {name}_COUNT 8 UINT"
        yield f"  APPEND_ITEM {name} 0 {'STRING' if field.kind is Kind.TEXT else 'BLOCK'} {about}"
        yield f"    VARIABLE_BIT_SIZE {name}_COUNT 8"
    elif field.kind is Kind.BYTES:
        yield f"  APPEND_ITEM {name} 0 BLOCK {_quoted((field.help + ', then the CRC-16').strip(', '))}"
    else:
        yield f"  APPEND_ITEM {name} {_TYPES[field.kind]} {about}"
        yield from _states(field)
        if field.unit:
            yield f"    UNITS {_quoted(field.unit)} {field.unit}"


def _command(command: Command) -> Iterator[str]:
    yield f"COMMAND {TARGET} {_name(command.name)} BIG_ENDIAN {_quoted(command.help)}"
    if command.critical:
        yield '  HAZARDOUS "needs arm first"'
    for name, bits in (*_PRIMARY, ("LENGTH", 16)):
        value = {"TYPE": 1, "SHF": 1, "SEQ_FLAGS": 3}.get(name, 0)
        yield f"  APPEND_PARAMETER CCSDS_{name} {bits} UINT 0 {(1 << bits) - 1} {value}"
    yield "  APPEND_PARAMETER PUS_FLAGS 8 UINT 0 255 47"
    yield f"  APPEND_ID_PARAMETER PUS_SERVICE 8 UINT 0 255 {command.service}"
    yield f"  APPEND_ID_PARAMETER PUS_SUBTYPE 8 UINT 0 255 {command.subtype}"
    yield "  APPEND_PARAMETER PUS_SOURCE 16 UINT 0 65535 0"
    if command.function is not None:
        yield f"  APPEND_ID_PARAMETER FUNCTION 16 UINT 0 65535 {command.function}"
    for field in command.arguments:
        yield from _parameter(field)


def _parameter(field: Field) -> Iterator[str]:
    name, about = _name(field.name), _quoted(field.help)
    if field.kind in SIZED:
        yield f"  APPEND_PARAMETER {name}_COUNT 8 UINT 0 255 0"
        kind = "STRING" if field.kind is Kind.TEXT else "BLOCK"
        yield f'  APPEND_PARAMETER {name} 0 {kind} "" {about}'
        yield f"    VARIABLE_BIT_SIZE {name}_COUNT 8"
    elif field.kind is Kind.BYTES:
        yield f'  APPEND_PARAMETER {name} 0 BLOCK "" {about}'
    elif field.kind in (Kind.F32, Kind.F64):
        low, high = field.minimum, field.maximum
        least = "MIN" if low is None else f"{low:.1f}"
        most = "MAX" if high is None else f"{high:.1f}"
        start = 0.0 if low is None else low
        yield f"  APPEND_PARAMETER {name} {_TYPES[field.kind]} {least} {most} {start:.1f} {about}"
    else:
        least, most = _LIMITS[field.kind]
        low = least if field.minimum is None else int(field.minimum)
        high = most if field.maximum is None else int(field.maximum)
        start = max(low, 0)
        yield f"  APPEND_PARAMETER {name} {_TYPES[field.kind]} {low} {high} {start} {about}"
        yield from _states(field)


def _states(field: Field) -> Iterator[str]:
    choices = ("no", "yes") if field.kind is Kind.BOOL else field.choices
    if field.kind in (Kind.BOOL, Kind.ENUM):
        for value, choice in enumerate(choices):
            yield f"    STATE {_name(choice)} {value}"


def _name(name: str) -> str:
    """OpenC3 splits lines at spaces, so a name is one word."""
    return re.sub(r"\W+", "_", name.upper())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
