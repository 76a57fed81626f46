"""The governor throttles on heat, releases with hysteresis, and never trusts a missing reading."""

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.resources.governor import StaircaseGovernor, StaircaseLimits
from flight_sw.resources.thermal import DIE_TEMPERATURE, SensorFilter

LIMITS = StaircaseLimits(soft_limit_c=80, release_c=74, hard_limit_c=85, dwell_s=1)


def started(levels: int = 4) -> StaircaseGovernor:
    governor = StaircaseGovernor(levels)
    governor.start(0.0)
    return governor


def test_heat_takes_one_step_per_dwell():
    """At 82 °C the level goes down once a second, not once a reading."""
    governor = started()
    levels = [governor.decide(82.0, LIMITS, tick / 5).level for tick in range(1, 16)]
    assert levels == [3] * 4 + [2] * 5 + [1] * 5 + [0]


def test_between_the_limits_nothing_changes():
    """Between release and soft limit the level stays where it is."""
    governor = started()
    governor.decide(82.0, LIMITS, 1.0)
    assert all(governor.decide(77.0, LIMITS, 2.0 + t).change == 0 for t in range(100))


def test_cool_board_is_released_to_the_top():
    """Below the release temperature every step is given back."""
    governor = started()
    for second in range(1, 4):
        governor.decide(83.0, LIMITS, float(second))
    for second in range(4, 7):
        governor.decide(60.0, LIMITS, float(second))
    assert not governor.throttled


def test_hard_limit_drops_to_the_bottom_at_once():
    """Past the hard limit there is no waiting for the dwell time."""
    governor = started()
    decision = governor.decide(86.0, LIMITS, 0.01)
    assert (decision.level, decision.too_hot) == (0, True)


@given(st.lists(st.one_of(st.none(), st.floats(-50, 140)), max_size=60))
def test_lost_readings_never_speed_the_board_up(readings):
    """Whatever came before, a missing reading never raises the level."""
    governor = started()
    for second, temp_c in enumerate(readings, start=1):
        before = governor.level
        decision = governor.decide(temp_c, LIMITS, float(second))
        assert 0 <= decision.level <= 3
        if temp_c is None:
            assert decision.level <= before


def test_one_spike_does_not_throttle():
    """Range, rate and the median of three hide a single impossible or wrong reading."""
    filter_c = SensorFilter(DIE_TEMPERATURE, stale_s=1.0)
    for second, temp_c in enumerate([50.0, 50.5, 120.0, 999.0, 51.0]):
        filter_c.add(temp_c, second / 10)
    assert filter_c.value(0.5) == 50.5


def test_old_or_missing_readings_are_not_believed():
    """A dead sensor's last value is forgotten, and so is that of a board that was off."""
    filter_c = SensorFilter(DIE_TEMPERATURE, stale_s=1.0)
    assert filter_c.value(0.0) is None
    for tick in range(3):
        filter_c.add(50.0, tick / 10)
    assert filter_c.value(0.3) == 50.0
    assert filter_c.value(1.3) is None
    filter_c.add(50.0, 1.4)
    filter_c.clear()
    assert filter_c.value(1.4) is None


def test_a_jump_that_no_die_can_make_is_discarded():
    """40 K in a fifth of a second is a spike; the same three times in a row is the truth."""
    filter_c = SensorFilter(DIE_TEMPERATURE, stale_s=5.0)
    for tick in range(5):
        filter_c.add(50.0, tick / 5)
    for tick, temp_c in enumerate((90.0, 91.0), start=5):
        filter_c.add(temp_c, tick / 5)
        assert filter_c.value(tick / 5) == 50.0
    filter_c.add(90.5, 7 / 5)
    assert filter_c.value(7 / 5) == 90.5


def test_jumps_that_disagree_stay_discarded():
    """A sensor that throws values about is not believed, however often it does."""
    filter_c = SensorFilter(DIE_TEMPERATURE, stale_s=5.0)
    for tick in range(3):
        filter_c.add(50.0, tick / 5)
    for tick, temp_c in enumerate((90.0, 10.0, 95.0, 5.0, 99.0), start=3):
        filter_c.add(temp_c, tick / 5)
    assert filter_c.value(8 / 5) == 50.0


def test_heat_counts_once_it_has_lasted_and_is_gone_at_once():
    """Entry is debounced, exit is not; past the hard limit nothing is waited for."""
    limits = StaircaseLimits(80, 74, 85, dwell_s=0.1, debounce_s=0.5)
    governor = started()
    readings = [(1.0, 81.0), (1.4, 81.0), (1.45, 79.0), (1.5, 81.0), (1.9, 81.0)]
    assert [governor.decide(c, limits, s).change for s, c in readings] == [0] * 5
    assert governor.decide(81.0, limits, 2.0).change == -1
    assert governor.decide(73.0, limits, 2.2).change == 1
    assert governor.decide(86.0, limits, 2.3).level == 0


def test_each_source_has_its_own_debounce():
    """Heat that flickers with a lost sensor lends it no time."""
    limits = StaircaseLimits(80, 74, 85, dwell_s=0.1, debounce_s=0.5)
    governor = started()
    for tick in range(1, 20):
        reading = None if tick % 2 else 81.0
        assert governor.decide(reading, limits, 1 + tick * 0.3).change == 0
