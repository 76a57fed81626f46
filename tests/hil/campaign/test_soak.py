"""The swarm: a seed is a flight, and the payload comes back each time."""

import pytest

from hil.campaign.soak import LIVENESS_S, ROUND_S, soak

ONE_ROUND = ROUND_S / 86_400


def test_a_round_of_the_swarm_breaks_nothing() -> None:
    """Faults land, jobs are answered, nothing is broken, and the way back is short."""
    figures = soak(ONE_ROUND, 2, "hotspot", "emulated", lambda *_: None)
    assert figures["broken"] == []
    assert figures["faults"] > 0
    assert figures["answers"] > 0
    assert figures["longest_to_recover_s"] < LIVENESS_S


@pytest.mark.long
def test_the_same_seed_gives_the_same_trace() -> None:
    """Two flights of one seed agree in every byte on both links and in every figure."""
    first, again = (soak(5 * ONE_ROUND, 4, "hotspot", "emulated", lambda *_: None) for _ in "ab")
    assert first == again


@pytest.mark.long
def test_a_day_of_swarm_breaks_nothing() -> None:
    """144 rounds of random subsets: no wrong answer, and NOMINAL or SAFE within a minute each time."""
    figures = soak(1.0, 11, "hotspot", "emulated", lambda *_: None)
    assert figures["broken"] == []
    assert set(figures["ended_in"]) <= {"NOMINAL", "SAFE"}
