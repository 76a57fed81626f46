"""The classical fire test: each of its rules on a scene made for it."""

import numpy as np
import pytest

from hil.applications.classical_fire import Ancillary, detect_fires, tuned

SHAPE = (40, 40)
DAY = Ancillary(True, np.zeros(SHAPE, bool), np.full(SHAPE, 180.0))
NIGHT = Ancillary(False, np.zeros(SHAPE, bool), np.full(SHAPE, 180.0))


def _scene(mwir_k, lwir_k, spots=()):
    rng = np.random.default_rng(0)
    bands = np.stack([np.full(SHAPE, mwir_k), np.full(SHAPE, lwir_k)])
    bands += rng.normal(0, 0.3, bands.shape)
    for y, x, mwir, lwir in spots:
        bands[:, y, x] = mwir, lwir
    return bands


def _found(bands, ancillary):
    return {(int(y), int(x)) for y, x in np.argwhere(detect_fires(bands, ancillary))}


def test_an_ordinary_landscape_has_no_fire():
    """No alarm by day or night without anything hot."""
    assert _found(_scene(305.0, 300.0), DAY) == set()
    assert _found(_scene(285.0, 284.5), NIGHT) == set()


@pytest.mark.parametrize(("ancillary", "mwir_k"), [(DAY, 364.0), (NIGHT, 324.0)])
def test_a_very_hot_pixel_is_fire_whatever_surrounds_it(ancillary, mwir_k):
    """The absolute test: above 360 K by day, 320 K at night."""
    assert _found(_scene(mwir_k, 310.0), ancillary) == {
        (y, x) for y in range(40) for x in range(40)
    }


def test_a_pixel_that_stands_out_from_its_surroundings_is_fire():
    """The contextual test finds what the absolute one cannot."""
    bands = _scene(303.0, 298.0, [(10, 10, 330.0, 300.0)])
    assert _found(bands, DAY) == {(10, 10)}


def test_uniformly_bright_ground_is_not_fire():
    """Every pixel is a candidate, none stands out."""
    assert _found(_scene(318.0, 304.0), DAY) == set()


def test_cloud_and_water_are_not_looked_at():
    """A warm speck on a cold cloud or on water is no candidate."""
    water = np.ones(SHAPE, bool)
    bands = _scene(303.0, 298.0, [(10, 10, 330.0, 300.0)])
    assert _found(bands, Ancillary(True, water, DAY.glint_angle_deg)) == set()
    bands = _scene(303.0, 298.0, [(10, 10, 330.0, 250.0)])
    assert _found(bands, DAY) == set()


def test_a_bright_pixel_in_sun_glint_is_rejected():
    """Within 2 degrees of the mirror direction nothing is believed by day."""
    bands = _scene(303.0, 298.0, [(10, 10, 330.0, 300.0)])
    angle = np.full(SHAPE, 180.0)
    angle[10, 10] = 1.0
    assert _found(bands, Ancillary(True, DAY.water, angle)) == set()


def test_a_patch_of_alike_warm_pixels_is_desert():
    """Many 'fires' of the same mild temperature side by side are hot ground."""
    patch = [(y, x) for y in range(9, 15) for x in range(9, 15)]
    spots = [(y, x, 331.0 + (x + y) % 3, 303.0) for y, x in patch]
    assert _found(_scene(312.0, 303.0, spots), DAY) == set()


def test_no_background_no_contextual_fire():
    """Surrounded by cloud there is nothing to compare with, so only the absolute test counts."""
    bands = _scene(250.0, 245.0, [(10, 10, 330.0, 300.0), (20, 20, 364.0, 300.0)])
    assert _found(bands, DAY) == {(20, 20)}


def test_thresholds_tuned_for_small_pixels_find_cooler_fires_at_night():
    """By night a fire far below 305 K stands out; by day the tuned test asks for more contrast."""
    night = _scene(280.0, 279.5, [(10, 10, 296.0, 281.0)])
    assert _found(night, NIGHT) == set()
    assert set(map(tuple, np.argwhere(detect_fires(night, NIGHT, tuned(NIGHT))))) == {(10, 10)}
    day = _scene(303.0, 298.0, [(10, 10, 312.0, 301.0)])
    assert not detect_fires(day, DAY, tuned(DAY)).any()
