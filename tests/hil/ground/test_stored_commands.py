"""What people write for later is what the payload is told, or one line that says what is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.dictionary.stored import Condition, unpack_steps
from flight_sw.errors import UserError
from flight_sw.space_link.packet import Telecommand
from hil.ground.stored_commands import At, entry_values, packet_of, parse_time, sequence_values
from tests.flight_sw.stack import Stack

APID = 100
NOW_S = 1_790_000_000.0
SEQUENCE = """
gate: any
steps:
  - {send: set-parameter parameter=event_rate value=33}
  - {after_s: 1.5, send: ping, when: clock_mhz > -1}
"""


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("+90", NOW_S + 90),
        ("+90s", NOW_S + 90),
        ("+1.5m", NOW_S + 90),
        ("+2h", NOW_S + 7200),
        ("1800000000.5", 1_800_000_000.5),
        ("2026-11-21T12:00:00Z", 1_795_262_400.0),
        ("2026-11-21T13:00:00+01:00", 1_795_262_400.0),
    ],
)
def test_times_as_people_write_them(text: str, time_s: float) -> None:
    """From now, by the clock with its zone, or in seconds."""
    assert parse_time(text, NOW_S) == time_s


@pytest.mark.parametrize("text", ["soon", "+5x", "-5", "2026-11-21T12:00:00", ""])
def test_other_times_are_told(text: str) -> None:
    """A time without a zone, or none, is a user's mistake with the remedy; -5 is long ago."""
    if text == "-5":
        assert parse_time(text, NOW_S) == -5
        return
    with pytest.raises(UserError, match="--at"):
        parse_time(text, NOW_S)


@given(st.floats(0, 4e9), st.integers(0, 254))
def test_the_same_telecommand_at_the_same_time_is_the_same_entry(time_s: float, group: int) -> None:
    """Sent twice it is refused the second time, and runs once."""
    first, second = (entry_values(["ping"], At(time_s, None, group), APID) for _ in range(2))
    assert first == second
    assert first["entry"] != entry_values(["ping"], At(time_s + 1, None, group), APID)["entry"]


@pytest.mark.parametrize("words", [["reset-parameters"], ["arm"], [], ["pingg"], ["ping", "a=1"]])
def test_what_may_not_be_kept_is_told_at_the_desk(words: list[str]) -> None:
    """Critical, unknown and wrong telecommands never leave."""
    with pytest.raises(UserError):
        packet_of(words, APID)


def test_a_sequence_file_becomes_its_steps(tmp_path: Path) -> None:
    """Delays, conditions and gate as written."""
    path = tmp_path / "s.yaml"
    path.write_text(SEQUENCE.replace("clock_mhz", "temp"))
    values = sequence_values(path, 2, APID)
    steps = unpack_steps(bytes(values["steps"]))  # type: ignore[arg-type]
    assert (values["sequence"], values["gate"], len(steps)) == (2, "any", 2)
    assert (steps[1].delay_s, steps[1].condition) == (1.5, Condition.ABOVE)
    assert (steps[1].parameter, steps[1].value) == ("temp", -1.0)
    assert Telecommand.unpack(steps[0].packet).service == 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps: []", "steps"),
        ("gate: never\nsteps: [{send: ping}]", "gate"),
        ("steps: [{send: pingg}]", r"steps\[0\]: .*ping"),
        ("steps: [{send: ping}, {send: reset-parameters}]", r"steps\[1\]"),
        ("steps: [{send: ping, when: hot}]", "NAME < NUMBER"),
        ("steps: [{send: ping, when: tmp < 3}]", "temp"),
        ("steps: [{send: ping, after_s: -1}]", "after_s"),
        ("steps: [{send: 'ping \"'}]", r"steps\[0\]"),
    ],
)
def test_a_mistake_in_a_sequence_file_is_told(tmp_path: Path, text: str, says: str) -> None:
    """With the place and the remedy."""
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        sequence_values(path, 1, APID)


def test_the_payload_carries_out_what_was_built(tmp_path: Path) -> None:
    """An entry runs at its time, and a sequence step by step."""
    stack = Stack()
    stack.run(0.5)
    apid = stack.profile.spacecraft.apid
    stack.send("enable-schedule")
    stack.send("insert-entry", **entry_values(["ping"], At(stack.clock_s + 3), apid))
    stack.run(2.5)
    assert stack.told("alive") == []
    stack.run(1.0)
    assert len(stack.told("alive")) == 1
    path = tmp_path / "s.yaml"
    path.write_text(
        "steps: [{send: report-parameter parameter=event_rate},{after_s: 1, send: ping}]"
    )
    stack.send("load-sequence", **sequence_values(path, 1, apid))
    stack.send("run-sequence", sequence=1)
    stack.run(0.5)
    assert len(stack.told("parameter")) == 1
    assert len(stack.told("alive")) == 1
    stack.run(1.0)
    assert len(stack.told("alive")) == 2
