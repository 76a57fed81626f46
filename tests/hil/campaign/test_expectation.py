"""What a change of surroundings must bring about is judged by the payload's own words."""

import pytest

from hil.campaign.expectation import judge_effect
from hil.campaign.record import Event
from hil.scenario import Surroundings

HOT = Surroundings(at_s=0, mount_c=35, expect="throttled", within_s=6)
COLD = Surroundings(at_s=6, mount_c=-10, expect="released", within_s=5)


def told(*words):
    """Events in order: ("throttled", 3.0) and so on."""
    return [Event(at_s, name) for name, at_s in words]


@pytest.mark.parametrize(
    ("change", "since_s", "events", "ok", "words"),
    [
        (HOT, 1.0, told(("throttled", 4.0)), True, "after 3.0 s"),
        (HOT, 1.0, told(("throttled", 0.5)), True, "already before"),
        (HOT, 1.0, told(("throttled", 0.2), ("released", 0.5)), False, "not told within 6 s"),
        (HOT, 1.0, told(("throttled", 7.5)), False, "not told within 6 s"),
        (HOT, 1.0, [], False, "not told within 6 s"),
        (COLD, 7.0, told(("throttled", 4.0), ("released", 8.5)), True, "after 1.5 s"),
        (COLD, 7.0, told(("throttled", 4.0), ("released", 6.0)), True, "already before"),
        (COLD, 7.0, told(("throttled", 4.0)), False, "not told within 5 s"),
        (COLD, 7.0, told(("released", 8.5)), False, "not throttled before"),
        (COLD, 7.0, [], False, "not throttled before"),
    ],
)
def test_a_step_passes_only_if_the_payload_said_so(change, since_s, events, ok, words) -> None:
    """Nothing told is a step missed, however slow the clock was for want of work."""
    passed, how = judge_effect(change, since_s, events)
    assert (passed, words in how) == (ok, True), how
