"""The packages that may not fail: every branch is taken by a test, and every type is right (F8)."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.branches.__main__ import FOLDERS, GOAL_PERCENT, PYTEST, ROOT, TESTS, coverage

pytestmark = [pytest.mark.long, pytest.mark.figure("F8")]


def percent_of(files, folder):
    """Lines and branches taken, of all in a folder, in percent."""
    counts = Counter()
    for name, found in files.items():
        if name.startswith(f"{folder}/"):
            counts.update(found["summary"])
    taken = counts["covered_lines"] + counts["covered_branches"]
    return 100 * taken / (counts["num_statements"] + counts["num_branches"])


def test_every_branch_is_taken(tmp_path, figure):
    """Of the five packages, the lowest."""
    data, told = f"--data-file={tmp_path}/coverage", tmp_path / "coverage.json"
    sources = f"--source={','.join(FOLDERS)}"
    assert coverage("run", "--branch", data, sources, "-m", "pytest", *PYTEST, *TESTS) == 0
    assert coverage("json", data, "-o", str(told)) == 0
    files = json.loads(told.read_text())["files"]
    percents = {folder: percent_of(files, folder) for folder in FOLDERS}
    figure("F8.branch_percent", min(percents.values()))
    assert min(percents.values()) >= GOAL_PERCENT, percents


def test_every_type_is_right(figure):
    """mypy --strict, as the project's settings ask for."""
    words = [sys.executable, "-m", "mypy"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    findings = [line for line in done.stdout.splitlines() if ": error:" in line]
    figure("F8.mypy", len(findings))
    assert done.returncode == 0, findings[:5]
