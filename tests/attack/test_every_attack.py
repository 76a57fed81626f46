"""The list of attacks is whole: A1 to A34 of the project's threat model, each with a test of its own."""

import re
from pathlib import Path

ATTACKS = 34
NAMED = re.compile(r"^def test_a(\d\d)_", re.MULTILINE)


def test_every_attack_has_a_test_that_bears_its_number() -> None:
    """No number is missing and none is invented."""
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {int(number) for number in NAMED.findall(text)} == set(range(1, ATTACKS + 1))
