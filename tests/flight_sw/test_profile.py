"""Board profiles: the shipped ones load, and every mistake is one line that names its place."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import ProfileError, UserError
from flight_sw.profile import parse_profile

BOARDS = Path(__file__).resolve().parents[2] / "boards"
EMULATED = (BOARDS / "emulated.yaml").read_text("utf-8")


def problem(text: str) -> str:
    """The message that a profile is refused with."""
    with pytest.raises(ProfileError) as error:
        parse_profile(text, "boards/x.yaml")
    return str(error.value)


@pytest.mark.parametrize("path", sorted(BOARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_profile_loads(path: Path) -> None:
    """A profile in the repository is valid and named like its file."""
    assert parse_profile(path.read_text("utf-8"), str(path)).name == path.stem


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("dwell_s:", "dwel_s:", ":22: thermal.dwel_s: unknown key; did you mean `dwell_s`?"),
        ("rail: VDD_5V", "colour: red", "power.colour: unknown key; known keys: rail, "),
        ("  rail: VDD_5V\n", "", ":24: power: object missing required field `rail`"),
        ("baud: 921600", 'baud: "921600"', "serial.baud: expected `int`, got `str`"),
        ("use: bench", "use: no", "use: expected `str`, got `bool`"),
        ("use: bench", "use: orbit", "use: invalid enum value"),
        ("[600, ", "[-600, ", "frequency.levels_mhz[0]: expected `int` >= 1"),
        ("[600, ", "[1200, ", "frequency.levels_mhz: list each level once, slowest first"),
        ("release_c: 74.0", "release_c: 84.0", "need release_c < soft_limit_c < hard_limit_c"),
        ("timeout_s: 1.2", "timeout_s: 0.3", "heartbeat.timeout_s: give at least two periods"),
        ("dwell_s: 1.0", "dwell_s: .nan", "thermal.dwell_s: expected `float`"),
        ("dwell_s: 1.0", "dwell_s: .inf", "thermal.dwell_s: expected `float`"),
        ("dwell_s: 1.0", "dwell_s: 1.0\n  dwell_s: 2.0", ":23: dwell_s: given twice; keep one"),
        ("timeout_s: 10}", "timeout_s: 12:30:00}", "watchdog.timeout_s: expected `int` <= 255"),
        ("name: emulated", "7: emulated", "a key that is no word"),
        ("name: emulated", "name: 2026-13-45", "not valid YAML: month must be in 1..12"),
        ("name: emulated", "name: [", "not valid YAML: line "),
    ],
)
def test_a_mistake_names_its_place(before: str, after: str, says: str) -> None:
    """A wrong profile gives one line with file, field and what to write instead."""
    assert before in EMULATED
    message = problem(EMULATED.replace(before, after, 1))
    assert message.startswith("boards/x.yaml")
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "hello", "[1, 2]", "\x00", "!!python/name:os.system x"])
def test_what_is_no_profile_is_refused(text: str) -> None:
    """An empty file, plain text, a list, binary data and a Python object are no profiles."""
    assert problem(text).startswith("boards/x.yaml: ")


@settings(max_examples=60)
@given(st.text(max_size=80), st.integers(0, len(EMULATED)))
def test_any_text_gives_a_profile_or_one_line(text: str, position: int) -> None:
    """Whatever is typed into a profile, it loads or is refused in words."""
    for candidate in (text, EMULATED[:position] + text + EMULATED[position:]):
        with contextlib.suppress(UserError):
            parse_profile(candidate, "x.yaml")
