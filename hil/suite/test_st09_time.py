"""ST[09]: the payload's clock shows the time, keeps its pace, and is set only by an armed hand."""

import pytest

from flight_sw.dictionary.reason import Reason
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import clock_s, event, fire, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

DRIFT_S = 1.5
STEP_S = 3600.0


def test_clock_keeps_the_rigs_pace(nominal: RunningBoard, measure: Measures) -> None:
    """Over a second and a half the payload's uptime and this machine's clock agree."""
    nominal.ground.send("report-time").done()
    began_s = nominal.now_s()
    first = told(nominal.ground, "time")
    nominal.ground.wait_until(lambda: False, DRIFT_S)
    nominal.ground.send("report-time").done()
    took_s = nominal.now_s() - began_s
    second = told(nominal.ground, "time")
    uptime_s = second["uptime"] - first["uptime"]
    measure("pace_error", abs(uptime_s - took_s), "s", high=nominal.within(0.25))


def test_stamps_follow_the_wall_clock(nominal: RunningBoard) -> None:
    """Telemetry is stamped with UTC, and the two clocks agree unless it is said."""
    nominal.ground.send("report-time").done()
    report = told(nominal.ground, "time")
    assert not report["suspect"]
    assert abs(report["clock"] - report["wall"]) < 5.0


def test_clock_is_not_set_without_arming(nominal: RunningBoard) -> None:
    """A single telecommand cannot move the clock."""
    wrong = nominal.ground.send("set-time", time=clock_s(nominal.ground) + STEP_S)
    refused(wrong, Reason.NOT_ARMED)


def test_clock_is_set_and_set_back(nominal: RunningBoard) -> None:
    """An hour forward and back: both steps are told, and the time is right again."""
    ground = nominal.ground
    for sign in (1, -1):
        fire(ground, "set-time", time=clock_s(ground) + sign * STEP_S)
        by = event(ground, "time-set").values["by"]
        assert abs(by - sign * STEP_S) <= 1
    ground.send("report-time").done()
    report = told(ground, "time")
    assert abs(report["clock"] - report["wall"]) < 5.0
