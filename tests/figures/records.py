"""Figures as tests measure them: one JSON line each, in the file that VANALLEN_FIGURES names.

Without that variable nothing is written, so that a plain `pytest` leaves no trace. A line is appended
in one write, so that tests in several processes may share the file.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.figures.goals import BY_KEY

VARIABLE = "VANALLEN_FIGURES"


@dataclass(frozen=True, slots=True)
class Record:
    """One value of one part, measured by `test`; `passed` is the outcome of that test."""

    key: str
    value: float
    label: str
    test: str
    passed: bool


class UnknownFigure(ValueError):
    """No part has this key."""


def checked(key: str) -> str:
    """The key, if there is such a part; UnknownFigure names those that there are."""
    if key not in BY_KEY:
        of_figure = [k for k in BY_KEY if k.partition(".")[0] == key.partition(".")[0]]
        raise UnknownFigure(f"{key}: not a figure; known: {', '.join(of_figure or BY_KEY)}")
    return key


def append(records: Iterable[Record]) -> None:
    """Write records to the file of this run, if there is one."""
    file = os.environ.get(VARIABLE)
    lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    if not file or not lines:
        return
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, lines)
    finally:
        os.close(fd)


def load(path: Path) -> list[Record]:
    """All records of a run; none if it recorded nothing."""
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Record) for line in lines]
