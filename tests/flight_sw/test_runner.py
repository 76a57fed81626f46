"""How often a program steps: at once after a pause, and no more than its processor can afford."""

import os
import time

import pytest

from flight_sw.runner import REST_S_MAX, STEP_S_MIN, Loop


class TestClock:
    """A clock that goes when told."""

    __test__ = False

    def __init__(self):
        self.now_s = 100.0

    def monotonic_s(self):
        return self.now_s

    def utc_s(self):
        return self.now_s


@pytest.fixture
def busy():
    """A line on which bytes always wait."""
    read, write = os.pipe()
    os.write(write, b"x")
    yield read
    os.close(read)
    os.close(write)


def waited_s(loop, clock, step_s, reader, wake_in_s=10.0):
    """How long the loop waits after a step that took so long."""
    clock.now_s += step_s
    before_s = time.monotonic()
    loop.wait([reader], clock.now_s + wake_in_s)
    return time.monotonic() - before_s


def test_a_slow_processor_rests_between_steps_on_a_busy_line(busy):
    """Found on the Pi in QEMU: a step for every few bytes left no time to receive them."""
    clock = TestClock()
    loop = Loop(clock, rest=3.0)
    assert waited_s(loop, clock, 0.01, busy) < 0.02
    assert waited_s(loop, clock, 0.01, busy) >= 0.03 - 0.001
    assert waited_s(loop, clock, 5.0, busy) >= REST_S_MAX - 0.001


def test_bytes_on_a_quiet_line_are_answered_at_once(busy):
    """Also after a long step that no bytes had caused, and in a program that is not told to rest."""
    clock = TestClock()
    untold = Loop(clock)
    assert max(waited_s(untold, clock, 1.0, busy) for _ in range(3)) < 0.02
    assert waited_s(Loop(clock, rest=3.0), clock, 1.0, busy) < 0.02


def test_resting_delays_nothing_that_is_due(busy):
    """Wake-up times hold: a heartbeat is not late because the line is busy."""
    clock = TestClock()
    loop = Loop(clock, rest=3.0)
    waited_s(loop, clock, 0.0, busy)
    assert waited_s(loop, clock, 5.0, busy, wake_in_s=STEP_S_MIN) < REST_S_MAX / 2
