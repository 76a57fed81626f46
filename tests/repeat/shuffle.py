"""A pytest plugin: the tests in an order drawn from a seed, each outcome as one line of a file.

    VANALLEN_SHUFFLE=7 VANALLEN_OUTCOMES=out.jsonl pytest -p tests.repeat.shuffle …

Files change places, and tests within a file; a file's tests stay together, for they share fixtures.
"""

import json
import os
import random
from pathlib import Path

import pytest

SEED, OUTCOMES = "VANALLEN_SHUFFLE", "VANALLEN_OUTCOMES"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Draw the order."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    chance = random.Random(int(os.environ[SEED]))
    order = list(files.values())
    chance.shuffle(order)
    for tests in order:
        chance.shuffle(tests)
    items[:] = [item for tests in order for item in tests]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test came out; one that fails before or after its call is noted too."""
    if report.when == "call" or not report.passed:
        line = json.dumps([report.nodeid, report.when, report.outcome])
        with Path(os.environ[OUTCOMES]).open("a") as file:
            file.write(line + "\n")
