"""kill -9 of the node and of its worker at random times: the payload works on, and answers rightly."""

import random

import pytest

from flight_sw.radiation.heartbeat import MAX_EPISODES
from tests.figures.scale import BOARD_KILLS
from tests.system.flown_stack import flown_stack

BACK_S = 60.0  # with a busy machine; the ladder's own bound is 60 s too
CALM_S = 6.0  # longest time between two kills, settle time of the ladder included


@pytest.mark.figure("F5")
@pytest.mark.parametrize("kills", [pytest.param(BOARD_KILLS.value, marks=pytest.mark.long)])
def test_board_software_comes_back_from_kill_nine(kills, scratch, figure):
    """Each time a job is answered with the golden twin's bits again, and no answer is ever wrong.

    After a bounded number of dead boards the ladder gives up and waits in SAFE for the ground, by
    design; then the ground leads out, as an operator would. Sooner than that, SAFE is a failure.
    """
    chance = random.Random(31)
    failures, slowest_s, dead_boards = [], 0.0, 0
    with flown_stack(scratch) as stack:
        stack.work()
        assert stack.back_s(BACK_S) is not None
        for kill in range(kills):
            name = ("worker", "node")[kill % 2]
            stack.ground.wait_until(lambda: False, chance.uniform(0.0, CALM_S))
            # There is none while the board boots or restarts it.
            if not stack.ground.wait_until(lambda name=name: stack.kill(name), BACK_S):
                failures.append(f"kill {kill}: there was no {name} to kill for {BACK_S:g} s")
            dead_boards += name == "node"
            back_s = stack.back_s(BACK_S)
            if back_s is None and stack.is_safe() and dead_boards > MAX_EPISODES:
                stack.lead_out()
                dead_boards = 0
                back_s = stack.back_s(BACK_S)
            if back_s is None:
                failures.append(f"kill {kill} of the {name}: not back within {BACK_S:g} s")
                stack.lead_out()
            slowest_s = max(slowest_s, back_s or BACK_S)
    figure("F5.kills", kills)
    figure("F5.kill_failures", len(failures))
    print(f"slowest return {slowest_s:.1f} s")
    assert not failures, failures
