"""The payload flies end to end: real processes, a real serial line, a real link, real time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPSSAT = ROOT.parent / "shared" / "data" / "opssat_ad_features.csv"
FLIGHT_LIMIT_S = 150  # a busy machine; a quiet one needs 30


def vanallen(*words, cwd, limit_s=FLIGHT_LIMIT_S):
    """Run the command line as a person does, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hil", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def processes_below(folder):
    """Processes whose command line names the folder: what a run has left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and str(folder).encode() in command:
            found.append(command)
    return found


@pytest.fixture(scope="module")
def first_light(tmp_path_factory):
    """One real flight for all tests of this file: the finished process and its folder."""
    folder = tmp_path_factory.mktemp("flight")
    words = ("run", "--scenario", "first-light", "--seed", "7", "--out", "run", "--json")
    return vanallen(*words, cwd=folder), folder / "run"


@pytest.fixture(scope="module")
def summary(first_light):
    """The summary as the command printed it."""
    done, _ = first_light
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_every_planned_fault_is_handled_and_every_result_equals_its_golden_twin(
    first_light, summary
):
    """Exit code 0 says so, and the figures say why."""
    done, _ = first_light
    faults = summary["faults"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert faults["silent"] == faults["hang"] == faults["dead"] == 0
    assert faults["landed"] == faults["injected"] - faults["void"]
    assert faults["corrected"] > 0
    assert faults["recovered"] >= 4  # double flip, worker crash, worker hang, board hang
    assert summary["golden_match"] is True
    assert all(summary["steps"].values())


def test_every_job_is_answered_and_none_fails(summary):
    """Work goes on through all of it."""
    jobs = summary["jobs"]
    assert jobs["submitted"] == jobs["done"] == jobs["confirmed"] == 132
    assert jobs["failed"] == jobs["unanswered"] == 0


def test_weights_are_proven_live_and_no_telecommand_is_refused(summary):
    """Protection stands on a proof, and the link carries all that was sent."""
    assert summary["live_coverage"] > 0.99
    link = summary["link"]
    assert link["tc_sent"] == link["tc_accepted"] > 132
    assert link["tc_rejected"] == 0


def test_hot_board_is_slowed_ahead_of_its_limit(summary):
    """The look-ahead holds a board that would end at 111 °C below its soft limit, and misses no job."""
    assert 55 <= summary["max_temp_c"] < 80
    assert summary["steps"]["hot board throttled"]
    assert summary["steps"]["board released"]


def test_run_folder_holds_what_is_needed_afterwards(first_light, summary):
    """Summary, log, telemetry, report and keys; the report needs nothing else."""
    _, folder = first_light
    assert json.loads((folder / "summary.json").read_text()) == summary
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert any(line.get("event") == "page-rebuilt" for line in lines)
    assert (folder / "telemetry.sqlite").stat().st_size > 10_000
    page = (folder / "report.html").read_text()
    assert "<svg" in page
    assert "--seed 7" in page
    assert (folder / "keys").stat().st_mode & 0o077 == 0


def test_nothing_of_a_flight_is_left_running(first_light):
    """Emulator, controller, node and worker end with the run."""
    _, folder = first_light
    assert processes_below(folder) == []


@pytest.mark.long
def test_the_same_seed_gives_the_same_outcomes(first_light, summary, tmp_path):
    """Real time differs from run to run; what becomes of the faults does not."""
    words = ("run", "--scenario", "first-light", "--seed", "7", "--out", "run", "--json")
    again = json.loads(vanallen(*words, cwd=tmp_path).stdout)
    assert again["faults"] == summary["faults"]
    assert again["passed"] is summary["passed"] is True


@pytest.mark.long
def test_without_protection_the_rig_sees_silent_errors(tmp_path):
    """A rig that cannot see failure proves nothing."""
    done = vanallen(
        "run", "--scenario", "unprotected", "--seed", "7", "--out", "run", "--json", cwd=tmp_path
    )
    summary = json.loads(done.stdout)
    assert done.returncode == 1
    assert summary["faults"]["silent"] > 0
    assert summary["golden_match"] is False


@pytest.mark.long
@pytest.mark.skipif(not OPSSAT.is_file(), reason="needs the OPSSAT-AD feature table beside us")
def test_telemetry_from_orbit_is_scored_under_radiation(tmp_path):
    """All 529 test rows of OPSSAT-AD go up and come down; the score is that of the model."""
    done = vanallen(
        "run", "--model", "telemetry-anomaly", "--input", OPSSAT, "--out", "run", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["n"] == 529
    assert summary["f1"] >= 0.93
    assert summary["average_precision"] >= 0.97
    assert summary["faults"]["landed"] > 0
