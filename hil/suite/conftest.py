"""Fixtures of the suite: the payload at work or in SAFE, and what a test leaves behind taken back."""

from collections.abc import Iterator

import pytest

from flight_sw.dictionary.field import Value
from hil.ground.request import GroundError
from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, fire
from hil.suite.jobs import Jobs


@pytest.fixture
def nominal(rig: RunningBoard) -> RunningBoard:
    """The board, at work: NOMINAL, models loaded, nothing heard yet."""
    rig.to_nominal()
    rig.ground.forget()
    return rig


@pytest.fixture
def safe(rig: RunningBoard) -> RunningBoard:
    """The payload in SAFE, its board off."""
    rig.to_safe()
    rig.ground.forget()
    return rig


@pytest.fixture
def undo(rig: RunningBoard) -> Iterator[Undo]:
    """Call it with a telecommand that takes back what the test is about to do; last in, first out."""
    waiting: list[tuple[str, bool, dict[str, Value]]] = []

    def later(name: str, *, critical: bool = False, **values: Value) -> None:
        waiting.append((name, critical, values))

    yield later
    for name, critical, values in reversed(waiting):
        try:
            if critical:
                fire(rig.ground, name, **values)
            else:
                rig.ground.send(name, **values).done()
        except GroundError:
            pass  # the test has done it already, or has failed before


@pytest.fixture
def jobs(nominal: RunningBoard) -> Jobs:
    """Jobs with inputs of the shipped models, and their golden answers."""
    return Jobs(nominal)
