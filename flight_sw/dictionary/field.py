"""Fields: the typed, ranged words of which telecommands, telemetry, events and parameters are made.

One declaration serves both ends: flight decodes what the ground encodes, and the other way round, and
`vanallen send` builds its help from the same words. All numbers are big-endian (ECSS-E-ST-70-41C, 7.3).
"""

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.errors import DecodeError

TEXT_BYTES_MAX = 255
NAMES_MAX = 64

Value = bool | int | float | str | bytes


@unique
class Kind(Enum):
    """How a field travels; the value is its struct code, or its own word where it has no fixed size."""

    U8 = "B"
    U16 = "H"
    U32 = "I"
    U64 = "Q"
    I32 = "i"
    F32 = "f"
    F64 = "d"
    BOOL = "?"
    ENUM = "enum"  # U8 on the wire, a name in hand
    TEXT = "text"  # U8 length, then UTF-8
    BYTES = "bytes"  # all that is left; only as the last field
    NAMES = "names"  # U8 count, then a U8 each; in hand, choices joined by commas


@dataclass(frozen=True, slots=True)
class Field:
    """One word of a packet.

    Args:
        unit: SI unit, empty where there is none.
        minimum: smallest value allowed, in `unit`; None for the kind's own limit.
        maximum: largest value allowed.
        choices: for ENUM and NAMES, the names; their position is the value on the wire.
    """

    name: str
    kind: Kind
    help: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


def encode(fields: Iterable[Field], values: Mapping[str, Value]) -> bytes:
    """Pack named values in the order of the fields.

    Raises:
        ValueError: a value is missing, unknown, of the wrong type or out of range; the text names it.
    """
    fields = tuple(fields)
    unknown = set(values) - {field.name for field in fields}
    if unknown:
        names = ", ".join(field.name for field in fields) or "none"
        raise ValueError(f"unknown argument {min(unknown)}; known: {names}")
    parts = []
    for field in fields:
        if field.name not in values:
            raise ValueError(f"argument {field.name} is missing ({describe(field)})")
        parts.append(_encode_one(field, values[field.name]))
    return b"".join(parts)


def decode(fields: Iterable[Field], data: bytes) -> dict[str, Value]:
    """Unpack named values; every value is in range and every byte is used.

    Raises:
        DecodeError: too short, too long, out of range, not finite, an unknown choice, bad UTF-8 or
            control characters.
    """
    values: dict[str, Value] = {}
    position = 0
    for field in fields:
        value, position = _decode_one(field, data, position)
        problem = range_problem(field, value)
        if problem:
            raise DecodeError(f"{field.name} {problem}")
        values[field.name] = value
    if position != len(data):
        raise DecodeError(f"{len(data) - position} bytes too many")
    return values


def parse(field: Field, text: str) -> Value:
    """Read a value as a person types it: `70`, `0x1F`, `yes`, a choice's name, `@hex` for bytes.

    Raises:
        ValueError: not of the field's kind, or out of range.
    """
    try:
        value = _parse(field, text)
    except ValueError:
        raise ValueError(f"{field.name}: {text!r} is not {describe(field)}") from None
    _encode_one(field, value)  # whatever cannot be sent is refused while the person still looks
    return value


def describe(field: Field) -> str:
    """Say in words what a field takes, with unit and range."""
    if field.kind is Kind.ENUM:
        return "one of " + ", ".join(field.choices)
    if field.kind is Kind.NAMES:
        return "names, joined by commas, of " + ", ".join(field.choices)
    unit = f" {field.unit}" if field.unit else ""
    if field.minimum is not None or field.maximum is not None:
        low = "…" if field.minimum is None else f"{field.minimum:g}"
        high = "…" if field.maximum is None else f"{field.maximum:g}"
        return f"{field.kind.name.lower()} {low} to {high}{unit}"
    return field.kind.name.lower() + unit


