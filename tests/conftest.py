"""What every test may use."""

import os
import signal
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

import flight_sw  # noqa: F401  before any test loads onnxruntime, which is silent then
from tests.figures import records
from tests.repeat.shuffle import SEED

# A busy computer is no defect: what must be fast is measured by the benches. The first text that
# Hypothesis draws in a fresh checkout costs it its Unicode tables, which alone can be "too slow".
# A commit is judged by the same data each time; the long tier's orders (F12) search on by chance.
settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=SEED not in os.environ,
)
settings.load_profile("unhurried")

T = TypeVar("T")
PASSED = pytest.StashKey[bool]()
DEADLINE_S = 60.0  # for a machine that is busy with something else
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


@pytest.fixture
def interruptible() -> Generator[None, None, None]:
    """Programs that the test starts obey ^C; they inherit it if a shell's background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
