"""Fields against themselves, against damage and against what people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.dictionary.field import Field, Kind, decode, describe, encode, parse
from flight_sw.errors import DecodeError

U8 = Field("count", Kind.U8)
TEXT = Field("name", Kind.TEXT)
PERIOD = Field("period", Kind.F32, "time between reports", "s", minimum=0.1, maximum=3600)
MODE = Field("mode", Kind.ENUM, choices=("SAFE", "NOMINAL"))
INPUT = Field("input", Kind.BYTES)
FLAG = Field("flag", Kind.BOOL)


@given(st.text())
def test_text_survives_or_is_cut_at_a_character(text: str) -> None:
    """Text longer than 255 bytes is cut where a character ends, so that the other end can read it."""
    got = str(decode([TEXT], encode([TEXT], {"name": text}))["name"])
    assert got.isprintable()
    if text.isprintable():
        assert text.startswith(got)
        assert got == text or len(text.encode()) > 252


def test_control_characters_travel_as_escapes() -> None:
    """What moves a cursor, ends a line or paints a terminal arrives as words."""
    got = decode([TEXT], encode([TEXT], {"name": "a\n\x1b[2Jb\0\u2028c \xb0"}))["name"]
    assert got == r"a\n\x1b[2Jb\x00\u2028c °"


@given(st.binary(max_size=40))
def test_any_bytes_decode_or_raise_decode_error(data: bytes) -> None:
    """Bytes from a link give values or DecodeError, never another error."""
    fields = [U8, MODE, FLAG, PERIOD, TEXT, INPUT]
    try:
        values = decode(fields, data)
    except DecodeError:
        return
    assert encode(fields, values) == data


@pytest.mark.parametrize(
    ("field", "data"),
    [
        (MODE, b"\x02"),
        (FLAG, b"\x02"),
        (TEXT, b"\x02\xff\xff"),
        (TEXT, b"\x05abc"),
        (PERIOD, bytes.fromhex("7fc00000")),  # not a number
        (PERIOD, bytes.fromhex("7f800000")),  # infinity
        (PERIOD, bytes.fromhex("00000000")),  # below the minimum
        (U8, b"\x01\x02"),
    ],
)
def test_values_that_make_no_sense_are_refused(field: Field, data: bytes) -> None:
    """An unknown choice, bad UTF-8, a value out of range and a byte too many are decode errors."""
    with pytest.raises(DecodeError, match=field.name if len(data) != 2 else "too many"):
        decode([field], data)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (U8, "70", 70),
        (U8, "0x1F", 31),
        (PERIOD, "0.5", 0.5),
        (MODE, "nominal", "NOMINAL"),
        (FLAG, "yes", True),
        (FLAG, "0", False),
        (INPUT, "@0a0b", b"\x0a\x0b"),
        (TEXT, "a b", "a b"),
    ],
)
def test_values_are_read_as_people_type_them(field: Field, text: str, value: object) -> None:
    """A person types numbers, words and hex; the field gives the value that is sent."""
    assert parse(field, text) == value


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        (U8, "seven", "'seven' is not u8"),
        (U8, "300", "300 is not u8"),
        (U8, "010", "is not u8"),
        (PERIOD, "0", "is below 0.1 s"),
        (PERIOD, "nan", "is not a finite number"),
        (PERIOD, "soon", "is not f32 0.1 to 3600 s"),
        (MODE, "ASLEEP", "one of SAFE, NOMINAL"),
        (FLAG, "maybe", "is not bool"),
        (INPUT, "@xyz", "is not bytes"),
    ],
)
def test_a_bad_value_is_explained(field: Field, text: str, says: str) -> None:
    """A typing mistake names the argument and what it takes."""
    with pytest.raises(ValueError, match=says) as error:
        parse(field, text)
    assert field.name in str(error.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "argument count is missing"),
        ({"count": 1, "colour": 2}, "unknown argument colour; known: count"),
        ({"count": "1"}, "'1' is not u8"),
        ({"count": 1.5}, "1.5 is not u8"),
        ({"count": -1}, "-1 is not u8"),
    ],
)
def test_what_cannot_be_encoded_is_named(values: dict, says: str) -> None:
    """Missing, unknown and ill-typed arguments are each named."""
    with pytest.raises(ValueError, match=says):
        encode([U8], values)


def test_a_number_too_large_for_a_float_is_a_value_error() -> None:
    """An integer beyond the range of floats is refused like any other bad value."""
    with pytest.raises(ValueError, match="level"):
        encode([Field("level", Kind.F64)], {"level": 10**400})


def test_description_gives_unit_and_range() -> None:
    """Help says unit and range in words."""
    assert describe(PERIOD) == "f32 0.1 to 3600 s"
    assert describe(MODE) == "one of SAFE, NOMINAL"
