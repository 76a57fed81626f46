"""The mission campaign: an orbit's particles, protection classes and governors side by side.

Orbit gives flux, flux gives arrivals, arrivals become faults in the flown stack. Upsets of single bits
are so rare that a flight of years would see few; so memory hits come `acceleration` times as often, and
wrong answers are divided by it again: right as long as hits are so few that they do not meet each other
between two scrub passes. Without protection nothing mends, damage stays: `none` is then a pessimist.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from hil.campaign.trials.interval import clopper_pearson
from hil.simulation.flight import FlightOptions, fly, summary

YEAR_DAYS = 365.25
MANY = 10_000_000  # trials so many that the binomial is Poisson
PROTECTIONS = ("none", "standard", "high", "vote")
GOVERNORS = ("look-ahead", "staircase")


@dataclass(frozen=True, slots=True)
class MissionPlan:
    """What to fly, once for each seed, protection and governor."""

    options: FlightOptions
    flights: int
    protections: tuple[str, ...] = PROTECTIONS
    governors: tuple[str, ...] = GOVERNORS


def fly_missions(plan: MissionPlan, show: Callable[[float], None]) -> dict[str, Any]:
    """Fly them all; rates per year with bounds.

    Raises:
        UserError: orbit, board or vehicle cannot be used.
    """
    cells = list(product(plan.protections, plan.governors))
    rows = []
    for number, (protection, governor) in enumerate(cells):
        flown = []
        for flight in range(plan.flights):
            seed = plan.options.seed + flight  # the same chance in every cell
            options = replace(plan.options, seed=seed, protection=protection, governor=governor)
            flown.append(summary(fly(options)))
            show((number + (flight + 1) / plan.flights) / len(cells))
        rows.append(_row(protection, governor, flown, plan.options))
    return {
        "orbit": plan.options.orbit,
        "board": plan.options.board,
        "level": plan.options.level,
        "seed": plan.options.seed,
        "flights_per_cell": plan.flights,
        "days_per_flight": plan.options.days,
        "acceleration": plan.options.acceleration,
        "cells": rows,
        "holds_for": (
            "Rates hold for this orbit, board and cross-section level, at 95 % (exact Poisson); they "
            "carry the spread of those, which the levels low and high bound, and no flight data."
        ),
    }


def _row(
    protection: str, governor: str, flown: list[dict[str, Any]], options: FlightOptions
) -> dict[str, Any]:
    days = sum(figures["days"] for figures in flown)
    wrong = sum(figures["jobs"]["wrong"] for figures in flown)
    years = days * options.acceleration / YEAR_DAYS  # of exposure of the memory
    low, high = poisson_bounds(wrong)
    shares = [figures["availability"] for figures in flown]
    submitted = sum(figures["jobs"]["submitted"] for figures in flown)
    return {
        "protection": protection,
        "governor": governor,
        "days": days,
        "years_of_exposure": round(years, 3),
        "hits": sum(figures["hits"]["landed"] for figures in flown),
        "void": sum(figures["hits"]["void"] for figures in flown),
        "answers": sum(figures["jobs"]["answered"] for figures in flown),
        "on_time": sum(figures["jobs"]["on_time"] for figures in flown) / max(submitted, 1),
        "wrong": wrong,
        "sdc_per_year": wrong / years,
        "sdc_per_year_low": low / years,
        "sdc_per_year_high": high / years,
        "availability": sum(shares) / len(shares),
        "availability_worst": min(shares),
        "max_temp_c": max(figures["max_temp_c"] for figures in flown),
        "trace_hashes": [figures["trace_hash"][:16] for figures in flown],
    }


def poisson_bounds(events: int) -> tuple[float, float]:
    """Exact two-sided bounds at 95 % of a count's mean."""
    low, high = clopper_pearson(events, MANY)
    return low * MANY, high * MANY
