"""What every test may use."""

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from tests.figures import records

# A busy computer is no defect: what must be fast is measured by the benches.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

T = TypeVar("T")
PASSED = pytest.StashKey[bool]()
DEADLINE_S = 10.0
LOOK_AGAIN_S = 0.005


@pytest.fixture
def eventually() -> Callable[..., object]:
    """Wait until a condition holds and return its value; fail, saying what was awaited, if late.

    The pause between two looks is not a guess about how long something takes: only the deadline
    decides, and it is far off.
    """

    def wait(condition: Callable[[], T], what: str, within_s: float = DEADLINE_S) -> T:
        end = time.monotonic() + within_s
        while not (value := condition()):
            if time.monotonic() > end:
                pytest.fail(f"not within {within_s} s: {what}")
            time.sleep(LOOK_AGAIN_S)
        return value

    return wait


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `-k F09` find the tests behind a figure; two digits, or F1 would find F10 too."""
    for item in items:
        for mark in item.iter_markers("figure"):
            item.extra_keyword_matches.update(f"F{int(name[1:]):02d}" for name in mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Remember how the test came out, for the figures that it recorded."""
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Generator[Callable[..., None], None, None]:
    """Record a number behind one of F1 to F14: `figure("F9.executed", 0)`; see tests/README.md.

    The test must carry `@pytest.mark.figure("F9")`. `label` keeps classes apart (F4).
    """
    marked = {name for mark in request.node.iter_markers("figure") for name in mark.args}
    taken: list[tuple[str, float, str]] = []

    def take(key: str, value: float, label: str = "") -> None:
        name = records.checked(key).partition(".")[0]
        if name not in marked:
            pytest.fail(f'{key}: mark this test with @pytest.mark.figure("{name}")')
        taken.append((key, float(value), label))

    yield take
    passed = request.node.stash.get(PASSED, False)
    records.append(records.Record(k, v, n, request.node.nodeid, passed) for k, v, n in taken)
