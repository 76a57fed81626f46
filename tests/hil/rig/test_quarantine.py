"""Quarantine: which tests may fail on which boards, each with its reason."""

from pathlib import Path

import pytest

from flight_sw.errors import UserError
from hil.rig.quarantine import read_quarantine

GOOD = """\
quarantine:
  - tests: "test_throttling.py::.*hot"
    boards: ["pi5-.*"]
    reason: fan of shelf B is broken
    issue: https://example.org/12
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "known.yaml"
    path.write_text(text)
    return path


def test_a_case_holds_for_its_tests_on_its_boards(tmp_path: Path):
    """The reason is told with the issue; other boards and tests are not excused."""
    known = read_quarantine(written(tmp_path, GOOD))
    test = "hil/suite/test_throttling.py::test_hot_mount[pi5-01]"
    assert known.why(test, "pi5-01") == "fan of shelf B is broken (https://example.org/12)"
    assert known.why(test, "pi4-01") is None
    assert known.why("hil/suite/test_link.py::test_hot", "pi5-01") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("reason: fan of shelf B is broken", 'reason: ""'),
            ":2: quarantine[0].reason",
        ),
        (GOOD.replace(".*hot", "(hot"), ":2: quarantine[0].tests"),
        (GOOD.replace("issue:", "isue:"), "isue"),
        (GOOD.replace("    reason: fan of shelf B is broken\n", ""), "reason"),
        ("quarantine: 3", "known.yaml"),
        ("", "known.yaml"),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, text: str, said: str):
    """No reason, a pattern that is none, an unknown key: the file and what is wrong."""
    with pytest.raises(UserError) as caught:
        read_quarantine(written(tmp_path, text))
    assert said in str(caught.value)
    assert "known.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    """A mistyped name is not an empty quarantine."""
    with pytest.raises(UserError, match="cannot read the quarantine file"):
        read_quarantine(tmp_path / "none.yaml")
