import pytest

from flight_sw.resources.governor import StaircaseGovernor, StaircaseLimits
from flight_sw.resources.lookahead import LevelModel, Outlook
from flight_sw.resources.pilot import Pilot

MODEL = LevelModel((0.33, 0.56, 0.78, 1.0), 2.1, (2.7, 3.3, 4.2, 5.4), 15.6, 186.0)
LIMITS = StaircaseLimits(80.0, 74.0, 85.0, 1.0)


def test_without_a_model_the_staircase_flies_alone() -> None:
    """Same readings, same decisions, as the staircase itself."""
    pilot, stairs = Pilot(4, None), StaircaseGovernor(4)
    pilot.start(0.0)
    stairs.start(0.0)
    for second, temp_c in enumerate((70.0, 81.0, 82.0, None, 86.0, 73.0, 70.0), start=1):
        pilot.see(3.0, (), None)
        assert pilot.decide(temp_c, LIMITS, second) == stairs.decide(temp_c, LIMITS, second)
        assert pilot.throttled == stairs.throttled


def test_slow_for_want_of_work_is_not_throttled() -> None:
    """A low level that deadlines allow raises no event and no lack."""
    pilot = Pilot(4, MODEL)
    pilot.start(0.0)
    pilot.see(3.0, ((100.0, 5.0),), None)
    decision = pilot.decide(50.0, LIMITS, 1.0)
    assert (decision.level, decision.change) == (0, 0)
    assert not pilot.throttled


def test_heat_and_energy_throttle_and_release() -> None:
    """An empty battery holds jobs and says so once; with energy again it is released."""
    pilot = Pilot(4, MODEL)
    pilot.start(0.0)
    pilot.see(3.0, ((10.0, 9.0),), Outlook(0.1, 30.0, ((3000.0, -10.0),)))
    decision = pilot.decide(50.0, LIMITS, 1.0)
    assert (decision.change, pilot.hold, pilot.throttled) == (-1, True, True)
    pilot.see(3.0, ((10.0, 9.0),), Outlook(20.0, 30.0, ((3000.0, 10.0),)))
    decision = pilot.decide(50.0, LIMITS, 3.0)
    assert (decision.change, pilot.hold, pilot.throttled) == (1, False, False)


def test_a_lost_sensor_and_a_hot_die_fall_back_on_the_staircase() -> None:
    """Blind or over the limit the staircase steps down, whatever the model believes."""
    for reading in (None, 82.0):
        pilot = Pilot(4, MODEL)
        pilot.start(0.0)
        levels = []
        for second in range(2, 12, 2):
            pilot.see(3.0, ((10.0, 9.0),), None)
            levels.append(pilot.decide(reading, LIMITS, float(second)).level)
        assert levels == sorted(levels, reverse=True)
        assert levels[-1] == 0
        assert pilot.throttled


@pytest.mark.parametrize("soft_c", [40.0, 41.0])
def test_the_end_of_a_fall_back_is_told(soft_c: float) -> None:
    """A limit that is moved below the die and back: throttled once, released once."""
    pilot = Pilot(4, MODEL)
    pilot.start(0.0)
    changes = []
    for second in range(2, 20, 2):
        limits = StaircaseLimits(soft_c, 30.0, 85.0, 1.0) if second == 4 else LIMITS
        pilot.see(3.0, (), None)
        changes.append(pilot.decide(43.0, limits, float(second)).change)
    assert [change for change in changes if change] == [-1, 1]
    assert not pilot.throttled


def test_a_staircase_that_was_down_before_it_takes_over_is_told() -> None:
    """Slow for want of work, the stairs go down unheard; when they rule for heat, it is said once."""
    pilot = Pilot(4, MODEL)
    pilot.start(0.0)
    changes = []
    for second in range(2, 24, 2):
        pilot.see(5.0, ((1000.0, 0.1),), None)
        changes.append(pilot.decide(80.5 if second < 12 else 81.5, LIMITS, float(second)).change)
        assert pilot.throttled == (second >= 12)
    assert changes == [0] * 5 + [-1] + [0] * 5


def test_cooling_off_is_told_once() -> None:
    """The staircase hands over to a look-ahead that still holds back: no second throttling."""
    pilot = Pilot(4, MODEL)
    pilot.start(0.0)
    changes = []
    for second, temp_c in ((2.0, 81.0), (4.0, 60.0), (6.0, 60.0)):
        pilot.see(3.0, (), None)
        changes.append(pilot.decide(temp_c, LIMITS, second).change)
    assert [change for change in changes if change] == [-1, 1]


def test_blind_for_a_moment_tells_nothing() -> None:
    """A fall back that ends before its first step down: nobody heard of it or hears of its end."""
    pilot = Pilot(4, MODEL)
    pilot.start(0.0)
    limits = StaircaseLimits(80.0, 74.0, 85.0, 10.0)
    changes = []
    for second, temp_c in ((2.0, 50.0), (4.0, None), (6.0, 50.0), (8.0, 50.0)):
        pilot.see(3.0, (), None)
        changes.append(pilot.decide(temp_c, limits, second).change)
    assert changes == [0, 0, 0, 0]
