"""`cloud-mask`: better than the brightness threshold on the same scenes, and shown on a photograph."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from flight_sw.errors import ModelError
from hil.__main__ import app
from hil.applications.bright_cloud import BRIGHT_ONLY, BrightTest, detect_clouds
from hil.applications.golden import GoldenTwin
from hil.applications.models import find_model, read_card
from hil.applications.score import count
from hil.environment.rgb_scene import SECOND, TRAINING, make_rgb_scene

SOURCE = find_model("cloud-mask")
SEEDS = range(5_000_000, 5_000_040)  # seen by nobody


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Compiled models of a test go nowhere else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.mark.parametrize("ranges", [TRAINING, SECOND], ids=["training-world", "second-world"])
def test_the_network_beats_the_threshold_on_the_same_scenes(ranges):
    """As the card says, on scenes that neither training nor the card has seen."""
    twin, card = GoldenTwin(SOURCE), read_card(SOURCE)
    truth, network, threshold = [], [], []
    for seed in SEEDS:
        scene = make_rgb_scene(seed, ranges)
        scored = ~scene.unclear
        (found,) = twin.run([scene.image[None]])
        truth.append(scene.cloud[scored])
        network.append(found[0, 0][scored] >= card.threshold)
        threshold.append(detect_clouds(scene.image, BRIGHT_ONLY)[scored])
    ours, theirs = (
        count(np.concatenate(truth), np.concatenate(found)).f1 for found in (network, threshold)
    )
    assert ours > theirs + 0.02


def test_the_card_tells_data_training_metrics_and_baseline():
    """A figure without its baseline on the same scenes says nothing."""
    card = read_card(SOURCE)
    assert "rgb_scene" in card.data
    assert "cloud_mask" in card.training_command
    assert {"training_world", "second_world"} <= card.metrics.keys()
    assert {"brightness_training_world", "brightness_second_world"} <= card.baseline.keys()


def test_the_threshold_is_about_brightness_and_its_tint_about_colour():
    """White is cloud; dark is not; bright sand is not where the tint is limited."""
    white, dark = np.full((3, 2, 2), 0.9), np.full((3, 2, 2), 0.1)
    sand = np.stack([np.full((2, 2), level) for level in (0.95, 0.8, 0.6)])
    assert detect_clouds(white).all()
    assert not detect_clouds(dark).any()
    assert detect_clouds(sand).all()
    assert not detect_clouds(sand, BrightTest(0.75, max_tint=0.1)).any()


def test_a_photograph_gets_its_mask(tmp_path):
    """Of any size from a tile on; the picture shows three panels, and says how much is cloud."""
    scene = np.moveaxis(make_rgb_scene(11).image, 0, -1)
    wide = np.concatenate([scene, scene[:, ::-1]], axis=1)
    photo, out = tmp_path / "photo.png", tmp_path / "mask.png"
    Image.fromarray((wide * 255).astype(np.uint8)).save(photo)
    done = CliRunner().invoke(app, ["model", "mask", str(photo), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert 0 <= json.loads(done.output)["cloud_share"]["model"] <= 1
    with Image.open(out) as picture:
        assert picture.size == (3 * wide.shape[1], wide.shape[0])


@pytest.mark.parametrize(
    ("content", "line"), [(b"no image", "not an image"), (None, "cannot be read")]
)
def test_what_is_no_photograph_is_one_clear_line(tmp_path, content, line):
    """Which the command line turns into exit code 2."""
    photo = tmp_path / "photo.png"
    if content is not None:
        photo.write_bytes(content)
    with pytest.raises(ModelError, match=line):
        raise CliRunner().invoke(app, ["model", "mask", str(photo)]).exception


def test_a_photograph_below_a_tile_is_refused(tmp_path):
    """With the size that is needed."""
    photo = tmp_path / "photo.png"
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(photo)
    with pytest.raises(ModelError, match="64 x 64 or larger"):
        raise CliRunner().invoke(app, ["model", "mask", str(photo)]).exception
