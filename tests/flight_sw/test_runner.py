"""How often a program steps: at once after a pause, and no more than its processor can afford."""

import signal

import pytest

from flight_sw import runner
from flight_sw.runner import REST_S_MAX, STEP_S_MIN, Loop

BUSY = 3  # the descriptor of a line on which bytes always wait


class World:
    """A clock and what `select` is asked; time goes by in it alone, so no other program counts."""

    def __init__(self):
        self.now_s = 100.0

    def monotonic_s(self):
        return self.now_s

    def utc_s(self):
        return self.now_s

    def select(self, readers, writers, _, timeout_s):
        """Bytes are there at once, or the time passes."""
        told = [one for one in readers if one == BUSY]
        self.now_s += 0.0 if told else timeout_s
        return told, [], []


@pytest.fixture
def world(monkeypatch):
    """In the place of the module that waits."""
    world = World()
    monkeypatch.setattr(runner, "select", world)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield world
    for number, handler in before.items():
        signal.signal(number, handler)


def waited_s(loop, world, step_s, wake_in_s=10.0):
    """How long the loop waits after a step that took so long."""
    world.now_s += step_s
    before_s = world.now_s
    loop.wait([BUSY], world.now_s + wake_in_s)
    return world.now_s - before_s


def test_a_slow_processor_rests_between_steps_on_a_busy_line(world):
    """Found on the Pi in QEMU: a step for every few bytes left no time to receive them."""
    loop = Loop(world, rest=3.0)
    assert waited_s(loop, world, 0.01) == 0
    assert waited_s(loop, world, 0.01) == pytest.approx(0.03)
    assert waited_s(loop, world, 5.0) == pytest.approx(REST_S_MAX)


def test_bytes_on_a_quiet_line_are_answered_at_once(world):
    """Also after a long step that no bytes had caused, and in a program that is not told to rest."""
    untold = Loop(world)
    assert [waited_s(untold, world, 1.0) for _ in range(3)] == [0, 0, 0]
    assert waited_s(Loop(world, rest=3.0), world, 1.0) == 0


def test_resting_delays_nothing_that_is_due(world):
    """Wake-up times hold: a heartbeat is not late because the line is busy."""
    loop = Loop(world, rest=3.0)
    waited_s(loop, world, 0.0)
    assert waited_s(loop, world, 5.0, wake_in_s=STEP_S_MIN) == pytest.approx(STEP_S_MIN)
    assert waited_s(loop, world, 5.0, wake_in_s=-1.0) == pytest.approx(STEP_S_MIN)
