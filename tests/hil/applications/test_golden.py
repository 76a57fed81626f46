"""The golden twin and the shipped models: same bits as the payload, and the scores of their
cards.
"""

from pathlib import Path

import numpy as np
import pytest

from flight_sw.errors import ModelError
from flight_sw.inference.tensors import pack, unpack
from hil.applications.classical_fire import Ancillary, detect_fires
from hil.applications.golden import GoldenTwin, same_bits, within_tolerance
from hil.applications.inputs import read_inputs
from hil.applications.models import MODELS_DIR, find_model, read_card, shipped_models
from hil.applications.score import average_precision, count, f1
from hil.environment.scene import SECOND, TRAINING, make_scene

OPSSAT = Path(__file__).parents[4] / "shared" / "data" / "opssat_ad_features.csv"
SCENES = range(3_000_000, 3_000_060)


def test_the_models_that_ship_are_found_by_name():
    """Both applications are there, each with a card whose shapes are those of the model."""
    assert {"telemetry-anomaly", "hotspot"} <= set(shipped_models())
    for name in shipped_models():
        path = find_model(name)
        card, twin = read_card(path), GoldenTwin(path)
        assert card.name == name
        assert [tuple(i.shape) for i in card.inputs] == [i.shape for i in twin.description.inputs]
        assert [i.name for i in card.inputs] == [i.name for i in twin.description.inputs]
        assert [o.name for o in card.outputs] == [o.name for o in twin.description.outputs]


def test_an_unknown_model_names_the_known_ones(tmp_path):
    """The line helps to mend a typing error."""
    with pytest.raises(ModelError, match=r"hotspot, telemetry-anomaly"):
        find_model("hotspots")
    (tmp_path / "m.onnx").write_bytes(b"x")
    assert find_model(str(tmp_path / "m.onnx")) == tmp_path / "m.onnx"


def test_a_bad_card_is_named(tmp_path):
    """No card is fine, a broken one is a mistake."""
    assert read_card(tmp_path / "m.onnx") is None
    (tmp_path / "m.yaml").write_text("threshold: high")
    with pytest.raises(ModelError, match=r"m\.yaml: not a model card"):
        read_card(tmp_path / "m.onnx")


def test_bits_and_tolerance():
    """Equality is exact; a tolerance exists for answers of another machine."""
    twin = GoldenTwin(MODELS_DIR / "telemetry-anomaly.onnx")
    outputs = twin.description.outputs
    answer = twin.answer(pack([np.ones((1, 18), np.float32)]))
    near = pack([unpack(outputs, answer)[0] * np.float32(1.000001)])
    assert same_bits(answer, answer)
    assert not same_bits(near, answer)
    assert within_tolerance(near, answer, outputs, 1e-4)
    assert not within_tolerance(near, answer, outputs, 1e-9)
    assert not within_tolerance(answer[:-1], answer, outputs, 1.0)


def test_telemetry_anomaly_scores_as_its_card_says():
    """F1 at the card's threshold and average precision on the official test part."""
    if not OPSSAT.is_file():
        pytest.skip("the OPS-SAT table is not part of this repository (looked in ../shared/data)")
    twin = GoldenTwin(find_model("telemetry-anomaly"))
    card = read_card(find_model("telemetry-anomaly"))
    spec = twin.description.inputs[0]
    inputs = read_inputs(OPSSAT, spec, tuple(card.inputs[0].columns))
    assert len(inputs) == 529
    labels = [i.label for i in inputs]
    scores = [float(twin.run([i.tensor])[0][0, 0]) for i in inputs]
    assert f1(labels, scores, card.threshold) >= 0.93
    assert average_precision(labels, scores) >= 0.97
    assert f1(labels, scores, card.threshold) == pytest.approx(card.metrics["test_f1"], abs=2e-3)


@pytest.mark.parametrize(("ranges", "least"), [(TRAINING, 0.95), (SECOND, 0.88)])
def test_hotspot_finds_fires_in_scenes_it_has_not_seen(ranges, least):
    """Network and classical test both work in both worlds; which is better is for the card."""
    twin = GoldenTwin(find_model("hotspot"))
    threshold = read_card(find_model("hotspot")).threshold
    scenes = [make_scene(seed, ranges) for seed in SCENES]
    counted = ~np.stack([s.unclear for s in scenes])
    fire = np.stack([s.fire for s in scenes])[counted]
    network = np.stack([twin.run([s.bands[None]])[0][0, 0] >= threshold for s in scenes])
    classical = np.stack(
        [detect_fires(s.bands, Ancillary(s.is_day, s.water, s.glint_angle_deg)) for s in scenes]
    )
    assert count(fire, network[counted]).f1 >= least
    assert count(fire, classical[counted]).f1 >= 0.7
