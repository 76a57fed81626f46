"""The benches of the inference: few faults and rounds, the same course as the long ones."""

import pytest

from hil.bench import sdc
from hil.campaign.trials.interval import clopper_pearson


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [(0, 30, 0.0, 0.1157), (5, 100, 0.0164, 0.1128), (10, 10, 0.6915, 1.0)],
)
def test_exact_bounds_equal_published_ones(events, trials, low, high):
    """Values of the standard tables."""
    assert clopper_pearson(events, trials) == pytest.approx((low, high), abs=1e-4)


def test_bounds_hold_the_rate_and_close_in_with_trials():
    """Ten times the trials, a narrower interval around the same rate."""
    few, many = clopper_pearson(4, 100), clopper_pearson(40, 1000)
    assert few[0] < many[0] < 0.04 < many[1] < few[1]


def test_every_fault_in_protected_weights_is_found_and_no_final_answer_is_wrong():
    """A short run of the long bench."""
    found = sdc.run(faults=15)
    for name in ("standard", "high", "vote"):
        assert found["classes"][name]["hits"] == found["classes"][name]["faults"] >= 15
        assert found["classes"][name]["confirmed"]["wrong"] == 0
    assert found["classes"]["none"]["hits"] == 0
