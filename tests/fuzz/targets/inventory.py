"""A rig's inventory: YAML of any kind is a list of boards, or clear lines for its author."""

import shutil

from flight_sw.errors import UserError
from hil.rig.inventory import InventoryError, read_inventory
from tests.fuzz.inputs import Input
from tests.fuzz.scratch import scratch
from tests.hil.rig.sound_inventory import GOOD

SOUND = GOOD.encode()
LINES = SOUND.splitlines(keepends=True)
CHANGE = 0xFF  # a first byte that asks for changed lines of a sound inventory


def seeds() -> list[bytes]:
    """A sound file, changes of its lines, and YAML that is odd."""
    odd = (
        b"",
        b"boards:",
        b"boards: 1",
        b"boards: {}",
        b"&a [*a]",
        b"a: 2001-02-30",
        b"? [1]\n: 2",
    )
    values = (b"no", b".inf", b"-1", b"010", b"[]", b"{}", b"~", b"'x'", b"{a: {b: c}}", b"../x")
    changed = [
        bytes([CHANGE, n]) + value for n in range(len(LINES)) for value in values[n % 2 :: 2]
    ]
    return [SOUND, *odd, *changed]


def run(data: bytes) -> None:
    """Boards, or a UserError with a line for each problem."""
    given = Input(data)
    if data[:1] == bytes([CHANGE]):
        given.byte()
        lines = list(LINES)
        for change in given.rest().split(b"\xff"):
            if change:
                at = change[0] % len(lines)
                key, _, _ = lines[at].partition(b":")
                lines[at] = key + b": " + change[1:] + b"\n"
        data = b"".join(lines)
    folder = scratch()
    path = folder / "rig.yaml"
    path.write_bytes(data)
    problems: tuple[str, ...] = ()
    try:
        read_inventory(path)
    except InventoryError as error:
        problems = error.problems
    except UserError as error:
        problems = (str(error),)
    finally:
        shutil.rmtree(folder)
    assert all("\n" not in problem for problem in problems), problems
