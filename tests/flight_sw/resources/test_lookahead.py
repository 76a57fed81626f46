import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.resources.lookahead import (
    Caution,
    LevelModel,
    LookAheadGovernor,
    Outlook,
    Situation,
)

MODEL = LevelModel((0.33, 0.56, 0.78, 1.0), 2.1, (2.7, 3.3, 4.2, 5.4), 15.6, 186.0)
LIMIT_C = 80.0
RICH = Outlook(20.0, 5.0, ((3000.0, 5.0), (2000.0, -5.0)))


def governed(temp_c=50.0, due=((60.0, 30.0),), outlook=None, now=0.0, power_w=3.0) -> Situation:
    """One situation."""
    return Situation(now, temp_c, power_w, due, outlook)


def test_slow_work_is_done_slowly() -> None:
    """Work that has time runs at the slowest level that meets its deadline, with haste."""
    governor = LookAheadGovernor(MODEL, Caution(haste=1.5))
    assert governor.decide(governed(due=((100.0, 20.0),)), LIMIT_C).level == 0
    assert governor.decide(governed(due=((100.0, 35.0),), now=2.0), LIMIT_C).level == 1
    assert governor.decide(governed(due=((100.0, 66.0),), now=4.0), LIMIT_C).level == 3
    assert governor.decide(governed(due=(), now=6.0), LIMIT_C).level == 3


def test_a_hot_die_is_slowed_down_before_the_limit() -> None:
    """The nearer the limit, the slower; at the limit no job is started."""
    levels = []
    for temp_c in (70.0, 78.5, 79.3, 79.6, 85.0):
        governor = LookAheadGovernor(MODEL)
        choice = governor.decide(governed(temp_c, due=((10.0, 20.0),), power_w=2.1), LIMIT_C)
        levels.append(-1 if choice.hold else choice.level)
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 3
    assert levels[-1] == -1


def test_lost_readings_never_speed_up() -> None:
    """Without a temperature the slowest level is all there is."""
    governor = LookAheadGovernor(MODEL)
    governor.decide(governed(), LIMIT_C)
    choice = governor.decide(governed(temp_c=None, now=2.0), LIMIT_C)
    assert (choice.level, choice.why) == (0, "blind")


def test_an_empty_battery_stops_work_and_a_full_one_does_not() -> None:
    """Jobs wait when even idling would reach the cut; with energy to spare they run."""
    poor = Outlook(0.5, 30.0, ((2000.0, -10.0),))
    assert LookAheadGovernor(MODEL).decide(governed(outlook=poor), LIMIT_C).hold
    assert not LookAheadGovernor(MODEL).decide(governed(outlook=RICH), LIMIT_C).hold


def test_the_observer_learns_the_mount() -> None:
    """From noisy steps of the die it finds a mount 20 K warmer than first believed."""
    governor, die_c, mount_c = LookAheadGovernor(MODEL), 60.0, 45.0
    for step in range(600):
        power_w = 3.0
        die_c += (mount_c + 15.6 * power_w - die_c) * (1 - math.exp(-2 / 186))
        shown = round(die_c / 0.487) * 0.487
        governor.decide(Situation(2.0 * step, shown, power_w, ()), 200.0)
    assert governor.mount_c == pytest.approx(mount_c, abs=3.0)


@given(
    st.floats(-40, 120),
    st.lists(st.tuples(st.floats(-10, 500), st.floats(0, 500)), max_size=6),
    st.one_of(st.none(), st.floats(0, 50)),
    st.floats(-5, 30),
)
@settings(max_examples=80)
def test_any_situation_has_an_answer(temp_c, due, power_w, spare_wh) -> None:
    """Whatever is seen, the level exists, and a die over the limit is never worked."""
    governor = LookAheadGovernor(MODEL)
    outlook = Outlook(spare_wh, 10.0, ((1000.0, -3.0), (1000.0, 8.0)))
    choice = governor.decide(Situation(1.0, temp_c, power_w, tuple(due), outlook), LIMIT_C)
    assert 0 <= choice.level < 4
    if temp_c > LIMIT_C + 1.5 and (power_w or 3.0) < 3.0:
        assert choice.hold or choice.level == 0
