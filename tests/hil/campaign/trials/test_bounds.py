"""Sample sizes and bounds of campaigns, against the figures of the textbooks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.campaign.trials.bounds import (
    Stop,
    decide,
    looks_at,
    rate_of,
    sample_size,
    stratified,
    upper_bound,
)


@pytest.mark.parametrize(("bound", "trials"), [(1e-2, 299), (1e-3, 2995), (1e-4, 29956)])
def test_the_sizes_of_the_note(bound: float, trials: int) -> None:
    """Without failures, 299, 2,995 and 29,956 faults keep the rate below 1 %, 0.1 % and 0.01 %."""
    assert sample_size(bound) == trials
    assert upper_bound(0, trials) <= bound < upper_bound(0, trials - 1)


def test_one_failure_costs_more_faults() -> None:
    """Allowing for a failure needs the 473 faults that the binomial asks for at 1 %."""
    assert sample_size(0.01, failures=1) == 473


@pytest.mark.parametrize("bound", [0.0, 1.0, -0.1, 1e-9, float("nan")])
def test_a_bound_that_cannot_be_met_is_refused(bound: float) -> None:
    """A bound outside (0, 1), or beyond any campaign, is an error and no endless search."""
    with pytest.raises(ValueError, match="bound"):
        sample_size(bound)


@settings(max_examples=60)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_enclose_the_rate(counted: tuple[int, int]) -> None:
    """Lower bound, rate and upper bounds stand in this order, the one-sided bound inside."""
    rate = rate_of(*counted)
    assert 0 <= rate.low <= rate.rate <= rate.upper <= rate.high + 1e-12 <= 1 + 1e-12


def test_nothing_is_known_without_faults() -> None:
    """No trial gives no rate and a bound of one."""
    assert (rate_of(0, 0).upper, rate_of(0, 0).rate) == (1.0, 0.0)


def test_looks_share_the_error() -> None:
    """A plan with four looks needs more faults at one of them than a plan with one look."""
    once, often = Stop(bound=0.01, looks=1), Stop(bound=0.01, looks=4)
    assert decide(once, 0, 299) == "met"
    assert decide(often, 0, 299) == ""
    assert decide(often, 0, 500) == "met"
    assert decide(often, 60, 300) == "missed"


def test_looks_are_at_whole_shards() -> None:
    """Looks come after whole shards and the last one after the last fault."""
    assert looks_at(Stop(bound=0.01, looks=4), 299, 50) == (100, 150, 250, 299)


def test_strata_add_up() -> None:
    """Every item is in one stratum, and a stratum counts its own failures."""
    rates = stratified(range(10), lambda i: i % 3, lambda i: i > 7)
    assert sum(rate.trials for rate in rates.values()) == 10
    assert [rates[i].events for i in range(3)] == [1, 0, 1]
