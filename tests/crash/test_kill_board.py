"""kill -9 of the node and of its worker at random times: the payload works on, and answers rightly."""

import random

import pytest

from tests.system.flown_stack import flown_stack

BACK_S = 60.0  # with a busy machine; the ladder's own bound is 60 s too
CALM_S = 6.0  # longest time between two kills, settle time of the ladder included


@pytest.mark.figure("F5")
@pytest.mark.parametrize("kills", [pytest.param(60, marks=pytest.mark.long)])
def test_board_software_comes_back_from_kill_nine(kills, scratch, figure):
    """Each time a job is answered with the golden twin's bits again, and no answer is ever wrong."""
    chance = random.Random(31)
    failures, slowest_s = [], 0.0
    with flown_stack(scratch) as stack:
        stack.work()
        assert stack.back_s(BACK_S) is not None
        for kill in range(kills):
            name = ("worker", "node")[kill % 2]
            stack.ground.wait_until(lambda: False, chance.uniform(0.0, CALM_S))
            # There is none while the board boots or restarts it.
            killed = stack.ground.wait_until(lambda name=name: stack.kill(name), BACK_S)
            assert killed, f"there was no {name} to kill for {BACK_S:g} s"
            back_s = stack.back_s(BACK_S)
            if back_s is None:
                failures.append(f"kill {kill} of the {name}: not back within {BACK_S:g} s")
                stack.ground.send("set-mode", mode="NOMINAL").done()  # as an operator would
            slowest_s = max(slowest_s, back_s or BACK_S)
    figure("F5.kills", kills)
    figure("F5.kill_failures", len(failures))
    assert not failures, failures
    print(f"slowest return {slowest_s:.1f} s")
