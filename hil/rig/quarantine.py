"""Tests that are known to fail on some boards, with a reason: reported, and not allowed to fail the run.

    quarantine:
      - tests: "test_throttling.py::.*"
        boards: ["pi5-.*"]
        reason: fan controller of shelf B is broken
        issue: https://example.org/issues/12

A verify mode runs just these, and their outcome counts: what passes there can be let out.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flight_sw.errors import ProfileError
from flight_sw.profile import Section, line_of, section_problems
from hil.rig.inventory import InventoryError

Words = tuple[str, ...]


class Case(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Tests (a pattern found in the test's id) on boards (patterns of whole names)."""

    tests: str
    boards: Words = (".*",)
    reason: str
    issue: str = ""


class QuarantineFile(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    quarantine: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Every known case."""

    cases: tuple[Case, ...] = ()

    def why(self, test: str, board: str) -> str | None:
        """Why this test may fail on this board, or None."""
        for case in self.cases:
            on_board = any(re.fullmatch(pattern, board) for pattern in case.boards)
            if on_board and re.search(case.tests, test):
                return f"{case.reason} ({case.issue})" if case.issue else case.reason
        return None


def read_quarantine(path: Path) -> Quarantine:
    """The cases of a file.

    Raises:
        InventoryError: with every problem as `file:line: field: what`.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ProfileError(f"{path}: cannot read the quarantine file: {reason}") from error
    data, found = section_problems(text, str(path), QuarantineFile)
    if not found:
        cases = msgspec.convert(data, QuarantineFile, strict=True).quarantine
        found = [
            problem for index, case in enumerate(cases) for problem in _look(index, case, text)
        ]
        found = [f"{path}:{problem}" for problem in found]
    if found:
        raise InventoryError(found)
    return Quarantine(cases)


def _look(index: int, case: Case, text: str) -> list[str]:
    found = []
    line = line_of(text, ["quarantine", f"[{index}]"])
    if not case.reason.strip():
        found.append(f"{line}: quarantine[{index}].reason: say why, or let the test out")
    for name, patterns in (("tests", (case.tests,)), ("boards", case.boards)):
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                found.append(f"{line}: quarantine[{index}].{name}: {pattern}: {error}")
    return found
