"""ST[19]: an event carries out a telecommand, without a person and without running away."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Step, pack_steps
from hil.rig.running import RunningBoard
from hil.suite.asking import ANY_SOURCE, Undo, event, no_event, packet, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

ACTION, SEQUENCE = 11, 8


@pytest.fixture
def armed(nominal: RunningBoard, undo: Undo) -> RunningBoard:
    """An action on the end of a sequence, which the test can bring about: it reports the time."""
    undo("delete-sequence", sequence=SEQUENCE)
    undo("delete-action", action=ACTION)
    undo("enable-actions")
    steps = pack_steps([Step(0.0, packet(nominal, "ping"))])
    nominal.ground.send("load-sequence", sequence=SEQUENCE, gate="any", steps=steps).done()
    body = packet(nominal, "report-time")
    values = {"action": ACTION, "event": "sequence-ended", "source": SEQUENCE, "packet": body}
    nominal.ground.send("add-action", **values).done()
    return nominal


def test_event_carries_out_its_action(armed: RunningBoard) -> None:
    """The sequence ends, the action runs, the time comes down."""
    armed.ground.send("run-sequence", sequence=SEQUENCE).done()
    event(armed.ground, "action-run", action=ACTION)
    told(armed.ground, "time")


def test_disabled_action_does_nothing(armed: RunningBoard) -> None:
    """Kept but disabled, it does not run."""
    armed.ground.send("disable-action", action=ACTION).done()
    armed.ground.send("run-sequence", sequence=SEQUENCE).done()
    no_event(armed, "action-run", 0.6)


def test_actions_are_switched_as_a_whole(armed: RunningBoard) -> None:
    """With all of them off none runs; on again, it does."""
    armed.ground.send("disable-actions").done()
    armed.ground.send("run-sequence", sequence=SEQUENCE).done()
    no_event(armed, "action-run", 0.6)
    armed.ground.send("enable-actions").done()
    armed.ground.send("run-sequence", sequence=SEQUENCE).done()
    event(armed.ground, "action-run", action=ACTION)


def test_actions_report_their_definition(armed: RunningBoard) -> None:
    """Event, source and telecommand come back as they were given."""
    armed.ground.send("report-actions").done()
    found = told(armed.ground, "action-definition", action=ACTION)
    assert (found["event"], found["source"]) == ("sequence-ended", SEQUENCE)


def test_critical_telecommand_cannot_be_an_action(nominal: RunningBoard) -> None:
    """What needs arming is not carried out by an event."""
    body = packet(nominal, "reset-parameters")
    values = {"action": 12, "event": "too-hot", "source": ANY_SOURCE, "packet": body}
    refused(nominal.ground.send("add-action", **values), Reason.BAD_ARGUMENT)
