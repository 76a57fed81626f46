"""The heartbeat says whether the board rested, so that its current may be taken for the idle one."""

import pytest

from tests.flight_sw.stack import TICK_S, Stack


@pytest.fixture
def stack() -> Stack:
    """In flight, with its model loaded and nothing to do."""
    stack = Stack()
    stack.fly()
    return stack


def rests(stack: Stack, seconds: float) -> list[bool]:
    """What the heartbeats say, one after another."""
    said, last = [], stack.controller._board.beat.sequence
    for _ in range(round(seconds / TICK_S)):
        stack.run(TICK_S)
        beat = stack.controller._board.beat
        if beat.sequence != last:
            said.append(beat.at_rest)
            last = beat.sequence
    return said


def test_a_board_with_nothing_to_do_rests(stack):
    """Each beat says so, but for those that a known-answer test is in."""
    said = rests(stack, 2 * stack.profile.inference.self_test_s)
    assert 1 <= said.count(False) <= 2 * 2
    assert len(said) > 50


def test_a_job_between_two_beats_is_told(stack):
    """It is over when the next beat goes out, and that beat still tells."""
    rests(stack, 1.0)
    stack.submit(1)
    assert rests(stack, 1.0).count(False) == 1
    assert stack.told("result")


def test_a_worker_that_loads_or_is_away_is_no_rest(stack):
    """From its crash, through a load that stands still, until its models are proven again."""
    stack.worker.alive = False
    stack.run(TICK_S)
    stack.worker.stopped = True
    assert not any(rests(stack, 5.0)[1:])
    stack.worker.alive = False
    assert all(rests(stack, 2.0)[2:])
