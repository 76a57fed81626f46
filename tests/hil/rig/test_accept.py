"""What a run of a board comes to, and the certificate that is made of it."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

from hil.rig.accept import AcceptOptions, BoardRun
from hil.rig.certificate import Certificate, certify
from hil.rig.children import Child
from hil.rig.infrastructure import ExitCode
from hil.rig.inventory import read_inventory
from hil.rig.record import Attempt, BoardRecord, RunRecord, Verdict, write_record
from hil.rig.suite_process import gravest, verdict_code

START_S = 1_800_000_000.0
PASSED, FAILED, BENCH = Verdict.PASSED, Verdict.FAILED, Verdict.INFRASTRUCTURE


def record(verdict: Verdict, code: int = 0, serial: str = "a1", number: int = 0) -> RunRecord:
    return RunRecord(
        test=f"hil/suite/test_x.py::test_{number}",
        requirement="It works.",
        verdict=verdict,
        detail="" if verdict is PASSED else f"{verdict.value} <here>",
        board=BoardRecord(name="b", serial=serial, profile="emulated", emulated=True, port="pty"),
        versions={"vanallen": "0.1.0"},
        station="bench",
        started_s=START_S + number,
        ended_s=START_S + number + 1,
        attempts=(Attempt(verdict=verdict, code=code),),
        models={"hotspot": "00ff"},
    )


def accept(
    folder: Path, serials: list[str], part: str = ""
) -> tuple[AcceptOptions, list[BoardRun]]:
    """Boards whose one test has passed, with these serial numbers."""
    lines = [f"  b{i}: {{profile: emulated, port: {{pty: auto}}}}" for i in range(len(serials))]
    inventory = folder / "rig.yaml"
    inventory.write_text("\n".join(["boards:", *lines]))
    options = AcceptOptions(
        inventory=inventory,
        entries=read_inventory(inventory),
        folder=folder,
        wait_s=0,
        part=part,
    )
    runs = []
    for entry, serial in zip(options.entries, serials, strict=True):
        own = folder / "boards" / entry.name
        own.mkdir(parents=True)
        found = record(PASSED, serial=serial)
        write_record(own, found)
        with Child([sys.executable, "-c", ""], own / "log") as child:
            run = BoardRun(entry, own, child, START_S, START_S + 9, ExitCode.OK, "", [found])
        runs.append(run)
    return options, runs


@pytest.mark.parametrize(
    ("pytest_code", "records", "code"),
    [
        (0, [(PASSED, 0)], ExitCode.OK),
        (1, [(PASSED, 0), (FAILED, 0)], ExitCode.FAILED),
        (1, [(FAILED, 0), (BENCH, 69)], ExitCode.FAILED),
        (1, [(PASSED, 0), (BENCH, 69)], ExitCode.UNAVAILABLE),
        (1, [(BENCH, 75)], ExitCode.BUSY),
        (1, [(BENCH, 75), (BENCH, 69)], ExitCode.UNAVAILABLE),
        (1, [], ExitCode.FAILED),
        (3, [(PASSED, 0)], ExitCode.INTERNAL),
        (4, [], ExitCode.USAGE),
        (5, [], ExitCode.USAGE),
        (-9, [(PASSED, 0)], ExitCode.INTERNAL),
        (None, [(PASSED, 0)], ExitCode.INTERNAL),
    ],
)
def test_the_exit_code_tells_what_another_try_may_mend(pytest_code, records, code: ExitCode):
    """What failed for sure comes before what the bench spoilt; a run that was ended is ours."""
    assert verdict_code(pytest_code, [record(*one) for one in records]) is code


def test_of_several_boards_the_gravest_code_stands():
    """A failed board is not hidden behind one that was busy."""
    assert gravest([ExitCode.OK, ExitCode.BUSY, ExitCode.FAILED]) is ExitCode.FAILED
    assert gravest([ExitCode.OK, ExitCode.OK]) is ExitCode.OK


def test_each_serial_number_has_its_certificate(tmp_path: Path):
    """With outcome, versions, digests of software, profile, models and records; and its page."""
    options, runs = accept(tmp_path, ["a1", "a2"])
    rows = certify(options, runs)
    assert [(row.serial, row.accepted) for row in rows] == [("a1", True), ("a2", True)]
    one = msgspec.json.decode(
        (tmp_path / "certificates" / "a2.json").read_bytes(), type=Certificate
    )
    assert (one.serial, one.name, one.accepted, one.counts) == ("a2", "b1", True, {"passed": 1})
    assert one.models == {"hotspot": "00ff"}
    assert len(one.software_sha256) == len(one.profile_sha256) == 64
    assert [name.split("/")[-1] for name in one.records] == [
        "hil-suite-test_x.py-test_0.record.json"
    ]
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "2 of 2 accepted" in page
    assert rows[0].sha256 in page
    assert "It works." in (tmp_path / "certificates" / "a1.html").read_text("utf-8")
    assert len(json.loads((tmp_path / "summary.json").read_text())) == 2


def test_two_boards_of_one_serial_number_get_no_certificate(tmp_path: Path):
    """One of the ports shows the other's board: told with both names, code 69, for both."""
    options, runs = accept(tmp_path, ["a1", "a2", "a1"])
    rows = certify(options, runs)
    assert [row.accepted for row in rows] == [False, True, False]
    assert rows[0].note == "serial number a1 answers at b0 and at b2"
    assert rows[2].code == ExitCode.UNAVAILABLE
    assert not (tmp_path / "certificates" / "a1.json").exists()


def test_a_board_that_never_spoke_has_no_certificate(tmp_path: Path):
    """Its row says why."""
    options, runs = accept(tmp_path, [""])
    runs[0].code, runs[0].note = ExitCode.UNAVAILABLE, "board b0: nobody answers"
    (row,) = certify(options, runs)
    assert (row.accepted, row.certificate) == (False, "")
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "nobody answers" in page
    assert "not told" in page


def test_a_part_of_the_suite_accepts_nothing(tmp_path: Path):
    """Whoever tries one test has not accepted the board, and the page says so."""
    options, runs = accept(tmp_path, ["a1"], part="ping")
    (row,) = certify(options, runs)
    assert not row.accepted
    page = (tmp_path / "certificates" / "a1.html").read_text("utf-8")
    assert "Only a part of the suite ran (-k ping)" in page


def test_limits_grow_with_emulated_boards_per_core(tmp_path: Path, monkeypatch):
    """Eight on two cores wait twice as long; real boards need nothing of this machine."""
    options, _ = accept(tmp_path, [f"a{i}" for i in range(8)])
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert options.scale == 2.0
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert options.scale == 1.0
