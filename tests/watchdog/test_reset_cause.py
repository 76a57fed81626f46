"""Why a board started is told to the ground as its hardware tells it."""

import pytest

from tests.flight_sw.stack import Stack


@pytest.mark.parametrize("cause", ["watchdog", "brown-out", "power-on"])
def test_the_ground_learns_why_the_board_started(cause):
    """In the event that says that the board answers."""
    stack = Stack()
    stack.reset_cause = cause
    stack.fly()
    (told,) = [one for one in stack.sentences if one.startswith("Board answers")]
    assert told.endswith(f"by {cause}")
