"""ST[11]: telecommands for later run at their time, once, and not if they were taken back."""

import pytest

from flight_sw.dictionary.reason import Reason
from hil.ground.reports import Alive
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import FOREVER_S, Undo, clock_s, event, no_event, packet, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

SOON_S, LATE_S = 0.6, 3600.0
ALL = {"since": 0.0, "until": FOREVER_S, "group": 255}


@pytest.fixture
def insert(nominal: RunningBoard, undo: Undo):
    """Put a ping into the schedule, so many seconds ahead; what is left goes at the end."""
    undo("delete-entries", **ALL)

    def put(entry: int, ahead_s: float, group: int = 0) -> float:
        release_s = clock_s(nominal.ground) + ahead_s
        body = packet(nominal, "ping")
        values = {"entry": entry, "group": group, "release": release_s, "packet": body}
        nominal.ground.send("insert-entry", **values).done()
        return release_s

    return put


def test_entry_runs_at_its_time(nominal: RunningBoard, insert, measure: Measures) -> None:
    """A ping planned for later is answered then, and the payload says how late it was."""
    insert(1, SOON_S)
    released = event(nominal.ground, "schedule-released", entry=1)
    nominal.ground.expect(Alive)
    measure("late", released.values["late"], "s", low=0.0, high=nominal.within(0.3))


def test_deleted_entry_does_not_run(nominal: RunningBoard, insert) -> None:
    """What is taken back in time has no effect."""
    insert(2, 1.0)
    nominal.ground.send("delete-entry", entry=2).done()
    no_event(nominal, "schedule-released", 1.4)


def test_shifted_entry_runs_earlier(nominal: RunningBoard, insert) -> None:
    """An entry an hour away that is moved to just ahead runs there."""
    insert(3, LATE_S)
    nominal.ground.send("shift-entry", entry=3, by=0.8 - LATE_S).done()
    event(nominal.ground, "schedule-released", entry=3)


def test_disabled_schedule_releases_nothing(nominal: RunningBoard, insert, undo: Undo) -> None:
    """While disabled, due entries wait; enabled again, they run."""
    undo("enable-schedule")
    nominal.ground.send("disable-schedule").done()
    insert(4, 0.4)
    no_event(nominal, "schedule-released", 0.9)
    nominal.ground.send("enable-schedule").done()
    event(nominal.ground, "schedule-released", entry=4)


def test_entries_are_reported_and_deleted_by_group(nominal: RunningBoard, insert) -> None:
    """A filter of group finds and deletes just its own."""
    insert(5, LATE_S, group=1)
    insert(6, LATE_S, group=2)
    nominal.ground.send("report-schedule").done()
    assert told(nominal.ground, "schedule-state")["entries"] == 2
    nominal.ground.send("delete-entries", **{**ALL, "group": 1}).done()
    nominal.ground.send("report-entries", **ALL).done()
    assert told(nominal.ground, "schedule-summary")["total"] == 1


def test_entry_of_the_past_is_refused(nominal: RunningBoard) -> None:
    """Nothing is planned for a time that is over."""
    body = packet(nominal, "ping")
    release_s = clock_s(nominal.ground) - 10.0
    values = {"entry": 7, "group": 0, "release": release_s, "packet": body}
    refused(nominal.ground.send("insert-entry", **values), Reason.IN_THE_PAST)


def test_critical_telecommand_cannot_be_planned(nominal: RunningBoard) -> None:
    """What needs a person at hand is not kept for later."""
    body = packet(nominal, "reset-parameters")
    release_s = clock_s(nominal.ground) + LATE_S
    values = {"entry": 8, "group": 0, "release": release_s, "packet": body}
    refused(nominal.ground.send("insert-entry", **values), Reason.BAD_ARGUMENT)
