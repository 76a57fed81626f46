"""Train `cloud-mask`: RGB image -> probability of cloud per pixel.

Learns from scenes that `hil.environment.rgb_scene` draws; training, validation and test scenes have
disjoint seeds. The threshold comes from validation scenes, and so do those of the brightness tests that
the card sets beside it, on the same scenes and on a second world that training never saw.

    python -m hil.training.cloud_mask --out flight_sw/models
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from hil.applications.bright_cloud import BrightTest, detect_clouds
from hil.applications.score import average_precision, best_threshold, count
from hil.environment.rgb_scene import SECOND, SIZE, TRAINING, RgbScene, make_rgb_scene
from hil.training.export import Card, export_onnx, write_card
from hil.training.pixel_network import Lesson, PixelNetwork, train

NAME = "cloud-mask"
SEED = 12
DILATIONS = (1, 2, 4, 8, 1)
EPOCHS = 8
TRAINING_SEEDS = range(1600)
VALIDATION_SEEDS = range(1_000_000, 1_000_200)
TEST_SEEDS = range(2_000_000, 2_000_400)
BRIGHT_STEPS = np.arange(0.3, 1.0, 0.025)
TINT_STEPS = (0.03, 0.05, 0.08, 0.12, 0.2, float("inf"))


def network() -> PixelNetwork:
    """What is cloud is told by colour and by the 37 pixels around."""
    return PixelNetwork(3, DILATIONS)


def main() -> None:
    """Train, choose the thresholds, export the model and write its card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = fit([make_rgb_scene(seed) for seed in TRAINING_SEEDS], arguments.epochs)
    known = [make_rgb_scene(seed) for seed in VALIDATION_SEEDS]
    clear, cloudy = _counted(known), _cloud(known)
    scores = np.round(predict(model, known), 2)  # a hundred candidates are plenty
    threshold = best_threshold(cloudy[clear], scores[clear])
    tests = {"brightness": best_test(known, tint=False), "brightness_and_grey": best_test(known)}
    path = arguments.out / f"{NAME}.onnx"
    export_onnx(model, torch.zeros(1, 3, SIZE, SIZE), path, ("image", "probability"))
    metrics, baseline = {}, {}
    for world, ranges in {"training_world": TRAINING, "second_world": SECOND}.items():
        scenes = [make_rgb_scene(seed, ranges) for seed in TEST_SEEDS]
        metrics[world] = measure(scenes, predict(model, scenes), threshold)
        for name, test in tests.items():
            found = np.stack([detect_clouds(scene.image, test) for scene in scenes])
            baseline[f"{name}_{world}"] = measure(scenes, found, 0.5)
    write_card(path.with_suffix(".yaml"), _card(threshold, tests, metrics, baseline))
    print(threshold, tests, metrics, baseline)


def fit(scenes: list[RgbScene], epochs: int) -> PixelNetwork:
    """Train one mask; the same scenes give the same weights on the same machine."""
    torch.manual_seed(SEED)
    lesson = Lesson(
        images=torch.tensor(np.stack([scene.image for scene in scenes])),
        truth=torch.tensor(_cloud(scenes), dtype=torch.float32),
        counted=torch.tensor(_counted(scenes)),
    )
    return train(network(), lesson, epochs)


def predict(model: PixelNetwork, scenes: list[RgbScene]) -> np.ndarray:
    """Probability per pixel (n, height, width)."""
    with torch.no_grad():
        return np.stack([model(torch.tensor(s.image)[None])[0, 0].numpy() for s in scenes])


def measure(scenes: list[RgbScene], scores: np.ndarray, threshold: float) -> dict[str, float]:
    """Scores of one detector on one set of scenes; thin cloud is left out."""
    clear, cloudy = _counted(scenes), _cloud(scenes)
    counts = count(cloudy[clear], scores[clear] >= threshold)
    figures = {
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "accuracy": counts.accuracy,
    }
    if scores.dtype.kind == "f":
        figures["average_precision"] = average_precision(cloudy[clear], scores[clear])
    return {name: round(value, 4) for name, value in figures.items()}


def best_test(scenes: list[RgbScene], *, tint: bool = True) -> BrightTest:
    """The brightness test of highest F1 on these scenes."""
    clear, cloudy = _counted(scenes), _cloud(scenes)
    tests = [
        BrightTest(float(bright), limit)
        for bright in BRIGHT_STEPS
        for limit in (TINT_STEPS if tint else TINT_STEPS[-1:])
    ]

    def f1_of(test: BrightTest) -> float:
        found = np.stack([detect_clouds(scene.image, test) for scene in scenes])
        return count(cloudy[clear], found[clear]).f1

    return max(tests, key=f1_of)


def _cloud(scenes: list[RgbScene]) -> np.ndarray:
    return np.stack([scene.cloud for scene in scenes])


def _counted(scenes: list[RgbScene]) -> np.ndarray:
    return ~np.stack([scene.unclear for scene in scenes])


def _card(threshold: float, tests: dict[str, BrightTest], metrics: dict, baseline: dict) -> Card:
    chosen = ", ".join(
        f"{name}: mean >= {test.min_bright:.3g}, tint <= {test.max_tint:g}"
        for name, test in tests.items()
    )
    return Card(
        name=NAME,
        purpose="Marks cloud in a colour image, so that cloudy frames need not go down.",
        inputs=[
            {
                "name": "image",
                "shape": [1, 3, SIZE, SIZE],
                "dtype": "float32",
                "meaning": "red, green, blue as a camera shows them, 0 to 1",
            }
        ],
        outputs=[
            {
                "name": "probability",
                "shape": [1, 1, SIZE, SIZE],
                "dtype": "float32",
                "meaning": "probability of cloud per pixel; compare with the threshold",
            }
        ],
        threshold=round(threshold, 6),
        data=f"{len(TRAINING_SEEDS)} scenes of hil.environment.rgb_scene (TRAINING ranges); threshold "
        f"from {len(VALIDATION_SEEDS)} others; figures from {len(TEST_SEEDS)} others of each world. "
        "Pixels with a cover between 0.15 and 0.5 are not scored.",
        training_command="python -m hil.training.cloud_mask --out flight_sw/models",
        metrics=metrics,
        baseline={
            "what": "Brightness tests (hil.applications.bright_cloud) on the same scenes, thresholds "
            f"chosen on the validation scenes: {chosen}.",
            **baseline,
        },
        limits="Synthetic scenes: the figures compare detectors on these scenes and are not field "
        "accuracy. Snow under thin cloud, sun glint on waves and smoke are not in them. A frame from "
        "orbit without labels shows that the mask is sensible there, not how right it is.",
    )


if __name__ == "__main__":
    main()