def range_problem(field: Field, value: Value) -> str | None:
    """Why a value is not allowed, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if field.minimum is not None and value < field.minimum:
        return f"is below {field.minimum:g} {field.unit}".rstrip()
    if field.maximum is not None and value > field.maximum:
        return f"is above {field.maximum:g} {field.unit}".rstrip()
    return None


def _encode_one(field: Field, value: Value) -> bytes:
    problem = range_problem(field, value)
    if problem:
        raise ValueError(f"{field.name} {problem}")
    kind = field.kind
    if kind is Kind.BYTES and isinstance(value, bytes):
        return value
    if kind is Kind.TEXT and isinstance(value, str):
        raw = _cut(_printable(value).encode())
        return bytes([len(raw)]) + raw
    if kind is Kind.ENUM and isinstance(value, str):
        if value not in field.choices:
            raise ValueError(f"{field.name} {value!r} is not {describe(field)}")
        return bytes([field.choices.index(value)])
    if kind is Kind.NAMES and isinstance(value, str):
        return _encode_names(field, value)
    if kind in _NUMBERS and isinstance(value, int | float):
        try:
            number = float(value) if kind in _FLOATS else value
            return struct.pack(">" + kind.value, number)
        except (struct.error, OverflowError):
            pass
    raise ValueError(f"{field.name}: {value!r} is not {describe(field)}")


def _encode_names(field: Field, value: str) -> bytes:
    names = [name.strip() for name in value.split(",")] if value else []
    unknown = [name for name in names if name not in field.choices]
    if unknown or len(names) > NAMES_MAX:
        raise ValueError(f"{field.name} {value!r} is not {describe(field)}")
    return bytes([len(names), *(field.choices.index(name) for name in names)])


def _printable(text: str) -> str:
    """With control characters as escapes: none ever reaches a terminal or a log (attack A26)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _cut(text: bytes) -> bytes:
    """At most 255 bytes, ending where a character ends."""
    return text[:TEXT_BYTES_MAX].decode(errors="ignore").encode()


def _decode_one(field: Field, data: bytes, position: int) -> tuple[Value, int]:
    kind = field.kind
    if kind is Kind.BYTES:
        return data[position:], len(data)
    size = 1 if kind in (Kind.ENUM, Kind.TEXT, Kind.NAMES) else struct.calcsize(">" + kind.value)
    end = position + size
    if end > len(data):
        raise DecodeError(f"{field.name} is cut off")
    if kind is Kind.ENUM:
        index = data[position]
        if index >= len(field.choices):
            raise DecodeError(f"{field.name} has no choice {index}")
        return field.choices[index], end
    if kind is Kind.TEXT:
        return _decode_text(field, data, end)
    if kind is Kind.NAMES:
        return _decode_names(field, data, end)
    if kind is Kind.BOOL and data[position] > 1:
        raise DecodeError(f"{field.name} is neither 0 nor 1")
    value: Value = struct.unpack_from(">" + kind.value, data, position)[0]
    return value, end


def _decode_text(field: Field, data: bytes, start: int) -> tuple[Value, int]:
    end = start + data[start - 1]
    if end > len(data):
        raise DecodeError(f"{field.name} is cut off")
    try:
        text = data[start:end].decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"{field.name} is not UTF-8") from error
    if not text.isprintable():
        raise DecodeError(f"{field.name} has control characters")
    return text, end


def _decode_names(field: Field, data: bytes, start: int) -> tuple[Value, int]:
    end = start + data[start - 1]
    if end > len(data) or data[start - 1] > NAMES_MAX:
        raise DecodeError(f"{field.name} is cut off or too long")
    if any(place >= len(field.choices) for place in data[start:end]):
        raise DecodeError(f"{field.name} has an unknown choice")
    return ",".join(field.choices[place] for place in data[start:end]), end


def _parse(field: Field, text: str) -> Value:
    kind = field.kind
    if kind is Kind.ENUM:
        names = {choice.lower(): choice for choice in field.choices}
        if text.lower() not in names:
            raise ValueError(text)
        return names[text.lower()]
    if kind in (Kind.TEXT, Kind.NAMES):
        return text
    if kind is Kind.BYTES:
        return bytes.fromhex(text.removeprefix("@"))
    if kind is Kind.BOOL:
        if text.lower() not in _BOOLS:
            raise ValueError(text)
        return _BOOLS[text.lower()]
    if kind in _FLOATS:
        return float(text)
    return int(text, 0)


_FLOATS = (Kind.F32, Kind.F64)
_NUMBERS = (Kind.U8, Kind.U16, Kind.U32, Kind.U64, Kind.I32, Kind.F32, Kind.F64, Kind.BOOL)
_BOOLS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
