"""Ask one service to carry out one telecommand, as Commanding would."""

import pytest

from flight_sw.dictionary.field import decode
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.dictionary.telemetry import BY_CODE
from flight_sw.mode import Mode
from flight_sw.services.calls import Call

CLOCK_S = 1_800_000_000.0


def _ask(service, name, /, now=0.0, clock_s=None, mode=Mode.NOMINAL, **arguments):
    command = BY_NAME[name]
    decoded = command.decode(command.encode(arguments))
    clock_s = CLOCK_S + now if clock_s is None else clock_s
    return service.handlers()[name](Call(decoded, now, clock_s, mode))


def _read(outcome):
    assert not isinstance(outcome, Reason), outcome
    kinds = [(BY_CODE[item.service, item.subtype], item.data) for item in outcome or []]
    return [(kind.name, decode(kind.fields, data)) for kind, data in kinds]


@pytest.fixture(scope="session")
def ask():
    """The outcome of a telecommand: None, a Reason or reports."""
    return _ask


@pytest.fixture(scope="session")
def read():
    """The reports of an outcome as (name, values)."""
    return _read
