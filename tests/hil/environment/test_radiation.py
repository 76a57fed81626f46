from dataclasses import replace

import numpy as np
import pytest

from flight_sw.errors import UserError
from hil.board_files import find_board
from hil.emulator.settings import read_profile
from hil.environment.conditions import GRID_S, Conditions, conditions_along
from hil.environment.flux import SolarPhase
from hil.environment.orbit import CircularOrbit, load_orbit
from hil.environment.radiation import (
    Effect,
    Exposure,
    Targets,
    arrivals,
    cosmic_rays,
    outside_share,
    particle_flux,
    rates_per_s,
)
from hil.environment.solar_storm import parse_storm, storm_flux
from hil.faults.catalog import FaultKind

DAY_S = 86_400.0
LPDDR4_4_GIB = Targets(weight_bits=4 * 2**33, voted_bits=0)


@pytest.fixture(scope="module")
def radiation():
    """What the emulated board's profile says."""
    return read_profile(find_board("emulated"))[1].radiation


@pytest.fixture(scope="module")
def days() -> Conditions:
    """Five days at 550 km and 53 degrees."""
    return conditions_along(load_orbit("leo-550")[1], 5 * DAY_S)


def test_upset_rates_are_those_of_the_hand_calculation(radiation, days) -> None:
    """Four GiB of LPDDR4 at 550 km: 0.54 upsets a day, between 0.011 and 5.4, from trapped protons."""
    per_day = float(days.protons.mean()) * DAY_S
    for level, figure in (("low", 0.011), ("nominal", 0.54), ("high", 5.4)):
        rates = rates_per_s(Exposure(radiation, LPDDR4_4_GIB, level))
        flips = rates[Effect.WEIGHT_FLIP] + rates[Effect.WEIGHT_BURST]
        assert flips * per_day == pytest.approx(figure, rel=0.05)
    crash = rates_per_s(Exposure(radiation, LPDDR4_4_GIB))[Effect.BOARD_HANG]
    assert crash * per_day == pytest.approx(0.015, rel=0.05)


def test_most_upsets_come_in_the_anomaly() -> None:
    """At 650 km, polar, about a tenth falls outside, as flown satellites saw."""
    conditions = conditions_along(CircularOrbit(650, 97.99, 10, 0, 1.774e9), 5 * DAY_S)
    assert outside_share(conditions) == pytest.approx(0.10, abs=0.02)


@pytest.mark.parametrize(
    ("altitude", "tilt", "figure"),
    [(300, 53, 0.63), (550, 30, 0.18), (550, 53, 0.73), (550, 97.6, 1.48)],
)
def test_the_field_keeps_slow_cosmic_rays_out(altitude, tilt, figure) -> None:
    """Transmitted flux agrees within 10 % with the force-field spectrum behind its cutoff."""
    conditions = conditions_along(CircularOrbit(altitude, tilt, 0, 0, 1.774e9), 5 * DAY_S)
    assert cosmic_rays(conditions).mean() == pytest.approx(figure, rel=0.10)
    loud = replace(conditions, solar=SolarPhase.MAX)
    assert cosmic_rays(loud).mean() < 0.7 * figure


def test_arrivals_follow_the_orbit(radiation, days) -> None:
    """Counts and places in time of many hits follow the fluence (a chi-square over 20 spans)."""
    exposure = Exposure(radiation, LPDDR4_4_GIB, acceleration=5000.0)
    hits = [hit.at_s for hit in arrivals(exposure, days, 1) if hit.effect is Effect.WEIGHT_FLIP]
    rate = rates_per_s(exposure)[Effect.WEIGHT_FLIP]
    flux = particle_flux(days)
    edges = np.linspace(0, 5 * DAY_S, 21)
    expected = rate * GRID_S * np.add.reduceat(flux, (edges[:-1] / GRID_S).astype(int))
    seen = np.histogram(hits, edges)[0]
    assert (((seen - expected) ** 2) / expected).sum() < 45  # 20 degrees of freedom, p = 0.001


def test_the_same_seed_gives_the_same_hits_and_effects_are_independent(radiation, days) -> None:
    """Another memory size shifts nothing but memory hits."""
    one, again = (
        arrivals(
            Exposure(radiation, LPDDR4_4_GIB, acceleration=50, device_acceleration=50), days, 3
        )
        for _ in (0, 1)
    )
    assert one == again
    other = arrivals(
        Exposure(radiation, Targets(10, 10), acceleration=50, device_acceleration=50), days, 3
    )
    hangs = [[h for h in hits if h.effect is Effect.BOARD_HANG] for hits in (one, other)]
    assert hangs[0] == hangs[1]
    assert one != arrivals(
        Exposure(radiation, LPDDR4_4_GIB, acceleration=50, device_acceleration=50), days, 4
    )


def test_every_effect_is_a_fault_that_can_be_injected() -> None:
    """Names of effects are names of the fault catalogue."""
    assert {effect.value for effect in Effect} <= {kind.value for kind in FaultKind}


def test_a_solar_storm_is_seen_over_the_poles_alone() -> None:
    """A large event rivals the anomaly's peak on a polar orbit and hardly reaches 30 degrees."""
    storm = parse_storm("S4@2")
    polar = conditions_along(load_orbit("sso-800")[1], DAY_S)
    equatorial = conditions_along(CircularOrbit(550, 20, 0, 0, 1.774e9), DAY_S)
    assert storm_flux(storm, polar).max() > 0.5 * polar.protons.max()
    assert storm_flux(storm, equatorial).max() < 0.02 * storm_flux(storm, polar).max()
    assert storm_flux(storm, polar)[: int(2 * 3600 / GRID_S)].max() == 0


@pytest.mark.parametrize(
    ("text", "words"), [("X9@1", "unknown class"), ("S3", "onset"), ("S3@-1", "onset")]
)
def test_bad_storms_are_one_clear_line(text, words) -> None:
    """What is no storm is refused with an example of one."""
    with pytest.raises(UserError, match=words):
        parse_storm(text)


def test_an_impossible_acceleration_is_refused(radiation, days) -> None:
    """More events than a flight can take are refused before they are drawn."""
    with pytest.raises(UserError, match="lower --acceleration"):
        arrivals(Exposure(radiation, LPDDR4_4_GIB, acceleration=1e9), days, 1)


def test_levels_that_cross_are_refused(tmp_path) -> None:
    """A nominal cross-section above the high one is a mistake in the profile."""
    text = find_board("emulated").read_text().replace("nominal: 5.0e-18", "nominal: 5.0e-16")
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"radiation.memory_bit: need low <= nominal <= high"):
        read_profile(file)
