"""Saved parameters: types kept, strangers left out by name, damage survived."""

import math

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flight_sw.store.parameters import NAME, VERSION, ParameterStore
from flight_sw.store.records import Record

DECLARED = {"heater_on": bool, "period_ms": int, "limit_c": float}
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "heater_on": st.booleans(),
        "period_ms": st.integers(-(2**63), 2**63 - 1),
        "limit_c": st.floats(allow_nan=False, allow_infinity=False),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(VALUES)
def test_values_and_types_round_trip(memory, values) -> None:
    """What was saved is loaded with its type, and what was not saved is not there."""
    ParameterStore(memory, DECLARED).save(values)
    loaded = ParameterStore(memory, DECLARED).load()
    assert loaded.values == values
    assert all(type(loaded.values[name]) is DECLARED[name] for name in values)
    assert (loaded.problems, loaded.damaged) == ((), False)


def test_an_empty_store_is_no_problem(memory) -> None:
    """The first boot has defaults and nothing to complain about."""
    loaded = ParameterStore(memory, DECLARED).load()
    assert (loaded.values, loaded.problems, loaded.damaged) == ({}, (), False)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("gone", 1, "not a parameter"),
        ("heater_on", 1, "type int, not bool"),
        ("period_ms", True, "type bool, not int"),
        ("period_ms", 1.0, "type float, not int"),
        ("limit_c", 5, "type int, not float"),
        ("limit_c", math.nan, "finite"),
        ("limit_c", -math.inf, "finite"),
    ],
)
def test_what_does_not_fit_is_left_out_by_name(memory, name, value, problem) -> None:
    """One bad value costs that parameter alone, and cannot be saved in the first place."""
    saved = {name: value, **({"heater_on": True} if name != "heater_on" else {"limit_c": 1.5})}
    Record(memory, NAME, VERSION).save(msgspec.msgpack.encode(saved))
    loaded = ParameterStore(memory, DECLARED).load()
    assert name not in loaded.values
    assert len(loaded.values) == 1
    (line,) = loaded.problems
    assert line.startswith(f"{name}: ")
    assert problem in line
    with pytest.raises(ValueError, match=name):
        ParameterStore(memory, DECLARED).save({name: value})


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x93\1\2\3", b"\x81\xa1a\xa1b", b"\x81"])
def test_payloads_of_another_shape_give_defaults(memory, payload: bytes) -> None:
    """Valid slots with a strange content are a problem, not a crash."""
    Record(memory, NAME, VERSION).save(payload)
    loaded = ParameterStore(memory, DECLARED).load()
    assert loaded.values == {}
    assert len(loaded.problems) == 1


def test_damage_of_both_slots_gives_defaults_and_says_so(memory) -> None:
    """With no valid slot the defaults apply and the damage is reported."""
    store = ParameterStore(memory, DECLARED)
    store.save({"period_ms": 1})
    store.save({"period_ms": 2})
    memory.flip("parameters.b", 200)
    assert store.load().values == {"period_ms": 1}
    memory.flip("parameters.a", 200)
    loaded = store.load()
    assert loaded.values == {}
    assert loaded.damaged
    assert len(loaded.problems) == 1
