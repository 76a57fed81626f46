"""What every test may use."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import settings

# A busy computer is no defect: what must be fast is measured by the benches.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

T = TypeVar("T")
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
