"""The classical fire test as degraded mode, and as the doubt that a silent error meets."""

import numpy as np
import pytest

from hil.applications.classical_fire import Ancillary, detect_fires, tuned
from hil.applications.fallback import DOUBT_PX, Origin, disagreement, find_fires
from hil.applications.golden import GoldenTwin
from hil.applications.models import find_model, read_card
from hil.environment.scene import SECOND, TRAINING, make_scene

SOURCE = find_model("hotspot")
SEEDS = range(7_100_000, 7_100_020)


def _scenes(ranges):
    for seed in SEEDS:
        scene = make_scene(seed, ranges)
        yield scene, Ancillary(scene.is_day, scene.water, scene.glint_angle_deg)


@pytest.mark.parametrize("ranges", [TRAINING, SECOND], ids=["training-world", "second-world"])
def test_unharmed_answers_are_not_doubted(ranges):
    """In neither world: a false alarm costs a re-run."""
    twin, threshold = GoldenTwin(SOURCE), read_card(SOURCE).threshold
    origins = set()
    for scene, ancillary in _scenes(ranges):
        (found,) = twin.run([scene.bands[None]])
        origins.add(find_fires(scene.bands, ancillary, found[0, 0], threshold).origin)
    assert origins == {Origin.NETWORK}


@pytest.mark.parametrize("answer", [None, np.full((64, 64), np.nan)], ids=["none", "no numbers"])
def test_without_an_answer_the_classical_test_stands_in(answer):
    """Degraded mode: the same scene, no network."""
    scene, ancillary = next(_scenes(TRAINING))
    fires = find_fires(scene.bands, ancillary, answer, 0.5)
    assert fires.origin is Origin.CLASSICAL
    expected = detect_fires(scene.bands, ancillary, tuned(ancillary))
    assert np.array_equal(fires.mask, expected)


def test_a_map_that_the_scene_does_not_bear_out_is_doubted():
    """As a flipped exponent makes it: fire all over, or none where the ground burns."""
    scene, ancillary = next(_scenes(TRAINING))
    fires = find_fires(scene.bands, ancillary, np.ones((64, 64)), 0.5)
    assert fires.origin is Origin.DOUBTED
    assert fires.mask.all()


def test_rims_of_the_same_fire_are_no_disagreement():
    """Fires found a pixel wider or narrower agree; a fire of its own does not."""
    one, wider, other = (np.zeros((64, 64), bool) for _ in range(3))
    one[20:24, 20:24] = True
    wider[18:26, 18:26] = True
    other[50:56, 50:56] = True
    assert disagreement(one, wider) == 0
    assert disagreement(one, one | other) == 36 > DOUBT_PX
