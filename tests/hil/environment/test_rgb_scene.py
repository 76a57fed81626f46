"""RGB scenes: the same seed gives the same scene, and what is called cloud is there."""

import numpy as np
import pytest

from hil.environment.rgb_scene import CLOUDY, SECOND, SIZE, TRAINING, make_rgb_scene


@pytest.mark.parametrize("ranges", [TRAINING, SECOND], ids=["training", "second"])
def test_a_scene_is_repeatable_and_within_bounds(ranges):
    """Bit for bit; colours from 0 to 1; cloud and unclear never overlap."""
    one, again, other = (make_rgb_scene(seed, ranges) for seed in (3, 3, 4))
    assert one.image.tobytes() == again.image.tobytes() != other.image.tobytes()
    assert one.image.shape == (3, SIZE, SIZE)
    for scene in (one, other):
        assert scene.image.min() >= 0
        assert scene.image.max() <= 1
        assert not (scene.cloud & scene.unclear).any()
        assert (scene.cover[scene.cloud] >= CLOUDY).all()


def test_the_two_worlds_differ_and_both_have_sky_and_cloud():
    """The second world is another one, not the first with other seeds."""
    shares, brightness = [], []
    for ranges in (TRAINING, SECOND):
        scenes = [make_rgb_scene(seed, ranges) for seed in range(40)]
        cloudy = np.array([scene.cloud.mean() for scene in scenes])
        assert (cloudy < 0.02).any()
        assert (cloudy > 0.5).any()
        shares.append(cloudy.mean())
        brightness.append(np.mean([scene.image.mean() for scene in scenes]))
    assert abs(shares[0] - shares[1]) > 0.005 or abs(brightness[0] - brightness[1]) > 0.005


def test_cloud_is_brighter_than_the_same_scene_without():
    """On the mean: what a threshold could live by."""
    inside, outside = [], []
    for seed in range(40):
        scene = make_rgb_scene(seed)
        grey = scene.image.mean(axis=0)
        inside += [grey[scene.cloud].mean()] if scene.cloud.any() else []
        clear = ~scene.cloud & ~scene.unclear
        outside += [grey[clear].mean()] if clear.any() else []
    assert np.mean(inside) > np.mean(outside) + 0.1
