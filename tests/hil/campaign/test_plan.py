"""The fault plan: same seed, same plan; and no fault moves another."""

from dataclasses import astuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import ProfileError
from hil.campaign.judge import ANSWERS
from hil.campaign.plan import FAULTS_MAX, Population, plan, to_inject
from hil.faults.catalog import FaultKind
from hil.scenario import Acceleration, PlannedFault, load_scenario

SIZES = Population(weights_bits=1_000_000, voted_bits=1000)
FIRST_LIGHT = load_scenario("first-light")


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_the_same_seed_gives_the_same_plan(seed):
    """A run can be repeated from its seed alone."""
    assert plan(FIRST_LIGHT, seed, SIZES) == plan(FIRST_LIGHT, seed, SIZES)


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_a_plan_is_in_order_numbered_and_within_the_flight(seed):
    """Ids are positions, times rise, and places are fractions."""
    faults = plan(FIRST_LIGHT, seed, SIZES)
    assert [one.id for one in faults] == list(range(len(faults)))
    assert sorted(one.at_s for one in faults) == [one.at_s for one in faults]
    assert all(0 <= one.at_s <= FIRST_LIGHT.duration_s for one in faults)
    assert all(0 <= one.place < 1 and 0 <= one.second < 1 for one in faults)


def test_another_seed_gives_another_plan():
    """Chance is really used."""
    assert plan(FIRST_LIGHT, 1, SIZES) != plan(FIRST_LIGHT, 2, SIZES)


def test_every_fault_that_the_scenario_names_is_in_the_plan_at_its_time():
    """Radiation comes on top of the named faults and never instead."""
    named = [one for one in plan(FIRST_LIGHT, 7, SIZES) if one.origin == "scenario"]
    wanted = sorted((one.at_s, one.kind) for one in FIRST_LIGHT.faults)
    assert sorted((one.at_s, one.kind) for one in named) == wanted


def test_one_more_fault_moves_no_other():
    """Streams are named, so an added fault leaves the rest as it was."""
    more = msgspec.structs.replace(
        FIRST_LIGHT, faults=(*FIRST_LIGHT.faults, PlannedFault(at_s=1.5, kind="check-flip"))
    )
    before = {astuple(one)[1:] for one in plan(FIRST_LIGHT, 7, SIZES)}
    after = {astuple(one)[1:] for one in plan(more, 7, SIZES)}
    assert before < after
    assert len(after - before) == 1


def test_the_number_of_upsets_follows_rate_bits_and_acceleration():
    """Over many seeds the mean is that of the Poisson process (three standard errors)."""
    seconds = FIRST_LIGHT.upsets.until_s - FIRST_LIGHT.upsets.from_s
    upsets = FIRST_LIGHT.upsets
    rate = upsets.rate_per_bit_day * upsets.acceleration.weights * SIZES.weights_bits / 86_400
    runs = 200
    counts = [
        sum(
            one.kind == "weight-flip" and one.origin == "upset"
            for one in plan(FIRST_LIGHT, s, SIZES)
        )
        for s in range(runs)
    ]
    expected = rate * seconds
    assert abs(sum(counts) / runs - expected) < 3 * (expected / runs) ** 0.5


def test_no_acceleration_means_no_upsets():
    """Radiation can be switched off."""
    upsets = msgspec.structs.replace(
        FIRST_LIGHT.upsets, acceleration=Acceleration(weights=0, voted=0)
    )
    calm = msgspec.structs.replace(FIRST_LIGHT, upsets=upsets)
    assert {one.origin for one in plan(calm, 7, SIZES)} == {"scenario"}


def test_an_absurd_acceleration_is_a_mistake_and_not_a_long_wait():
    """The plan is bounded, and the message says what to lower."""
    upsets = msgspec.structs.replace(
        FIRST_LIGHT.upsets, acceleration=Acceleration(weights=1e15, voted=0)
    )
    wild = msgspec.structs.replace(FIRST_LIGHT, upsets=upsets)
    with pytest.raises(ProfileError, match=f"lower it below {FAULTS_MAX}"):
        plan(wild, 7, SIZES)


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_every_kind_that_can_be_judged_can_be_injected(kind):
    """Scenario, judge and injectors use the same words."""
    assert FaultKind(kind).value == kind
    planned = plan(
        msgspec.structs.replace(FIRST_LIGHT, faults=(PlannedFault(at_s=1.0, kind=kind),)), 7, SIZES
    )
    assert any(to_inject(one).kind == kind for one in planned)
