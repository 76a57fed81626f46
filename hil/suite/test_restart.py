"""The controller stops and starts: what it keeps is there again, what must not run backward does not."""

import pytest

from flight_sw.dictionary.stored import Step, pack_steps
from hil.rig.running import RunningBoard
from hil.suite.asking import FOREVER_S, Undo, clock_s, event, packet, told

pytestmark = pytest.mark.needs(feature="controller")

LATE_S = 3600.0


def keep_something(rig: RunningBoard, undo: Undo) -> None:
    """A parameter, a structure, a sequence and a planned telecommand."""
    undo("set-parameter", parameter="event_rate", value=20.0)
    undo("delete-sequence", sequence=3)
    undo("delete-entry", entry=77)
    ping = packet(rig, "ping")
    send = rig.ground.send
    send("set-parameter", parameter="event_rate", value=33.0).done()
    send("load-sequence", sequence=3, gate="any", steps=pack_steps([Step(0.0, ping)])).done()
    release_s = clock_s(rig.ground) + LATE_S
    send("insert-entry", entry=77, group=0, release=release_s, packet=ping).done()


def assert_kept(rig: RunningBoard) -> None:
    """All of it is there again."""
    rig.ground.send("report-sequences").done()
    assert told(rig.ground, "sequence-state", sequence=3)["steps"] == 1
    rig.ground.send("report-schedule").done()
    assert told(rig.ground, "schedule-state")["entries"] == 1


@pytest.mark.parametrize("kill", [False, True], ids=["orderly", "killed"])
def test_definitions_survive_a_restart(nominal: RunningBoard, undo: Undo, kill: bool) -> None:
    """Ended in order or without a warning, the controller comes back knowing what it was told."""
    keep_something(nominal, undo)
    boots = nominal.housekeeping(2).values["boots"]
    nominal.restart_controller(kill=kill)
    assert nominal.housekeeping(2).values["boots"] == boots + 1
    assert_kept(nominal)


def test_restarted_controller_begins_in_safe(nominal: RunningBoard) -> None:
    """SAFE is where every boot leads, and from there the payload works again."""
    nominal.restart_controller(kill=True)
    assert nominal.housekeeping().values["mode"] == "SAFE"
    nominal.to_nominal()


def test_boot_is_told_with_its_number(nominal: RunningBoard) -> None:
    """The first event of a boot, which nobody was there to hear, is kept and names its number."""
    nominal.restart_controller()
    boots = nominal.housekeeping(2).values["boots"]
    nominal.ground.send("retrieve-store", store="events", since=0.0, until=FOREVER_S).done()
    event(nominal.ground, "booted", nominal.within(10.0), boots=boots)


def test_link_counters_do_not_run_backward(nominal: RunningBoard) -> None:
    """After a kill the next frame counter lies above every one that was used."""
    before = nominal.housekeeping(2).values["tc_counter_next"]
    nominal.restart_controller(kill=True)
    assert nominal.housekeeping(2).values["tc_counter_next"] >= before
