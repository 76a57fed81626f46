"""Records are kept by board and test, and the page made of them needs nothing else."""

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from flight_sw.errors import UserError
from hil.rig.inventory import emulated_entry
from hil.rig.measurement import Measurement, Measures
from hil.rig.observed import Observed
from hil.rig.record import (
    Attempt,
    BoardRecord,
    RunRecord,
    Verdict,
    read_records,
    slug,
    write_record,
)
from hil.rig.run_report import boards_of, write_run_report
from hil.rig.running import BoardIdentity

START_S = 1_800_000_000.0


def record(name: str, board: str = "pi-1", serial: str = "a1", **changes: object) -> RunRecord:
    """One test that passed, unless changed."""
    number = sum(name.encode()) % 50
    one = RunRecord(
        test=f"hil/suite/test_link.py::{name}[{board}]",
        requirement=f"What {name} requires.",
        verdict=Verdict.PASSED,
        detail="",
        board=BoardRecord(
            name=board, serial=serial, profile="raspberry-pi-4", emulated=False, port="/dev/x"
        ),
        versions={"vanallen": "0.1.0", "git": "abc"},
        station="bench",
        started_s=START_S + number,
        ended_s=START_S + number + 1,
        attempts=(Attempt(verdict=Verdict.PASSED),),
    )
    return msgspec.structs.replace(one, **changes)


class _Page(HTMLParser):
    """What a page loads from elsewhere, and its visible words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(f"{tag} {named.get('src') or named.get('href')}")

    def handle_data(self, data: str) -> None:
        self.words += data


def test_records_come_back_as_written(tmp_path: Path):
    """Sorted by time, below one folder for each serial number."""
    late, early = record("b" * 9), record("a")
    for one in (late, early):
        write_record(tmp_path, one)
    assert read_records(tmp_path) == sorted((late, early), key=lambda one: one.started_s)
    assert {path.parent.name for path in tmp_path.rglob("*.record.json")} == {"a1"}


def test_a_second_attempt_takes_the_place_of_the_first(tmp_path: Path):
    """Also where the board had not yet said its serial number: one record, with both attempts."""
    entry, observed = emulated_entry(), Observed()
    for verdict in (Verdict.INFRASTRUCTURE, Verdict.PASSED):
        observed.attempts.append(Attempt(verdict=verdict))
        observed.end("test_x", "It works.", entry, Measures())
        observed.write(tmp_path)
        observed.running = SimpleNamespace(
            identity=BoardIdentity("emulated", "a1", 1),
            stack=SimpleNamespace(logs={}),
            models={},
            listen=lambda _: 0,
        )
    (kept,) = read_records(tmp_path)
    assert (kept.board.serial, kept.verdict) == ("a1", Verdict.PASSED)
    assert [one.verdict for one in kept.attempts] == [Verdict.INFRASTRUCTURE, Verdict.PASSED]


def test_a_damaged_record_is_named(tmp_path: Path):
    """No report is made as if it had not been there."""
    path = write_record(tmp_path, record("a"))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match=re.escape(path.name)):
        read_records(tmp_path)


def test_a_test_name_makes_a_safe_file_name():
    """No path separator, no surprise, and the end that says most is kept."""
    name = slug("a/" * 200 + "test_x[pi5-01 ü]")
    assert "/" not in name
    assert name.endswith("test_x-pi5-01")


def test_a_board_passes_only_if_something_passed_and_nothing_spoke_against_it():
    """A run that skipped everything has shown nothing."""
    for verdicts, passed in (
        ([Verdict.PASSED, Verdict.SKIPPED, Verdict.QUARANTINED], True),
        ([Verdict.SKIPPED], False),
        ([Verdict.PASSED, Verdict.FAILED], False),
        ([Verdict.PASSED, Verdict.INFRASTRUCTURE], False),
    ):
        records = [record(str(i), verdict=verdict) for i, verdict in enumerate(verdicts)]
        assert boards_of(records)[0].passed is passed


def test_the_page_holds_everything_and_loads_nothing(tmp_path: Path):
    """Outcome, requirement, measurement, both attempts, console and plot; text is escaped."""
    attempts = (
        Attempt(verdict=Verdict.INFRASTRUCTURE, detail="the line hung up"),
        Attempt(verdict=Verdict.FAILED, detail="<b>late</b>"),
    )
    measured = (
        Measurement(name="ping", unit="ms", high=100.0, value=97.0),
        Measurement(name="version", value="0.1", expected="0.1"),
    )
    write_record(
        tmp_path,
        record(
            "a",
            verdict=Verdict.FAILED,
            detail="<b>late</b>",
            attempts=attempts,
            measurements=measured,
            outcomes=("marginal", "pass"),
            console="--- controller ---\nsafe & sound",
        ),
    )
    write_record(tmp_path, record("b", board="pi-2", serial=""))
    text = write_run_report(tmp_path).read_text("utf-8")
    page = _Page(text)
    assert page.loads == []
    for words in (
        "not passed",
        "What a requires.",
        "<b>late</b>",
        "attempt 1: infrastructure",
        "marginal",
        "safe & sound",
        "serial number a1",
        "not told",
    ):
        assert words in page.words, words
    assert text.count("<svg") == 1  # one measurement has an upper limit; no telemetry, no timeline
