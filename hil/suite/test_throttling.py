"""The governor: hot means slower, cool means fast again, and the work goes on meanwhile."""

import pytest

from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, event
from hil.suite.jobs import Jobs

pytestmark = pytest.mark.needs(feature="governor")

SOFT_C, RELEASE_C = 40.0, 30.0  # the lowest that the parameters allow
WARM_C = 42.0
THROTTLE_S, RELEASE_S = 20.0, 40.0
STEADY_S, STEADY_K = 2.0, 0.3


def set_limits(rig: RunningBoard, soft_c: float, release_c: float) -> None:
    """Both limits, in the order in which they never cross."""
    names = (("release", release_c), ("soft_limit", soft_c))
    for name, value in names if soft_c < WARM_C else reversed(names):
        rig.ground.send("set-parameter", parameter=name, value=value).done()


@pytest.fixture
def warm(nominal: RunningBoard, undo: Undo):
    """A board above the lowest soft limit, by its own heat or by the rig's chamber."""
    undo("reset-parameters", critical=True)
    mount_c = None
    if "chamber" in nominal.features and nominal.hand is not None:
        mount_c = nominal.hand.environment().mount_c
        nominal.hand.environment(mount_c=30.0)
    is_warm = nominal.until(lambda: nominal.housekeeping().values["temp"] >= WARM_C, 60.0)
    if not is_warm:
        pytest.skip(f"the board stays below {WARM_C:g} °C, and nothing here can heat it")
    yield nominal
    if mount_c is not None and nominal.hand is not None:
        nominal.hand.environment(mount_c=mount_c)


def test_governor_throttles_above_its_limit_and_releases_below(
    warm: RunningBoard, measure: Measures
) -> None:
    """With the limit below the board's temperature it steps down; with the limit back, up again."""
    levels = warm.entry.profile.frequency.levels_mhz
    before_s = warm.now_s()
    set_limits(warm, SOFT_C, RELEASE_C)
    event(warm.ground, "throttled", warm.within(THROTTLE_S))
    measure("throttled_after", warm.now_s() - before_s, "s", high=warm.within(THROTTLE_S))
    assert warm.until(lambda: warm.housekeeping().values["frequency"] < levels[-1], 10.0)
    assert warm.until(lambda: warm.housekeeping().values["mode"] == "DEGRADED", 10.0)
    set_limits(warm, 80.0, 74.0)
    event(warm.ground, "released", warm.within(RELEASE_S))
    if warm.entry.profile.look_ahead is None:  # which else stays slow for want of work
        assert warm.until(lambda: warm.housekeeping().values["frequency"] == levels[-1], RELEASE_S)
    assert warm.until(lambda: warm.housekeeping().values["mode"] == "NOMINAL", 10.0)


@pytest.mark.needs(feature="inference")
def test_throttled_board_still_answers_rightly(warm: RunningBoard, jobs: Jobs) -> None:
    """Slower, and not a bit different."""
    set_limits(warm, SOFT_C, RELEASE_C)
    event(warm.ground, "throttled", warm.within(THROTTLE_S))
    job = jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", 5))
    result = jobs.result(job)
    assert jobs.is_golden(job, result.output)
    assert result.frequency < warm.entry.profile.frequency.levels_mhz[-1]


@pytest.mark.needs(feature=["chamber", "plant"], fixture="thermal_chamber")
def test_hot_mount_throttles_before_the_hard_limit(
    nominal: RunningBoard, measure: Measures
) -> None:
    """In a hot chamber the payload slows its board down and stays below what would damage it."""
    assert nominal.hand is not None
    mount_c = nominal.hand.environment().mount_c
    try:
        nominal.hand.environment(mount_c=52.0)
        event(nominal.ground, "throttled", nominal.within(60.0))
        hard_c = nominal.entry.profile.thermal.hard_limit_c
        nominal.until(lambda: False, 2.0)
        measure("true_temperature", nominal.hand.plant().temp_c, "degC", high=hard_c + 5.0)
        nominal.hand.environment(mount_c=mount_c)
        event(nominal.ground, "released", nominal.within(60.0))
    finally:
        nominal.hand.environment(mount_c=mount_c)


@pytest.mark.needs(feature="plant")
def test_reported_temperature_is_the_true_one(nominal: RunningBoard, measure: Measures) -> None:
    """What housekeeping says is what the board's silicon has, within a sensor's error."""
    hand = nominal.hand
    assert hand is not None

    def is_steady() -> bool:  # what is told is a second or two old
        before_c = hand.plant().temp_c
        nominal.until(lambda: False, STEADY_S)
        return abs(hand.plant().temp_c - before_c) < STEADY_K

    assert nominal.until(lambda: bool(nominal.housekeeping().values["temp_known"]), 10.0)
    assert nominal.until(is_steady, RELEASE_S)
    told_c = nominal.housekeeping().values["temp"]
    measure("sensor_error", abs(told_c - hand.plant().temp_c), "degC", high=2.0)
