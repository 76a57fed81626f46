"""A board of another processor is its own golden twin, as long as nothing has harmed it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flight_sw.inference.worker_messages import TensorSpec
from hil.campaign.trials.own_answers import own_answers
from hil.ground.reports import Result
from hil.rig.infrastructure import BoardUnavailable

OUTPUTS = (TensorSpec("y", "float32", (2,)),)


class Twin:
    """Answers on this machine."""

    description = SimpleNamespace(outputs=OUTPUTS)

    def answer(self, data: bytes) -> bytes:
        """One and two, whatever the input."""
        return floats(1.0, 2.0)


class Board:
    """Answers as scripted; its ground is itself."""

    def __init__(self, answers: list[bytes]) -> None:
        self.ground, self.answers = self, answers
        self.asked: list[bytes] = []
        self.protections: set[str] = set()

    def to_nominal(self) -> None:
        """Works already."""

    def next_job(self) -> int:
        """Numbers from 1."""
        return len(self.asked) + 1

    def within(self, seconds: float) -> float:
        """As given."""
        return seconds

    def model(self, _: str) -> SimpleNamespace:
        """In slot 1."""
        return SimpleNamespace(slot=1)

    def send(self, name: str, **values: Any) -> None:
        """Take a job."""
        assert name == "submit-job"
        self.asked.append(values["input"])
        self.protections.add(values["protection"])

    def expect(self, kind: type, where: Callable[[Any], bool], within_s: float) -> Any:
        """The answer of the last job, or that it is confirmed."""
        told = SimpleNamespace(job=len(self.asked), output=b"")
        assert where(told)
        assert within_s > 0
        if kind is Result:
            told.output = self.answers[(len(self.asked) - 1) % len(self.answers)]
        return told


def floats(*values: float) -> bytes:
    """As a tensor's bytes."""
    return np.array(values, np.float32).tobytes()


def test_the_boards_own_bits_are_golden() -> None:
    """Each input is asked twice under protection; the last bits are the board's and not the twin's."""
    own = floats(1.0, np.nextafter(np.float32(2.0), np.float32(3.0)))
    board = Board([own])
    assert own_answers(board, "m", [b"a", b"b"], Twin()) == {b"a": own, b"b": own}
    assert board.asked == [b"a", b"a", b"b", b"b"]
    assert board.protections == {"standard"}


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([floats(1.0, 2.0), floats(1.0, 2.0000002)], "two answers"),
        ([floats(1.0, 2.1)], "not the twin's"),
        ([floats(1.0)], "not the twin's"),
    ],
)
def test_a_board_that_is_not_sound_is_no_twin(answers: list[bytes], why: str) -> None:
    """Two answers to one input, or another model's: no campaign begins."""
    with pytest.raises(BoardUnavailable, match=why):
        own_answers(Board(answers), "m", [b"a"], Twin())
