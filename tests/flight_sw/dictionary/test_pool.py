"""The pool of parameters, lists of names on the wire, and telecommands that may be kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.dictionary.field import NAMES_MAX, Field, Kind, decode, encode, parse
from flight_sw.dictionary.parameters import PARAMETER_NAMES
from flight_sw.dictionary.pool import (
    COUNTS_OF_REFUSALS,
    OF_THE_BOARD,
    POOL,
    POOL_NAMES,
    as_number,
    numbers,
)
from flight_sw.dictionary.stored import STORED_BYTES_MAX, check_stored
from flight_sw.dictionary.telecommands import COMMANDS, CRITICAL_NAMES
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import Telecommand

NAMES = (Field("names", Kind.NAMES, choices=("a", "b", "c")),)


def test_pool_holds_every_number_the_payload_reports():
    """Each housekeeping field but the refusal counts, and each parameter, within one byte."""
    wanted = {
        field.name
        for fields in HOUSEKEEPING.values()
        for field in fields
        if not field.name.startswith(COUNTS_OF_REFUSALS)
    }
    assert set(POOL_NAMES) == wanted | set(PARAMETER_NAMES)
    assert len(POOL_NAMES) <= 256
    assert set(POOL_NAMES) >= OF_THE_BOARD


def test_pool_values_are_numbers():
    """A choice counts as its place, a flag as 0 or 1, and what is not in the pool is left out."""
    assert as_number("mode", "NOMINAL") == POOL["mode"].choices.index("NOMINAL")
    assert numbers({"temp_known": True, "temp": 41.5, "refused_busy": 7}) == {
        "temp_known": 1.0,
        "temp": 41.5,
    }


@given(st.lists(st.sampled_from("abc"), max_size=NAMES_MAX))
def test_names_round_trip(names):
    """Any list of names comes back in its order."""
    values = {"names": ",".join(names)}
    assert decode(NAMES, encode(NAMES, values)) == values


@given(st.binary(max_size=80))
def test_any_bytes_are_names_or_a_decode_error(data):
    """An unknown place, a wrong count or a cut list is refused."""
    try:
        values = decode(NAMES, data)
    except DecodeError:
        return
    assert encode(NAMES, values) == data


@pytest.mark.parametrize("text", ["d", "a,d", "a,,b", ",".join("a" * (NAMES_MAX + 1))])
def test_unknown_or_too_many_names_cannot_be_typed(text):
    """What is wrong is said before anything is sent."""
    with pytest.raises(ValueError, match="names"):
        parse(NAMES[0], text)
    assert parse(NAMES[0], "a, b") == "a, b"


@given(st.binary(max_size=STORED_BYTES_MAX + 50))
def test_no_bytes_break_the_check_of_stored_telecommands(data):
    """Anything but a telecommand that may be kept is a DecodeError."""
    with pytest.raises(DecodeError):
        check_stored(data)


def test_critical_and_bulk_commands_cannot_be_kept():
    """Nothing that needs a person, and no part of a large transfer, runs unattended."""
    refused = [c.name for c in COMMANDS if c.critical or c.bulk] + ["arm"]
    assert set(CRITICAL_NAMES) <= set(refused)
    for command in COMMANDS:
        if command.name not in refused or command.arguments:
            continue
        packet = Telecommand(5, 1, command.service, command.subtype, command.encode({})).pack()
        with pytest.raises(DecodeError, match="unattended"):
            check_stored(packet)
