"""One seed, one flight: two processes that hash differently fly the same trace; one line repeats it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures.scale import SEEDS

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("fly_seeds.py")
LIMIT_S = 4 * 3600


def start(first: int, count: int, hash_seed: int) -> subprocess.Popen[str]:
    """Fly these seeds in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(first), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)},
    )


def flown(process: subprocess.Popen[str]) -> list[dict]:
    """What it flew, in order of the seeds."""
    out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.figure("F1")
@pytest.mark.parametrize(
    ("first", "count"), [(1, 20), pytest.param(1000, SEEDS.value, marks=pytest.mark.long)]
)
def test_each_seed_flown_twice_is_one_trace(first, count, figure):
    """Every byte on both links, with its time, whatever order the sets of a process have."""
    both = [start(first, count, hash_seed) for hash_seed in (1, 2)]
    once, again = (flown(process) for process in both)
    differing = [a["again"] for a, b in zip(once, again, strict=True) if a["trace"] != b["trace"]]
    figure("F1.seeds", len(once))
    figure("F1.differing", len(differing))
    assert len(once) == count
    assert not differing, "fly it again: " + differing[0]
    assert sum(line["landed"] for line in once) > count, "nothing happened in these flights"
    assert sum(line["jobs"] for line in once) > count


def test_the_printed_line_flies_the_same_flight_again(tmp_path):
    """Copied from the report into a shell, it gives the same trace, to the last digit of each option."""
    (line,) = flown(start(7, 1, 3))
    words = shlex.split(line["again"], comments=True)  # it ends with the commit
    assert words[0] == "vanallen"
    done = subprocess.run(
        [sys.executable, "-m", "hil", *words[1:], "--out", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trace_hash"] == line["trace"]
