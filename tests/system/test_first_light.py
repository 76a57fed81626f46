"""The payload flies end to end: real processes, a real serial line, a real link, real time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flight_sw.space_link.keys import parse_keys
from tests.system.leaks import (
    files_with,
    is_loopback,
    key_forms,
    listeners,
    processes_of,
    shown,
)

ROOT = Path(__file__).parents[2]
OPSSAT = ROOT.parent / "shared" / "data" / "opssat_ad_features.csv"
FLIGHT_LIMIT_S = 150  # a busy machine; a quiet one needs 30
LOOK_S = 1.0
UNGOVERNED_C = 118.0


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


@dataclass
class Watched:
    """What was seen of the flight's processes while they ran."""

    addresses: set[str] = field(default_factory=set)
    told: set[bytes] = field(default_factory=set)  # command lines and environments

    def look(self, folder):
        """At every process of the run."""
        for process in processes_of(folder):
            self.addresses |= listeners(process)
            self.told.add(shown(process))


@pytest.fixture(scope="module")
def watched():
    """Filled by the flight."""
    return Watched()


@pytest.fixture(scope="module")
def first_light(tmp_path_factory, watched):
    """One real flight for all tests of this file: the finished process and its folder."""
    folder = tmp_path_factory.mktemp("flight")
    words = ["run", "--scenario", "first-light", "--seed", "7", "--out", "run", "--json"]
    with (folder / "out").open("wb") as out, (folder / "errors").open("wb") as errors:
        flight = subprocess.Popen(
            [sys.executable, "-m", "hil", *words],
            cwd=folder,
            stdout=out,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            code = watch(flight, watched, folder / "run")
        finally:
            flight.kill()
            flight.wait()
    texts = ((folder / name).read_text() for name in ("out", "errors"))
    return subprocess.CompletedProcess(words, code, *texts), folder / "run"


def watch(flight, watched, folder):
    """Look at the processes of a flight until it ends; its exit code."""
    for _ in range(round(FLIGHT_LIMIT_S / LOOK_S)):
        try:
            return flight.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            watched.look(folder)
    pytest.fail(f"the flight does not end within {FLIGHT_LIMIT_S} s")


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


def test_a_hot_board_is_throttled_and_released_by_the_payloads_own_word(first_light, summary):
    """A board left at its top clock would end at 118 °C; heat alone slows it down, long before that."""
    _, folder = first_light
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    told = [one["event"] for one in lines if one.get("event") in ("throttled", "released")]
    assert told[0] == "throttled"
    assert told[-1] == "released"
    # Heat runs 40 times as fast as the software, so a busy machine overshoots; how far a governor lets
    # it go is measured in virtual time (tests/hil/governors).
    assert 78 < summary["max_temp_c"] < UNGOVERNED_C - 10
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
    assert list(processes_of(folder)) == []


def test_no_key_byte_leaves_the_key_file(first_light, watched):
    """A34: not in a report, log, telemetry, stored state, on the terminal, or on a command line."""
    done, folder = first_light
    forms = key_forms(parse_keys((folder / "keys").read_text(), "keys"))
    assert files_with(forms, [folder / "keys"]), "the search finds nothing at all"
    others = [file for file in folder.rglob("*") if file != folder / "keys"]
    assert len(others) > 20
    assert files_with(forms, others) == []
    assert watched.told
    told = b"".join([done.stdout.encode(), done.stderr.encode(), *watched.told])
    assert not [form for form in forms if form in told]


def test_what_a_payload_and_its_ground_must_keep_to_themselves_is_theirs_alone(first_light):
    """Keys, and the counters and stores of controller and ground, are readable by nobody else."""
    _, folder = first_light
    files = [folder / "keys"]
    for who in ("controller", "ground"):
        files += [file for file in (folder / "state" / who).rglob("*") if file.is_file()]
    files.remove(folder / "state/controller/regions.json")  # the memory map, for the rig
    assert len(files) > 8
    assert [str(file) for file in files if file.stat().st_mode & 0o077] == []


def test_nothing_listens_beyond_this_machine(first_light, watched):
    """Of all programs of a flight, every listening socket is on a loopback address."""
    assert watched.addresses, "nobody was seen to listen"
    assert [one for one in watched.addresses if not is_loopback(one)] == []


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
