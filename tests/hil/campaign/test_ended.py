"""A flight that ends before its end still leaves a summary and a report, and both say so."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIMIT_S = 240.0  # a busy machine; a quiet one needs 4
SCENARIO = """
name: long-flight
title: A flight that nobody waits for
duration_s: 3600
time_scale: 20
protection: standard
upsets:
  rate_per_bit_day: 0
  source: none
  acceleration: {weights: 0, voted: 0}
  from_s: 0
  until_s: 0
environment: [{at_s: 0, mount_c: 20}]
"""


@pytest.fixture
def flying(tmp_path, eventually, interruptible):
    """A flight under way, and its folder."""
    (tmp_path / "long.yaml").write_text(SCENARIO)
    words = ("run", "--scenario", "long.yaml", "--model", "telemetry-anomaly", "--out", "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "hil", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    folder = tmp_path / "run"
    try:
        eventually(lambda: says(folder, "The payload answers"), "the first ping", LIMIT_S)
        yield process, folder
    finally:
        with process:  # else its pipes are closed in some other test, and fail that
            process.kill()


def says(folder, words):
    """Whether the flight's log has it."""
    log = folder / "events.jsonl"
    return log.is_file() and words in log.read_text()


def program(name, folder):
    """Process id of a program of this run."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if name in words and any(str(folder) in word for word in words):
            return int(entry.name)
    raise AssertionError(f"no {name} of this run")


def left_behind(folder):
    """The summary and the page."""
    return json.loads((folder / "summary.json").read_text()), (folder / "report.html").read_text()


def test_a_flight_whose_board_dies_says_so(flying):
    """Exit code 1, the reason in one line, in the summary and on the page; nothing is called passed."""
    process, folder = flying
    os.kill(program("emulate", folder), signal.SIGKILL)
    _, errors = process.communicate(timeout=LIMIT_S)
    summary, page = left_behind(folder)
    assert process.returncode == 1
    assert "ended early" in errors
    assert "Traceback" not in errors
    assert summary["passed"] is False
    assert "emulator" in summary["ended_early"]
    assert summary["steps"]["boots into SAFE"] is True
    assert "ended early" in page
    assert "vanallen run" in page


def test_a_flight_that_somebody_interrupts_says_so(flying):
    """Control-C leaves the story so far."""
    process, folder = flying
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT_S)
    summary, page = left_behind(folder)
    assert process.returncode not in (0, 1)
    assert "Traceback" not in errors
    assert summary["ended_early"] == "somebody ended it by a signal"
    assert "first authenticated telecommand answered" in page
