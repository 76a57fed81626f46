"""Scores of labelled inputs, written out so that a figure in a report needs no further package.

Definitions as in scikit-learn: F1 of the positive class; average precision as the step-wise sum of
precision over gains in recall, equal scores taken together.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.ArrayLike


@dataclass(frozen=True, slots=True)
class Counts:
    """The four cells of a two-class confusion table."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def precision(self) -> float:
        """Share of alarms that were right; 0 without any alarm."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of positives that were found; 0 without any positive."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(
            2 * self.true_positive,
            2 * self.true_positive + self.false_positive + self.false_negative,
        )

    @property
    def accuracy(self) -> float:
        """Share of right decisions."""
        right = self.true_positive + self.true_negative
        return _ratio(right, right + self.false_positive + self.false_negative)


def count(labels: Array, decisions: Array) -> Counts:
    """Compare two equally shaped arrays of truth values."""
    truth, said = np.asarray(labels, bool), np.asarray(decisions, bool)
    if truth.shape != said.shape:
        raise ValueError(f"labels have shape {truth.shape}, decisions {said.shape}")
    return Counts(
        int(np.sum(truth & said)),
        int(np.sum(~truth & said)),
        int(np.sum(truth & ~said)),
        int(np.sum(~truth & ~said)),
    )


def f1(labels: Array, scores: Array, threshold: float) -> float:
    """F1 of `scores >= threshold`."""
    return count(labels, np.asarray(scores) >= threshold).f1


def average_precision(labels: Array, scores: Array) -> float:
    """Area under precision over recall, step-wise; 0 without any positive."""
    truth, values = np.asarray(labels, bool).ravel(), np.asarray(scores, float).ravel()
    positives = int(truth.sum())
    if positives == 0:
        return 0.0
    order = np.argsort(-values, kind="stable")
    found = np.cumsum(truth[order])
    taken = np.arange(1, len(order) + 1)
    last_of_ties = np.append(np.diff(values[order]) != 0, True)
    recall = found[last_of_ties] / positives
    precision = found[last_of_ties] / taken[last_of_ties]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def best_threshold(labels: Array, scores: Array) -> float:
    """The threshold of highest F1, half-way to the next lower score so that it stands in a gap."""
    values = np.unique(np.asarray(scores, float))
    best = max(values, key=lambda value: f1(labels, scores, float(value)))
    below = values[values < best]
    return float((best + below[-1]) / 2) if len(below) else float(best)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
