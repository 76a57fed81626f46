"""ST[21]: stored sequences run their steps in time, stop on command, and on a condition."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Condition, Step, pack_steps
from hil.ground.reports import Alive
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, event, packet, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

SEQUENCE = 5


@pytest.fixture
def load(nominal: RunningBoard, undo: Undo):
    """Store a sequence of steps; it is stopped and deleted at the end."""
    undo("delete-sequence", sequence=SEQUENCE)
    undo("stop-sequence", sequence=SEQUENCE)

    def put(*steps: Step) -> None:
        data = pack_steps(list(steps))
        nominal.ground.send("load-sequence", sequence=SEQUENCE, gate="any", steps=data).done()

    return put


def test_steps_run_in_their_time(nominal: RunningBoard, load, measure: Measures) -> None:
    """Two pings, the second half a second after the first."""
    body = packet(nominal, "ping")
    load(Step(0.0, body), Step(0.5, body))
    nominal.ground.send("run-sequence", sequence=SEQUENCE).done()
    first = nominal.ground.expect(Alive).time
    second = nominal.ground.expect(Alive).time
    measure("step_delay", second - first, "s", low=0.45, high=0.5 + nominal.within(0.3))
    assert event(nominal.ground, "sequence-ended", sequence=SEQUENCE).values["steps"] == 2


def test_running_sequence_is_stopped(nominal: RunningBoard, load) -> None:
    """A step that waits a minute does not run after a stop."""
    load(Step(60.0, packet(nominal, "ping")))
    nominal.ground.send("run-sequence", sequence=SEQUENCE).done()
    nominal.ground.send("report-sequences").done()
    assert told(nominal.ground, "sequence-state", sequence=SEQUENCE)["running"]
    nominal.ground.send("stop-sequence", sequence=SEQUENCE).done()
    assert event(nominal.ground, "sequence-ended").values["why"] == "stopped"


def test_condition_that_does_not_hold_ends_it(nominal: RunningBoard, load) -> None:
    """A step that wants more boots than there were ends the sequence before it."""
    body = packet(nominal, "ping")
    load(Step(0.0, body, Condition.ABOVE, "boots", 1e6))
    nominal.ground.send("run-sequence", sequence=SEQUENCE).done()
    ended = event(nominal.ground, "sequence-ended", sequence=SEQUENCE)
    assert ended.values["steps"] == 0
    assert "condition" in ended.values["why"]


def test_sequence_that_is_not_there_is_refused(nominal: RunningBoard) -> None:
    """Nothing runs under a number that holds nothing."""
    refused(nominal.ground.send("run-sequence", sequence=6), Reason.NO_SUCH_ENTRY)


def test_stored_sequence_is_not_overwritten(nominal: RunningBoard, load) -> None:
    """A number that is taken refuses another sequence."""
    body = packet(nominal, "ping")
    load(Step(1.0, body))
    again = nominal.ground.send(
        "load-sequence", sequence=SEQUENCE, gate="any", steps=pack_steps([Step(2.0, body)])
    )
    refused(again, Reason.ALREADY_EXISTS)
