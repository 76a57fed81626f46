"""Every declaration of the dictionary: unique, reversible, and safe against cut-off packets."""

import string
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.dictionary import events, parameters, telecommands, telemetry
from flight_sw.dictionary.events import EVENTS, EventDefinition
from flight_sw.dictionary.field import Field, Kind, Value, decode, encode
from flight_sw.dictionary.parameters import PARAMETERS, Parameter
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import COMMANDS, Command, find
from flight_sw.dictionary.telemetry import HOUSEKEEPING, REPORTS, Report
from flight_sw.errors import DecodeError
from flight_sw.mode import Mode

INTEGERS = {
    Kind.U8: (0, 2**8 - 1),
    Kind.U16: (0, 2**16 - 1),
    Kind.U32: (0, 2**32 - 1),
    Kind.U64: (0, 2**64 - 1),
    Kind.I32: (-(2**31), 2**31 - 1),
}
# What str.isprintable takes; control characters travel as escapes.
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
NAME = set(string.ascii_lowercase + string.digits + "-")


def value_of(field: Field) -> st.SearchStrategy[Value]:
    """Every value a field may hold."""
    low, high = field.minimum, field.maximum
    if field.kind in INTEGERS:
        kind_low, kind_high = INTEGERS[field.kind]
        return st.integers(
            kind_low if low is None else int(low), kind_high if high is None else int(high)
        )
    if field.kind in (Kind.F32, Kind.F64):
        width = 32 if field.kind is Kind.F32 else 64
        floats = st.floats(width=width, allow_nan=False, allow_infinity=False)
        if low is not None and high is not None:
            floats = st.integers(int(low) + 1, int(high)).map(float)
        return floats
    if field.kind is Kind.ENUM:
        return st.sampled_from(field.choices)
    if field.kind is Kind.BOOL:
        return st.booleans()
    if field.choices:  # several of them, joined by commas
        return st.lists(st.sampled_from(field.choices), max_size=5).map(",".join)
    return st.text(PRINTABLE, max_size=60) if field.kind is Kind.TEXT else st.binary(max_size=60)


def values_of(fields: Sequence[Field]) -> st.SearchStrategy[dict[str, Value]]:
    """Every set of values that a packet may hold."""
    return st.fixed_dictionaries({field.name: value_of(field) for field in fields})


def check_cuts(fields: Sequence[Field], packed: bytes) -> None:
    """Every shorter packet is refused, or differs only in the open-ended last field."""
    open_ended = bool(fields) and fields[-1].kind is Kind.BYTES
    for length in range(len(packed)):
        try:
            values = decode(fields, packed[:length])
        except DecodeError:
            continue
        assert open_ended, f"{length} of {len(packed)} bytes were taken for a whole packet"
        assert encode(fields, values) == packed[:length]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@settings(max_examples=20)
@given(data=st.data())
def test_every_command_round_trips(command: Command, data: st.DataObject) -> None:
    """What the ground encodes, flight finds and decodes; whatever is cut off is refused."""
    values = data.draw(values_of(command.arguments))
    packed = command.encode(values)
    assert find(command.service, command.subtype, packed) is command
    assert command.decode(packed) == values
    head = 0 if command.function is None else 2
    check_cuts(command.arguments, packed[head:])
    for length in range(head):
        with pytest.raises(DecodeError):
            find(command.service, command.subtype, packed[:length])


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
@settings(max_examples=20)
@given(data=st.data())
def test_every_report_round_trips(report: Report, data: st.DataObject) -> None:
    """What flight encodes, the ground decodes; whatever is cut off is refused."""
    values = data.draw(values_of(report.fields))
    packed = encode(report.fields, values)
    assert decode(report.fields, packed) == values
    check_cuts(report.fields, packed)


@pytest.mark.parametrize("structure", HOUSEKEEPING)
@settings(max_examples=20)
@given(data=st.data())
def test_every_housekeeping_structure_round_trips(structure: int, data: st.DataObject) -> None:
    """Both structures decode to what was encoded; whatever is cut off is refused."""
    fields = HOUSEKEEPING[structure]
    values = data.draw(values_of(fields))
    packed = encode(fields, values)
    assert decode(fields, packed) == values
    check_cuts(fields, packed)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
@settings(max_examples=10)
@given(data=st.data())
def test_every_event_round_trips_and_reads_well(
    event: EventDefinition, data: st.DataObject
) -> None:
    """An event decodes to what was encoded, and its sentence can be said for any values."""
    values = data.draw(values_of(event.fields))
    packed = encode(event.fields, values)
    assert decode(event.fields, packed) == values
    check_cuts(event.fields, packed)
    assert event.sentence(values)


@pytest.mark.parametrize(
    "names",
    [
        [command.name for command in COMMANDS],
        [report.name for report in REPORTS],
        [event.name for event in EVENTS],
    ],
)
def test_names_are_unique_and_easy_to_type(names: list[str]) -> None:
    """Commands, reports and events are named once, in lower case with hyphens."""
    assert len(set(names)) == len(names)
    assert all(set(name) <= NAME for name in names)


def test_codes_are_unique() -> None:
    """No two commands and no two reports share their place on the wire."""
    commands = {(c.service, c.subtype, c.function) for c in COMMANDS}
    reports = {(r.service, r.subtype) for r in REPORTS}
    assert len(commands) == len(COMMANDS)
    assert len(reports) == len(REPORTS)
    assert not reports & {(3, 25), (5, 1), (5, 2), (5, 3), (5, 4)}


def test_the_lookup_tables_hold_everything() -> None:
    """Every declaration is found by its name and by its code."""
    assert list(telecommands.BY_NAME.values()) == list(COMMANDS)
    assert list(telemetry.BY_NAME.values()) == list(REPORTS)
    assert list(telemetry.BY_CODE.values()) == list(REPORTS)
    assert list(events.BY_NAME.values()) == list(EVENTS)
    assert list(parameters.BY_NAME.values()) == list(PARAMETERS)
    assert set(telemetry.REASONS.values()) == set(Reason)


def test_housekeeping_names_are_unique() -> None:
    """A parameter's name says which it is without its structure, as the archive needs."""
    names = [field.name for fields in HOUSEKEEPING.values() for field in fields]
    assert len(set(names)) == len(names)


def test_only_the_last_field_is_open_ended() -> None:
    """A field without a length comes last, or the next could not be found."""
    every = [c.arguments for c in COMMANDS] + [r.fields for r in REPORTS]
    every += [e.fields for e in EVENTS] + list(HOUSEKEEPING.values())
    assert all(f.kind is not Kind.BYTES for fields in every for f in fields[:-1])
    assert all(len({f.name for f in fields}) == len(fields) for fields in every)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_default_is_allowed(parameter: Parameter) -> None:
    """A parameter starts within its own range."""
    assert parameter.minimum <= parameter.default <= parameter.maximum


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=8))
def test_an_unknown_command_is_a_decode_error(service: int, subtype: int, data: bytes) -> None:
    """Any service, subtype and data give a command of that code, or DecodeError."""
    try:
        command = find(service, subtype, data)
    except DecodeError:
        return
    assert (command.service, command.subtype) == (service, subtype)


def test_safe_always_answers() -> None:
    """In SAFE the payload can be asked how it is, and can be led out again."""
    for name in ("ping", "report-housekeeping", "set-mode", "report-parameter", "set-parameter"):
        assert Mode.SAFE in telecommands.BY_NAME[name].modes
