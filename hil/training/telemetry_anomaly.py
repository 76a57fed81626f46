"""Train `telemetry-anomaly`: 18 features of a telemetry segment -> probability that it is
anomalous.

Uses the official training part of OPSSAT-AD only. The threshold comes from five-fold out-of-fold
scores of that part; the test part is read once, at the end, for the figures in the card.

    python -m hil.training.telemetry_anomaly --data opssat_ad_features.csv --out flight_sw/models
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hil.applications.opssat import FEATURES, LABEL, SPLIT
from hil.applications.score import average_precision, best_threshold, count
from hil.training.export import Card, export_onnx, write_card

NAME = "telemetry-anomaly"
SEED = 7
HIDDEN = 64
EPOCHS = 60
BATCH = 64
FOLDS = 5
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3


@dataclass(frozen=True, slots=True)
class Table:
    """One part of the data: raw features (n, 18) and labels (n,)."""

    features: np.ndarray
    labels: np.ndarray


class Detector(torch.nn.Module):
    """Raw features in, probability out: the normalisation is part of the graph.

    The features span twelve orders of magnitude and both signs; asinh(x / scale) is linear near
    zero and logarithmic beyond, then each is standardised.
    """

    def __init__(self, features: np.ndarray) -> None:
        super().__init__()
        scale = np.array([_scale(column) for column in features.T])
        ratio = features / scale
        squashed = np.sign(ratio) * np.log1p(np.abs(ratio))
        self.register_buffer("inverse_scale", torch.tensor(1 / scale, dtype=torch.float32))
        self.register_buffer("centre", torch.tensor(squashed.mean(0), dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(squashed.std(0) + 1e-6, dtype=torch.float32))
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(len(FEATURES), HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, 1),
        )

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """The score before the sigmoid, (n, 1)."""
        ratio = x * self.inverse_scale
        squashed = torch.sign(ratio) * torch.log(1 + torch.abs(ratio))
        return self.layers((squashed - self.centre) / self.spread)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Probability (n, 1)."""
        return torch.sigmoid(self.logits(x))


def main() -> None:
    """Train, choose the threshold, export the model and write its card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train, test = read_parts(arguments.data)
    held_out = cross_validate(train)
    threshold = best_threshold(train.labels, held_out)
    model = fit(train, SEED)
    path = arguments.out / f"{NAME}.onnx"
    export_onnx(model, torch.zeros(1, len(FEATURES)), path, ("features", "probability"))
    scores = predict(model, test.features)
    table = count(test.labels, scores >= threshold)
    folds = count(train.labels, held_out >= threshold)
    metrics = {
        "test_segments": len(test.labels),
        "test_f1": round(table.f1, 4),
        "test_average_precision": round(average_precision(test.labels, scores), 4),
        "test_accuracy": round(table.accuracy, 4),
        "test_precision": round(table.precision, 4),
        "test_recall": round(table.recall, 4),
        "cross_validation_f1": round(folds.f1, 4),
        "cross_validation_average_precision": round(average_precision(train.labels, held_out), 4),
    }
    write_card(path.with_suffix(".yaml"), _card(threshold, metrics))
    print(threshold, metrics)


def read_parts(path: Path) -> tuple[Table, Table]:
    """The official training and test parts."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    parts = []
    for wanted in ("1", "0"):
        chosen = [row for row in rows if row[SPLIT] == wanted]
        features = np.array([[float(row[name]) for name in FEATURES] for row in chosen])
        parts.append(Table(features, np.array([int(row[LABEL]) for row in chosen])))
    return parts[0], parts[1]


def cross_validate(train: Table) -> np.ndarray:
    """Scores of every training segment by a model that has not seen it, stratified folds."""
    rng = np.random.default_rng(SEED)
    fold = np.empty(len(train.labels), int)
    for label in (0, 1):
        index = rng.permutation(np.flatnonzero(train.labels == label))
        fold[index] = np.arange(len(index)) % FOLDS
    scores = np.empty(len(train.labels))
    for k in range(FOLDS):
        seen = fold != k
        model = fit(Table(train.features[seen], train.labels[seen]), SEED + k)
        scores[~seen] = predict(model, train.features[~seen])
    return scores


def fit(table: Table, seed: int) -> Detector:
    """Train one detector; the same seed gives the same weights."""
    torch.manual_seed(seed)
    model = Detector(table.features)
    x = torch.tensor(table.features, dtype=torch.float32)
    y = torch.tensor(table.labels, dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    loss = torch.nn.BCEWithLogitsLoss()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(y)).split(BATCH):
            optimiser.zero_grad()
            loss(model.logits(x[batch]).squeeze(1), y[batch]).backward()
            optimiser.step()
        schedule.step()
    return model.eval()


def predict(model: Detector, features: np.ndarray) -> np.ndarray:
    """Probabilities (n,)."""
    with torch.no_grad():
        return model(torch.tensor(features, dtype=torch.float32)).squeeze(1).numpy()


def _scale(column: np.ndarray) -> float:
    size = np.abs(column[column != 0])
    return float(np.quantile(size, 0.05))


def _card(threshold: float, metrics: dict[str, float]) -> Card:
    return Card(
        name=NAME,
        purpose="Says how likely a segment of housekeeping telemetry is anomalous.",
        inputs=[
            {
                "name": "features",
                "shape": [1, len(FEATURES)],
                "dtype": "float32",
                "meaning": "raw features of one segment, in this order; units as in OPSSAT-AD",
                "columns": list(FEATURES),
            }
        ],
        outputs=[
            {
                "name": "probability",
                "shape": [1, 1],
                "dtype": "float32",
                "meaning": "probability of an anomaly; compare with the threshold",
            }
        ],
        threshold=round(threshold, 6),
        data="OPSSAT-AD features (Ruszczak et al., Scientific Data 2025, doi "
        "10.1038/s41597-025-05035-3, MIT licence), official training part of 1,594 segments. "
        "The data is not part of this repository.",
        training_command=f"python -m hil.training.{NAME.replace('-', '_')} "
        "--data opssat_ad_features.csv --out flight_sw/models",
        metrics=metrics,
        baseline={
            "what": "scikit-learn on the same split: perceptron (64, 64); gradient boosting",
            "test_f1": [0.941, 0.936],
            "test_average_precision": [0.981, 0.972],
        },
        limits="Threshold chosen on five-fold out-of-fold scores of the training part. One "
        "spacecraft, a few channels: other telemetry needs its own training.",
    )


if __name__ == "__main__":
    main()
