"""A measurement is judged by its limits, and one that was never taken fails as one out of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.rig.measurement import MeasuredOutcome, Measurement, Measures

REAL = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(
    ("value", "low", "high", "outcome"),
    [
        (50.0, 0.0, 100.0, "pass"),
        (4.0, 0.0, 100.0, "marginal"),
        (96.0, 0.0, 100.0, "marginal"),
        (100.0, 0.0, 100.0, "marginal"),
        (100.1, 0.0, 100.0, "fail"),
        (-0.1, 0.0, None, "fail"),
        (0.0, 0.0, None, "pass"),
        (97.0, None, 100.0, "marginal"),
        (math.nan, None, 100.0, "fail"),
        (math.inf, None, None, "pass"),
        (None, None, 100.0, "unset"),
    ],
)
def test_limits_judge_a_value(value, low, high, outcome: str):
    """Out of limits fails, within a twentieth of one is marginal, NaN never passes."""
    one = Measurement(name="x", low=low, high=high, value=value)
    assert one.outcome.value == outcome


@given(value=REAL, low=st.none() | REAL, high=st.none() | REAL)
def test_a_value_fails_just_when_it_is_out_of_its_limits(value, low, high):
    """Whatever limits there are, marginal is within them."""
    one = Measurement(name="x", low=low, high=high, value=value)
    is_in = (low is None or low <= value) and (high is None or value <= high)
    assert (one.outcome is not MeasuredOutcome.FAIL) == is_in


def test_failures_name_value_unit_and_limits():
    """The line a tester reads says all that is needed, and what passed is not in it."""
    measure = Measures()
    measure("ping", 12.5, "ms", high=100)
    measure("heat", 91.0, "degC", low=-40, high=85)
    measure.declare("drift", "ms/s", high=1)
    measure.same("version", "0.1", "0.2")
    said = [str(one) for one in measure.failures()]
    assert said == [
        "heat = 91 degC (limits -40 to 85): fail",
        "drift = None ms/s (limits ≤ 1): unset",
        "version = 0.1 (limits = 0.2): fail",
    ]


def test_a_usual_value_at_its_limit_is_not_marginal():
    """The top clock is where a clock should be; the declaration says so."""
    measure = Measures()
    measure.declare("clock", "MHz", low=599, high=1801, margin=0.0)
    assert measure("clock", 1800).outcome is MeasuredOutcome.PASS
    assert measure("clock", 1802).outcome is MeasuredOutcome.FAIL


def test_a_declared_measurement_keeps_its_limits():
    """Whoever takes it later cannot loosen them by leaving them out."""
    measure = Measures()
    measure.declare("drift", "ms/s", high=1)
    assert measure("drift", 2).outcome is MeasuredOutcome.FAIL
    assert measure.taken[0].unit == "ms/s"
