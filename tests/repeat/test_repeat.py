"""The fast tests come out alike in any order, and the tests of a commit take a bounded time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.figures.scale import REPEATS
from tests.repeat.shuffle import OUTCOMES, SEED

ROOT = Path(__file__).parents[2]
FAST = [
    *(f"tests/flight_sw/{name}" for name in ("space_link", "board_link", "dictionary", "store")),
    *(f"tests/flight_sw/{name}" for name in ("services", "radiation", "resources")),
    *("tests/hil/ground", "tests/figures", "tests/hil/test_kernel.py"),
]
LIMIT_S = 1800


def outcomes(seed, tests, file):
    """How each test came out, in the order of the seed: {(test, phase): outcome}, and that order."""
    plugins = ("-p", "tests.repeat.shuffle", "-p", "no:cacheprovider")
    subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *map(str, tests)],
        cwd=ROOT,
        check=False,
        stdout=subprocess.DEVNULL,
        timeout=LIMIT_S,
        env={**os.environ, "PYTHONPATH": str(ROOT), SEED: str(seed), OUTCOMES: str(file)},
    )
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {(test, phase): outcome for test, phase, outcome in lines}, [line[0] for line in lines]


def test_another_seed_is_another_order_of_the_same_tests(tmp_path):
    """What the long tier repeats is shuffled, nothing is left out, and a failure is seen."""
    text = "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_x(n):\n    assert n\n"
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(text)
    once, order = outcomes(1, [tmp_path], tmp_path / "1")
    again, other = outcomes(2, [tmp_path], tmp_path / "2")
    assert len(order) == 40
    assert once == again
    assert order != other
    assert list(once.values()).count("failed") == 2


@pytest.mark.long
@pytest.mark.figure("F12")
def test_fast_tests_come_out_alike_in_any_order(tmp_path, figure):
    """Twenty orders, no difference; and all of them pass."""
    runs = [outcomes(seed, FAST, tmp_path / str(seed))[0] for seed in range(REPEATS.value)]
    known = {key for run in runs for key in run}
    differing = [key for key in known if len({run.get(key) for run in runs}) > 1]
    figure("F12.repeats", len(runs))
    figure("F12.differences", len(differing))
    assert len(runs[0]) > 500
    assert not differing, sorted(differing)[:5]
    assert "failed" not in runs[0].values()


@pytest.mark.long
@pytest.mark.figure("F14")
def test_the_tests_of_a_commit_take_a_quarter_of_an_hour(figure):
    """`make lint` and `make test`, by the clock of the wall; a busy machine makes it longer."""
    started_s = time.monotonic()
    done = subprocess.run(["make", "lint", "test"], cwd=ROOT, check=False, timeout=2 * LIMIT_S)
    minutes = (time.monotonic() - started_s) / 60
    figure("F14.minutes", minutes)
    assert done.returncode == 0
    assert minutes <= 15
