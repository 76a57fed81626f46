"""ST[05]: what happens is told once, with its severity, unless it was switched off."""

import pytest

from flight_sw.dictionary.events import Severity
from flight_sw.dictionary.stored import Step, pack_steps
from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, event, no_event, packet, told

pytestmark = pytest.mark.needs(feature="commanding")

SEQUENCE = 7


@pytest.fixture
def sequence(nominal: RunningBoard, undo: Undo) -> int:
    """A stored sequence, whose end is an event that can be had at any time."""
    undo("delete-sequence", sequence=SEQUENCE)
    steps = pack_steps([Step(0.0, packet(nominal, "ping"))])
    nominal.ground.send("load-sequence", sequence=SEQUENCE, gate="any", steps=steps).done()
    return SEQUENCE


def test_event_is_told_with_its_severity(nominal: RunningBoard, sequence: int) -> None:
    """The end of a sequence is information, and carries which one it was."""
    nominal.ground.send("run-sequence", sequence=sequence).done()
    told_event = event(nominal.ground, "sequence-ended", sequence=sequence)
    assert told_event.severity is Severity.INFO
    assert "complete" in told_event.sentence


def test_disabled_event_is_not_told(nominal: RunningBoard, sequence: int, undo: Undo) -> None:
    """Disabled, it is silent and listed as such; enabled, it is told again."""
    undo("enable-event", event="sequence-ended")
    nominal.ground.send("disable-event", event="sequence-ended").done()
    nominal.ground.send("report-disabled-events").done()
    assert "sequence-ended" in str(told(nominal.ground, "disabled-events")["events"])
    nominal.ground.send("run-sequence", sequence=sequence).done()
    no_event(nominal, "sequence-ended", 0.6)
    nominal.ground.send("enable-event", event="sequence-ended").done()
    nominal.ground.send("run-sequence", sequence=sequence).done()
    event(nominal.ground, "sequence-ended")


def test_mode_changes_are_told(nominal: RunningBoard) -> None:
    """Each change of mode names where from, where to and why."""
    nominal.to_safe()
    told_event = event(nominal.ground, "mode-changed", after="SAFE")
    assert told_event.values["why"] == "telecommand"
