"""ST[12]: a parameter that leaves its limits is told after the repetitions that were asked for."""

import pytest

from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, event, no_event, told

pytestmark = pytest.mark.needs(feature="commanding")

MONITOR = 9
RATE = 20.0  # default of event_rate


@pytest.fixture
def watched(nominal: RunningBoard, undo: Undo) -> RunningBoard:
    """A monitor on a parameter that the test can move: event_rate, limits 10 to 30."""
    undo("set-parameter", parameter="event_rate", value=RATE)
    undo("delete-monitor", monitor=MONITOR)
    nominal.ground.send(
        "add-monitor",
        monitor=MONITOR,
        parameter="event_rate",
        kind="limits",
        low=10.0,
        high=30.0,
        repetitions=2,
        period=0.1,
    ).done()
    return nominal


def test_violation_and_its_end_are_told(watched: RunningBoard) -> None:
    """Above the limit it is told with the value, and so is the return."""
    watched.ground.send("set-parameter", parameter="event_rate", value=50.0).done()
    assert event(watched.ground, "monitor-violated", monitor=MONITOR).values["value"] == 50.0
    watched.ground.send("set-parameter", parameter="event_rate", value=RATE).done()
    event(watched.ground, "monitor-cleared", monitor=MONITOR)


def test_disabled_monitor_is_silent(watched: RunningBoard) -> None:
    """A monitor that is switched off looks at nothing."""
    watched.ground.send("disable-monitor", monitor=MONITOR).done()
    watched.ground.send("set-parameter", parameter="event_rate", value=50.0).done()
    no_event(watched, "monitor-violated", 0.7)


def test_monitoring_is_switched_as_a_whole(watched: RunningBoard, undo: Undo) -> None:
    """With all of it off nothing is told; on again, the violation is found."""
    undo("enable-monitoring")
    watched.ground.send("disable-monitoring").done()
    watched.ground.send("set-parameter", parameter="event_rate", value=50.0).done()
    no_event(watched, "monitor-violated", 0.5)
    watched.ground.send("enable-monitoring").done()
    event(watched.ground, "monitor-violated", monitor=MONITOR)


def test_monitors_report_their_definition(watched: RunningBoard) -> None:
    """The definition comes back as it was given, with its state."""
    watched.ground.send("report-monitors").done()
    told_monitor = told(watched.ground, "monitor-definition", monitor=MONITOR)
    assert (told_monitor["low"], told_monitor["high"]) == (10.0, 30.0)
    assert told_monitor["repetitions"] == 2
