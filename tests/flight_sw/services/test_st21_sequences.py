"""ST[21]: stored sequences with delays, conditions and a gate."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.dictionary.pool import POOL_NAMES
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Condition, Step, pack_steps, unpack_steps
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.errors import DecodeError
from flight_sw.mode import Mode
from flight_sw.services.st21_sequences import SequenceService
from flight_sw.space_link.packet import Telecommand


def packet(name="ping", **values):
    command = BY_NAME[name]
    data = command.encode(values)
    return Telecommand(5, 1, command.service, command.subtype, data).pack()


def load(ask, service, *steps, sequence=1, gate="any"):
    packed = pack_steps(list(steps))
    return ask(service, "load-sequence", sequence=sequence, gate=gate, steps=packed)


def run(service, seconds, mode=Mode.NOMINAL, **readings):
    """Seconds at which a step was carried out."""
    return [s for s in range(seconds) if service.due(float(s), mode, readings)]


def ends(service):
    return [event.values["why"] for event in service.take_events()]


steps = st.builds(
    Step,
    delay_s=st.floats(0, 1000, width=32),
    packet=st.just(packet()),
    condition=st.sampled_from(Condition),
    parameter=st.sampled_from(POOL_NAMES),
    value=st.floats(-1e6, 1e6),
)


@given(st.lists(steps, min_size=1, max_size=8))
def test_steps_round_trip(many):
    """What the ground packs, flight unpacks."""
    assert unpack_steps(pack_steps(many)) == many


@given(st.binary(max_size=80))
def test_no_bytes_break_the_steps(data):
    """Anything else is a DecodeError."""
    with contextlib.suppress(DecodeError):
        unpack_steps(data)


def test_steps_run_after_their_delays(ask):
    """Delays count from the step before; the end is told."""
    service = SequenceService()
    load(ask, service, Step(2, packet()), Step(3, packet()), Step(0, packet()))
    assert ask(service, "run-sequence", sequence=1) is None
    assert run(service, 10) == [2, 5, 6]
    assert ends(service) == ["complete"]
    assert service.running == 0


@pytest.mark.parametrize(
    ("condition", "value", "temp", "runs"),
    [
        (Condition.BELOW, 50.0, 40.0, True),
        (Condition.BELOW, 50.0, 50.0, False),
        (Condition.ABOVE, 50.0, 60.0, True),
        (Condition.EQUAL, 1.0, 1.0, True),
        (Condition.ABOVE, 50.0, None, False),
    ],
)
def test_condition_decides_a_step(ask, condition, value, temp, runs):
    """A condition that does not hold, or has no reading, ends the sequence."""
    service = SequenceService()
    load(ask, service, Step(0, packet(), condition, "temp", value), Step(0, packet()))
    ask(service, "run-sequence", sequence=1)
    assert run(service, 5, temp=temp) == ([0, 1] if runs else [])
    assert (ends(service) == ["complete"]) is runs


def test_gate_holds_a_sequence_to_its_modes(ask):
    """A sequence for working modes does not start in SAFE, and ends when SAFE comes."""
    service = SequenceService()
    load(ask, service, Step(0, packet()), Step(2, packet()), gate="working")
    assert ask(service, "run-sequence", sequence=1, mode=Mode.SAFE) is Reason.WRONG_MODE
    ask(service, "run-sequence", sequence=1)
    assert len(service.due(0.0, Mode.NOMINAL, {})) == 1
    assert service.due(2.0, Mode.SAFE, {}) == []
    assert ends(service) == ["not in mode SAFE"]


def test_refused_step_ends_the_sequence(ask):
    """What comes after a refused telecommand is not carried out."""
    service = SequenceService()
    load(ask, service, Step(0, packet()), Step(1, packet()))
    ask(service, "run-sequence", sequence=1)
    service.due(0.0, Mode.NOMINAL, {})
    service.failed(1, Reason.BOARD_AWAY)
    assert run(service, 5) == []
    assert ends(service) == ["refused: BOARD_AWAY"]


def test_sequences_are_stopped_deleted_and_survive(ask, read):
    """Busy while running; a restart keeps the sequence and runs nothing of it."""
    service = SequenceService()
    assert load(ask, service, Step(5, packet())) is None
    assert load(ask, service, Step(5, packet())) is Reason.ALREADY_EXISTS
    ask(service, "run-sequence", sequence=1)
    assert ask(service, "run-sequence", sequence=1) is Reason.BUSY
    assert ask(service, "delete-sequence", sequence=1) is Reason.BUSY
    again = SequenceService()
    again.restore(service.image())
    assert run(again, 10) == []
    ((_, told),) = read(ask(again, "report-sequences"))
    assert (told["steps"], told["running"]) == (1, False)
    assert ask(service, "stop-sequence", sequence=1) is None
    assert ask(service, "delete-sequence", sequence=1) is None
    assert ask(service, "run-sequence", sequence=1) is Reason.NO_SUCH_ENTRY


def test_sequence_that_starts_sequences_is_refused(ask):
    """No sequence calls another, so none runs for ever; critical steps are refused too."""
    service = SequenceService()
    assert load(ask, service, Step(0, packet("run-sequence", sequence=1))) is Reason.NOT_ALLOWED
    critical = ask(
        service,
        "load-sequence",
        sequence=1,
        gate="any",
        steps=pack_steps([Step(0, packet("reset-schedule"))]),
    )
    assert critical is Reason.BAD_ARGUMENT


def test_boot_guard_keeps_sequences_from_starting(ask):
    """A payload that boots again and again leaves them out."""
    service = SequenceService()
    load(ask, service, Step(0, packet()))
    service.started = False
    assert ask(service, "run-sequence", sequence=1) is Reason.NOT_STARTED
