import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import UserError
from hil.environment.geodetic import geodetic
from hil.environment.orbit import CircularOrbit, load_orbit, parse_orbit, shipped
from hil.environment.sun_shadow import beta_angle_deg, lit_share, sun_position_km

YEAR_S = 365.25 * 86_400
TLE = (
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
)
GROUND = """
name: x
description: x
epoch: 2026-03-20T00:00:00Z
altitude_km: {altitude}
inclination_deg: 53.0
node_deg: 0
"""


@pytest.fixture(scope="module")
def sky():
    """Skyfield with the ephemeris of skyfield-data: an independent oracle, without network."""
    pytest.importorskip("skyfield_data")
    import skyfield_data
    from skyfield.api import Loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its Earth orientation table, which is not used, is old
        folder = skyfield_data.get_skyfield_data_path()
    load = Loader(folder, expire=False)
    planets = load("de421.bsp")
    yield load.timescale(builtin=True), planets
    planets.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_sun_is_where_the_ephemeris_has_it(sky) -> None:
    """Over 2026 the analytic Sun stays within 0.6 arc minutes of DE421."""
    scale, planets = sky
    utc_s = 1_767_225_600 + np.linspace(0, YEAR_S, 300)
    times = scale.ut1_jd(utc_s / 86_400 + 2_440_587.5)
    seen = planets["earth"].at(times).observe(planets["sun"]).apparent()
    ra, dec, distance = seen.radec(epoch="date")
    theirs = np.stack(
        [
            np.cos(dec.radians) * np.cos(ra.radians),
            np.cos(dec.radians) * np.sin(ra.radians),
            np.sin(dec.radians),
        ],
        axis=-1,
    )
    ours = sun_position_km(utc_s)
    length = np.linalg.norm(ours, axis=-1)
    apart = np.degrees(np.arccos(np.clip(np.sum(ours / length[:, None] * theirs, -1), -1, 1)))
    assert apart.max() * 60 < 0.6
    assert np.abs(length / distance.km - 1).max() < 2e-4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_eclipses_are_those_of_the_ephemeris(sky) -> None:
    """A day of two-line elements is lit and dark as skyfield says, but for the crossings."""
    from skyfield.api import EarthSatellite

    scale, planets = sky
    _, orbit = load_orbit("station-tle")
    utc_s = orbit.epoch_s + np.arange(0, 86_400, 10.0)
    times = scale.ut1_jd(utc_s / 86_400 + 2_440_587.5)
    theirs = EarthSatellite(*TLE, ts=scale).at(times).is_sunlit(planets)
    ours = lit_share(orbit.position_km(utc_s), sun_position_km(utc_s)) > 0.5
    assert 0.3 < np.mean(~ours) < 0.45
    assert np.mean(ours != theirs) < 0.004


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ground_track_is_that_of_an_independent_library(sky) -> None:
    """Latitude, longitude and height of a satellite agree with skyfield's WGS84."""
    from skyfield.api import EarthSatellite, wgs84

    scale, _ = sky
    _, orbit = load_orbit("station-tle")
    utc_s = orbit.epoch_s + np.arange(0, 86_400, 300.0)
    times = scale.ut1_jd(utc_s / 86_400 + 2_440_587.5)
    theirs = wgs84.geographic_position_of(EarthSatellite(*TLE, ts=scale).at(times))
    latitude, longitude, height = geodetic(orbit.position_km(utc_s), utc_s)
    turn = (longitude - theirs.longitude.degrees + 180) % 360 - 180
    # Nutation is left out here (0.005 degrees) and the date of UT1 differs a little.
    assert np.abs(latitude - theirs.latitude.degrees).max() < 0.01
    assert np.abs(turn).max() < 0.02
    assert np.abs(height - theirs.elevation.km).max() < 0.1


def test_dawn_dusk_orbits_have_an_eclipse_season() -> None:
    """At 550 km the terminator orbit is dark for some minutes per orbit on about 100 days a year."""
    _, orbit = load_orbit("dawn-dusk-550")
    days = np.arange(0, 365.0, 2) * 86_400
    utc_s = orbit.epoch_s + days[:, None] + np.arange(0, orbit.period_s, 60.0)
    dark = lit_share(orbit.position_km(utc_s), sun_position_km(utc_s)) < 0.5
    minutes = dark.sum(axis=1)
    assert 80 <= 2 * np.count_nonzero(minutes) <= 125
    assert 18 <= minutes.max() <= 25


def test_sun_synchronous_nodes_follow_the_sun() -> None:
    """The angle between node and Sun of a 97.6 degree orbit at 550 km keeps within 6 degrees."""
    _, orbit = load_orbit("dawn-dusk-550")
    utc_s = orbit.epoch_s + np.linspace(0, YEAR_S, 50)
    position = orbit.position_km(utc_s)
    velocity = orbit.position_km(utc_s + 1) - position
    beta = np.abs(beta_angle_deg(position, velocity, sun_position_km(utc_s)))
    assert beta.min() > 55


@given(st.floats(160, 2000), st.floats(0, 180), st.floats(0, 1e8))
@settings(max_examples=30, deadline=None)
def test_circular_orbits_keep_their_radius(altitude: float, tilt: float, after_s: float) -> None:
    """At any time the spacecraft is at its radius and no farther north than its inclination."""
    orbit = CircularOrbit(altitude, tilt, 10.0, 20.0, 1.7e9)
    position = orbit.position_km(1.7e9 + after_s)
    assert np.linalg.norm(position) == pytest.approx(orbit.radius_km)
    assert abs(position[2]) <= orbit.radius_km * np.sin(np.radians(min(tilt, 180 - tilt))) + 1e-6


def test_every_shipped_orbit_flies() -> None:
    """Each orbit file is read and stays between ground and the end of the flux grid."""
    names = set(shipped())
    assert {
        "vleo-300",
        "iss",
        "leo-550",
        "dawn-dusk-550",
        "sso-800",
        "leo-1200",
        "belt-2000",
    } < names
    for name in names:
        _, orbit = load_orbit(name)
        utc_s = orbit.epoch_s + np.arange(0, 6000, 60.0)
        height = geodetic(orbit.position_km(utc_s), utc_s)[2]
        assert 250 < height.min() <= height.max() < 2030


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GROUND.format(altitude=-10), "below ground"),
        (GROUND.format(altitude=120), "air drag"),
        (GROUND.format(altitude=36_000), "2000 km only"),
        (GROUND.format(altitude=550) + "node_time_h: 3\n", "one of"),
        ("name: x\ndescription: x\naltitude_km: 500\n", "`epoch`"),
        (f'name: x\ndescription: x\ntle: ["{TLE[0][:-1]}2", "{TLE[1]}"]\n', "checksum is 2"),
        (f'name: x\ndescription: x\ntle: ["{TLE[0][:40]}", "{TLE[1]}"]\n', "69 characters"),
    ],
)
def test_bad_orbits_are_one_clear_line(text: str, words: str) -> None:
    """Every bad orbit is refused with the file's name, what is wrong, and in one line."""
    with pytest.raises(UserError) as error:
        parse_orbit(text, "my.yaml")
    assert "my.yaml" in str(error.value)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_orbit_suggests_a_known_one() -> None:
    """A misspelt name is answered with the nearest shipped orbit."""
    with pytest.raises(UserError, match="did you mean `leo-550`"):
        load_orbit("leo550")
