"""The mission campaign: rates per year with exact bounds, the same particles in every cell."""

import json
from types import SimpleNamespace

import pytest

from hil.campaign.mission_campaign import MissionPlan, fly_missions, poisson_bounds
from hil.simulation.flight import FlightOptions


@pytest.mark.parametrize(
    ("events", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)]
)
def test_bounds_of_a_count_are_those_of_the_tables(events: int, low: float, high: float) -> None:
    """Garwood's exact bounds of a Poisson mean at 95 %."""
    assert poisson_bounds(events) == pytest.approx((low, high), rel=1e-3, abs=1e-6)


def test_the_page_compares_classes_and_governors_and_stands_alone(monkeypatch, tmp_path) -> None:
    """Every cell is a row with its bounds; figures, acceleration and the line again are on the page."""
    from hil.campaign import mission_campaign, mission_files

    def flown(options):
        return SimpleNamespace(options=options)

    def summed(flight):
        wrong = 3 if flight.options.protection == "none" else 0
        return {
            "days": flight.options.days,
            "jobs": {"wrong": wrong, "submitted": 9, "answered": 9, "on_time": 9 - wrong},
            "hits": {"landed": 5, "void": 1},
            "availability": 0.99,
            "max_temp_c": 51.5,
            "trace_hash": "ab" * 32,
        }

    monkeypatch.setattr(mission_campaign, "fly", flown)
    monkeypatch.setattr(mission_campaign, "summary", summed)
    plan = MissionPlan(FlightOptions(days=2.0, acceleration=1e6), 2)
    figures = mission_files.write_missions(plan, tmp_path / "out", bar=False)
    page = (tmp_path / "out" / "report.html").read_text()
    assert len(figures["cells"]) == 8
    assert page.count("<tr>") == 9
    assert page.count("<svg") == 1
    assert mission_files.again(plan) in page
    assert "times 1e+06" in page
    for word in ("none", "standard", "high", "vote", "look-ahead", "staircase"):
        assert f"<td>{word}</td>" in page
    assert json.loads((tmp_path / "out" / "figures.json").read_text()) == figures


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
