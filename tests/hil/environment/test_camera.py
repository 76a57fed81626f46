import numpy as np

from hil.environment.camera import hits_per_frame, is_land, take_picture
from hil.environment.conditions import conditions_along
from hil.environment.orbit import load_orbit


def test_land_is_where_land_is() -> None:
    """Known places, and 29 % of the globe by area."""
    places = {(48, 2): True, (-10, -60): True, (0, 20): True, (35, -40): False, (-30, -20): False}
    for place, land in places.items():
        assert is_land(*place) is land
    latitude = np.arange(-89.5, 90)
    share = [np.mean([is_land(a, o) for o in np.arange(-179.5, 180, 4)]) for a in latitude[::4]]
    weights = np.cos(np.radians(latitude[::4]))
    assert abs(np.average(share, weights=weights) - 0.29) < 0.02


def test_pictures_follow_the_orbit() -> None:
    """Day and night, land and sea are those of the place below; no fires at sea."""
    conditions = conditions_along(load_orbit("leo-550")[1], 6000.0)
    for at_s in range(0, 6000, 400):
        frame = take_picture(conditions, float(at_s), 1)
        index = conditions.index(at_s)
        assert frame.over_land == is_land(conditions.latitude[index], conditions.longitude[index])
        assert frame.scene.is_day == frame.is_day
        if not frame.over_land:
            assert not frame.scene.fire.any()
            assert frame.scene.water.any()


def test_the_same_seed_is_the_same_picture() -> None:
    """Bit for bit, and another seed is another picture."""
    conditions = conditions_along(load_orbit("leo-550")[1], 600.0)
    one, same, other = (take_picture(conditions, 300.0, seed) for seed in (1, 1, 2))
    assert one.scene.bands.tobytes() == same.scene.bands.tobytes()
    assert one.scene.bands.tobytes() != other.scene.bands.tobytes()


def test_particles_hit_the_detector_in_the_anomaly() -> None:
    """At the peak of the anomaly every other picture has a hit pixel, elsewhere hardly any."""
    assert 0.1 < hits_per_frame(2700.0) < 1.0
    assert hits_per_frame(0.1) < 1e-4
