import numpy as np
import pytest

from hil.environment.flux import (
    DRIFT_DEG_PER_YEAR,
    ENERGIES_MEV,
    SolarPhase,
    load_grid,
)
from hil.environment.geodetic import geodetic
from hil.environment.orbit import load_orbit

YEAR_1960_S, YEAR_1970_S = -315_619_200.0, 0.0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("phase", "date_s"), [(SolarPhase.MIN, YEAR_1960_S), (SolarPhase.MAX, YEAR_1970_S)]
)
def test_grid_agrees_with_the_model_it_was_made_from(phase: SolarPhase, date_s: float) -> None:
    """At 50 places off the grid's nodes, flux is that of aep8 within the error of the grid."""
    pytest.importorskip("aep8")
    from hil.environment.build_flux import model_flux

    chance = np.random.default_rng(6)
    places = []
    while len(places) < 50:  # where there is flux to compare
        place = (chance.uniform(-45, 0), chance.uniform(-75, 10), chance.uniform(500, 1900))
        if load_grid(phase).flux(*place, date_s) > 30:
            places.append(place)
    latitude, longitude, altitude = np.array(places).T
    theirs, shells = model_flux(phase.value[0], latitude, longitude, altitude)
    for index, energy in enumerate(ENERGIES_MEV):
        ours = load_grid(phase).flux(latitude, longitude, altitude, date_s, energy)
        apart = np.abs(np.log(ours / theirs[index]))
        assert np.median(apart) < 0.03
        assert apart.max() < 0.7  # on the steep edge of the belt; it hardly adds to a fluence
        assert ours.sum() == pytest.approx(theirs[index].sum(), rel=0.03)
    if phase is SolarPhase.MIN:  # the grid holds one field's shells
        ours = load_grid(phase).mcilwain_l(latitude, longitude, altitude)
        assert np.abs(ours / shells - 1).max() < 0.03


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("leo-550", (52.0, 36.0, 17.0)),
        ("vleo-300", (3.7, 2.5, 1.05)),
        ("leo-1200", (1090, 732, 368)),
    ],
)
def test_orbit_averages_are_those_of_the_model(name: str, expected: tuple[float, ...]) -> None:
    """Five-day averages agree with aep8 called directly along the orbit, within the grid's 6 %."""
    _, orbit = load_orbit(name)
    utc_s = orbit.epoch_s + np.arange(0, 5 * 86_400, 30.0)
    place = geodetic(orbit.position_km(utc_s), utc_s)
    for energy, figure in zip(ENERGIES_MEV, expected, strict=True):
        assert load_grid().flux(*place, utc_s, energy).mean() == pytest.approx(figure, rel=0.08)


def test_the_anomaly_drifts_west() -> None:
    """The flux maximum of 2026 lies where drift since 1960 puts it."""
    longitude = np.arange(-120.0, 60.0, 0.5)
    grid = load_grid()
    before = grid.flux(-30.0, longitude, 550.0, YEAR_1960_S)
    now = grid.flux(-30.0, longitude, 550.0, YEAR_1960_S + 66 * 365.25 * 86_400)
    moved = longitude[now.argmax()] - longitude[before.argmax()]
    assert moved == pytest.approx(-66 * DRIFT_DEG_PER_YEAR, abs=2.5)


def test_longitudes_wrap_and_places_outside_take_the_nearest_layer() -> None:
    """A place has one flux however its longitude is written; heights are clamped to the grid."""
    grid = load_grid()
    for longitude in (-179.9, -55.0, 0.0, 179.9):
        one, other = (grid.flux(-20.0, longitude + turn, 700.0, 0.0) for turn in (0, 360))
        assert one == pytest.approx(other, rel=1e-3)
    assert grid.flux(-30.0, -50.0, 3000.0, 0.0) == pytest.approx(
        grid.flux(-30.0, -50.0, 2000.0, 0.0), rel=1e-3
    )
