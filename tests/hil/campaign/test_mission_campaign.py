"""The mission campaign: rates per year with exact bounds, the same particles in every cell."""

import pytest

from hil.campaign.mission_campaign import MissionPlan, fly_missions, poisson_bounds
from hil.simulation.flight import FlightOptions


@pytest.mark.parametrize(
    ("events", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)]
)
def test_bounds_of_a_count_are_those_of_the_tables(events: int, low: float, high: float) -> None:
    """Garwood's exact bounds of a Poisson mean at 95 %."""
    assert poisson_bounds(events) == pytest.approx((low, high), rel=1e-3, abs=1e-6)


@pytest.mark.long
def test_protection_and_governors_stand_side_by_side() -> None:
    """A class that holds more weights is hit more; wrong answers are per year, not accelerated."""
    options = FlightOptions(days=0.04, seed=3, jobs_per_day=2000, acceleration=1e9)
    plan = MissionPlan(options, 1, ("none", "standard"), ("staircase",))
    figures = fly_missions(plan, lambda _: None)
    none, standard = figures["cells"]
    assert 0 < none["hits"] < standard["hits"]
    assert standard["wrong"] == 0 < none["wrong"]
    assert none["sdc_per_year"] == pytest.approx(none["wrong"] * 365.25 / (0.04 * 1e9))
    assert standard["sdc_per_year_high"] < none["sdc_per_year_high"]
