"""Board profiles: YAML of any kind is a profile or one clear line for its author."""

from pathlib import Path

from flight_sw.errors import UserError
from flight_sw.profile import parse_profile, profile_problems
from tests.fuzz.inputs import Input

BOARDS = Path(__file__).parents[3] / "boards"
LINES = (BOARDS / "emulated.yaml").read_bytes().splitlines(keepends=True)
CHANGE = 0xFF  # a first byte that asks for changed lines of a sound profile


def seeds() -> list[bytes]:
    """A whole profile, changes of single lines, and YAML that is odd."""
    odd = (b"", b"- 1", b"a: 1\na: 2", b"&a [*a]", b"a: 2001-02-30", b"? [1]\n: 2", b"{}", b"!!x y")
    values = (
        b"no",
        b".inf",
        b".nan",
        b"-1",
        b"010",
        b"12:30:00",
        b"[]",
        b"{}",
        b"~",
        b"'x'",
        b"1e999",
    )
    changed = [
        bytes([CHANGE, n]) + value for n in range(0, len(LINES), 3) for value in values[n % 3 :: 3]
    ]
    return [*odd, b"".join(LINES)[:2000], *changed, b"[" * 60]


def run(data: bytes) -> None:
    """A profile, or a UserError of one line."""
    given = Input(data)
    if data[:1] == bytes([CHANGE]):
        given.byte()
        lines = list(LINES)
        for change in given.rest().split(b"\xff"):
            if change:
                at = change[0] % len(lines)
                key, colon, _ = lines[at].partition(b":")
                lines[at] = key + colon + b" " + change[1:] + b"\n"
        data = b"".join(lines)
    text = data.decode(errors="replace")
    for problem in profile_problems(text, "x.yaml"):
        assert "\n" not in problem
    try:
        parse_profile(text, "x.yaml")
    except UserError as error:
        line = str(error)
    else:
        return
    assert "\n" not in line
    assert line.startswith("x.yaml")
