"""The suite that ships: some of it here against the emulated board, all of it in the long tier."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.rig.record import Verdict, read_records
from hil.rig.replay import replay

SUITE = [sys.executable, "-m", "pytest", "-p", "hil.rig.pytest_plugin", "-p", "no:cacheprovider"]
SOME = ("names_its_profile", "are_there_and_protected", "accepted_comes_before", "replayed_tele")
TESTS_MIN = 60
LIMIT_S = 300.0  # of the issue: the whole suite on the emulated board


def run_suite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The suite as a user runs it, away from this project's own settings."""
    return subprocess.run(
        [*SUITE, "-n0", "--pyargs", "hil.suite", "--hil-emulated", *arguments],
        cwd=folder,
        env={**os.environ, "VANALLEN_LEASES": str(folder / "leases")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_some_of_the_suite_passes_and_its_recordings_replay(tmp_path: Path):
    """Identity, models, a service and security: on record with serial number, bytes and values."""
    done = run_suite(tmp_path, "-k", " or ".join(SOME), "--hil-record", "kept")
    assert done.returncode == 0, done.stdout
    records = read_records(tmp_path / "kept")
    assert len(records) == len(SOME)
    assert {one.verdict for one in records} == {Verdict.PASSED}
    (serial,) = {one.board.serial for one in records}
    assert serial
    assert any(one.measurements for one in records)
    for one in records:
        assert one.models["hotspot"]
        recording = tmp_path / "kept" / serial / one.attachments["link"]
        found = replay(recording)
        assert found.bytes_down > 0
        assert found.telecommands > 0
        is_attack = "replayed" in one.test
        assert (found.refused > 0) is is_attack
    page = (tmp_path / "kept" / "report.html").read_text("utf-8")
    assert "<svg" in page  # the board's heat and clock under the tests
    assert serial in page


@pytest.mark.long
def test_the_whole_suite_passes_on_the_emulated_board(tmp_path: Path):
    """Sixty tests or more, none skipped, in five minutes."""
    done = run_suite(tmp_path, "--hil-record", "kept", "--hil-strict")
    assert done.returncode == 0, done.stdout[-4000:]
    records = read_records(tmp_path / "kept")
    assert len(records) >= TESTS_MIN
    assert {one.verdict for one in records} == {Verdict.PASSED}
    assert records[-1].ended_s - records[0].started_s < LIMIT_S
