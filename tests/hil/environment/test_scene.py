"""Synthetic scenes: repeatable, physically plausible, and truthful about their fires."""

from dataclasses import replace

import numpy as np
import pytest

from hil.environment.scene import SATURATION_K, SECOND, SIZE, TRAINING, VISIBLE_FIRE_M2, make_scene

CLEAR_DAY = replace(TRAINING, day=1.0, cloud=0.0, glint=0.0, fires=(0.0, 0.0), roofs=(0.0, 0.0))


def test_a_seed_gives_one_scene():
    """The same seed gives the same bits, another seed another scene."""
    first, again, other = make_scene(5), make_scene(5), make_scene(6)
    assert np.array_equal(first.bands, again.bands)
    assert not np.array_equal(first.bands, other.bands)


@pytest.mark.parametrize("ranges", [TRAINING, SECOND])
def test_temperatures_are_those_of_the_earth(ranges):
    """Finite float32 kelvins between cold cloud tops and saturation, in the model's shape."""
    for seed in range(20):
        bands = make_scene(seed, ranges).bands
        assert bands.shape == (2, SIZE, SIZE)
        assert bands.dtype == np.float32
        assert np.isfinite(bands).all()
        assert bands.min() > 180.0
        assert bands[0].max() <= SATURATION_K[0]
        assert bands[1].max() <= SATURATION_K[1]


def test_bare_soil_by_day_stands_a_few_kelvins_above_the_thermal_band():
    """The day-time excess over soil: a missing 1/pi would make it three times as large."""
    excess = np.concatenate(
        [(s.bands[0] - s.bands[1])[s.soil] for s in map(_clear_day, range(30)) if s.soil.any()]
    )
    assert 4.0 < np.median(excess) < 12.0


def test_at_night_nothing_without_fire_glows_at_four_micrometres():
    """Without the sun the two bands agree within emissivity and noise, roofs and all."""
    night = replace(CLEAR_DAY, day=0.0)
    for seed in range(20):
        scene = make_scene(seed, night)
        assert np.abs(scene.bands[0] - scene.bands[1]).max() < 8.0


def test_a_fire_of_a_thousand_square_metres_is_hot_at_four_micrometres_only():
    """0.7 % of a pixel at 800 K or more lifts the 3.9 um band by tens of kelvins."""
    ranges = replace(
        CLEAR_DAY, day=0.0, water=0.0, fires=(3.0, 4.0), fire_m2=(1000.0, 1001.0), fire_k=(800, 801)
    )
    scene = make_scene(1, ranges)
    lifted = (scene.bands[0] - scene.bands[1])[scene.fire_area_m2 > 700.0]
    assert len(lifted) > 0
    assert lifted.min() > 25.0


def test_the_truth_follows_the_area_that_the_pixel_sees():
    """A pixel is fire from 50 m2 on, unclear with a trace or under cloud, never both."""
    for seed in range(20):
        scene = make_scene(seed)
        assert not (scene.fire & scene.unclear).any()
        assert (scene.fire_area_m2[scene.fire] >= VISIBLE_FIRE_M2).all()
        assert (scene.cloud[scene.fire] < 0.5).all()
        assert not scene.fire[scene.water & (scene.fire_area_m2 < VISIBLE_FIRE_M2)].any()


def test_glint_lies_on_water_around_its_centre():
    """Where the sun's mirror image falls on water the 3.9 um band brightens; land does not."""
    ranges = replace(CLEAR_DAY, water=1.0, glint=1.0, glint_reflectance=(0.3, 0.4))
    scenes = [make_scene(seed, ranges) for seed in range(30)]
    bright, dark = [], []
    for scene in scenes:
        excess = scene.bands[0] - scene.bands[1]
        bright.append(excess[scene.water & (scene.glint_angle_deg < 3.0)])
        dark.append(excess[scene.water & (scene.glint_angle_deg > 20.0)])
    assert np.median(np.concatenate(bright)) > np.median(np.concatenate(dark)) + 10.0


def _clear_day(seed):
    return make_scene(seed, CLEAR_DAY)
