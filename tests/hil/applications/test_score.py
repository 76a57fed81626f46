"""Scores, against values worked out by hand and against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.applications.score import average_precision, best_threshold, count, f1


def test_counts_and_their_ratios():
    """Two right alarms, one false, one missed, one right silence."""
    counts = count([1, 1, 1, 0, 0], [1, 1, 0, 1, 0])
    assert (counts.true_positive, counts.false_positive) == (2, 1)
    assert (counts.false_negative, counts.true_negative) == (1, 1)
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.f1 == pytest.approx(2 / 3)
    assert counts.accuracy == pytest.approx(3 / 5)


def test_average_precision_of_a_known_ranking():
    """The example of scikit-learn's documentation: 0.8333."""
    assert average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(5 / 6)


def test_equal_scores_are_taken_together():
    """All equal: precision is the share of positives, whatever the order of the rows."""
    assert average_precision([1, 0, 0, 0], [0.5] * 4) == pytest.approx(0.25)
    assert average_precision([0, 0, 0, 1], [0.5] * 4) == pytest.approx(0.25)


def test_nothing_positive_scores_zero():
    """No division by zero, and no free point."""
    assert average_precision([0, 0], [0.1, 0.2]) == 0.0
    assert f1([0, 0], [0.1, 0.2], 0.5) == 0.0


def test_shapes_must_agree():
    """A silent broadcast would make up figures."""
    with pytest.raises(ValueError, match="shape"):
        count([1, 0], [[1], [0]])


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=40))
def test_the_best_threshold_is_never_beaten(pairs):
    """No other threshold gives a higher F1 on the same data."""
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score / 20 for _, score in pairs])
    best = f1(labels, scores, best_threshold(labels, scores))
    assert all(f1(labels, scores, t) <= best + 1e-12 for t in np.unique(scores))
