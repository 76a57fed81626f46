"""A campaign that is killed goes on where it was, and its table is that of an unbroken run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FAULTS = 400
WAIT_S = 120.0


def start(out: Path, *more: str) -> subprocess.Popen[bytes]:
    """`vanallen campaign run` in a session of its own."""
    command = [
        sys.executable,
        "-m",
        "hil",
        "campaign",
        "run",
        "--fault",
        "store",
        "--n",
        str(FAULTS),
    ]
    command += ["--workers", "1", "--out", str(out), *more]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def kill_after(process: subprocess.Popen[bytes], out: Path, shards: int) -> None:
    """SIGKILL once so many shards are there."""
    until_s = time.monotonic() + WAIT_S
    while len(list((out / "shards").glob("*.json"))) < shards and process.poll() is None:
        assert time.monotonic() < until_s
        os.sched_yield()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.long
def test_killed_twice_the_table_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    """SIGKILL after two shards and after five: nothing lost, nothing counted twice."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    kill_after(start(killed), killed, 2)
    kill_after(start(killed, "--resume"), killed, 5)
    for process in (start(killed, "--resume"), start(whole)):
        _, error = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, error
    assert (whole / "table.json").read_bytes() == (killed / "table.json").read_bytes()


def test_a_mistake_is_one_line_and_exit_code_2() -> None:
    """No traceback, no folder, the remedy in the line."""
    command = [sys.executable, "-m", "hil", "campaign", "run", "--fault", "muon"]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=WAIT_S)
    assert ended.returncode == 2
    assert b"'muon' is not known; one of: " in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert ended.stderr.count(b"\n") == 1
