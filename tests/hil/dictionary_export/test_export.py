"""The dictionary in other forms: complete, valid, and the one declaration behind them all."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_sw.dictionary.events import EVENTS
from flight_sw.dictionary.telecommands import COMMANDS
from flight_sw.dictionary.telemetry import HOUSEKEEPING, REPORTS
from flight_sw.errors import UserError
from hil.dictionary_export.command import dictionary_app
from hil.dictionary_export.export import FORMATS, export
from hil.dictionary_export.layouts import layouts


def test_every_packet_has_a_layout() -> None:
    """Each structure, event and report appears once, and no two can be mistaken for each other."""
    found = layouts()
    assert len(found) == len(HOUSEKEEPING) + len(EVENTS) + len(REPORTS)
    codes = {(item.service, item.subtype, item.key and item.key.value) for item in found}
    assert len(codes) == len(found)


def test_json_names_everything() -> None:
    """The JSON form has every telecommand and every field with its range."""
    content = json.loads(export("json"))
    assert [entry["name"] for entry in content["telecommands"]] == [c.name for c in COMMANDS]
    period = next(
        argument
        for entry in content["telecommands"]
        if entry["name"] == "set-housekeeping-period"
        for argument in entry["arguments"]
        if argument["name"] == "period"
    )
    assert (period["minimum"], period["maximum"], period["unit"]) == (0.1, 3600, "s")
    assert len(content["telemetry"]) == len(layouts())


def test_the_manual_page_names_everything() -> None:
    """Every telecommand, event and packet has its line in the manual page."""
    page = export("md")
    for name in [c.name for c in COMMANDS] + [e.name for e in EVENTS] + [r.name for r in REPORTS]:
        assert name in page


def test_openc3_declares_every_packet() -> None:
    """One definition for each packet up and down, with ids that tell them apart."""
    lines = export("openc3").splitlines()
    assert sum(line.startswith("TELEMETRY ") for line in lines) == len(layouts())
    assert sum(line.startswith("COMMAND ") for line in lines) == len(COMMANDS)


def test_openc3_names_are_single_words() -> None:
    """A choice of several words is one name, or OpenC3 takes its end for a value."""
    states = [
        line.split() for line in export("openc3").splitlines() if line.startswith("    STATE")
    ]
    assert len(states) > 100
    assert all(len(words) == 3 and words[2].isdecimal() for words in states)


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    """`vanallen dictionary export` writes what `export` gives, and says how much."""
    out = tmp_path / "dictionary.xml"
    asked = ["export", "--format", "xtce", "--out", str(out)]
    shown = CliRunner().invoke(dictionary_app, asked)
    assert shown.exit_code == 0, shown.output
    assert out.read_text() == export("xtce")


def test_an_unknown_form_is_a_mistake_of_the_user() -> None:
    """The error names the forms there are."""
    with pytest.raises(UserError, match="xtce, json, md, openc3"):
        export("pdf")
    assert list(FORMATS) == ["xtce", "json", "md", "openc3"]
