"""Well-formed messages with any content, said by a board that is out of its mind, and to one.

The board is a computer that radiation hits: whatever it says, the controller goes on. The other way
the node gets orders that no controller would give.
"""

import contextlib
from typing import Any, get_args

import msgspec

from flight_sw.board_link import messages as m
from flight_sw.errors import DecodeError
from tests.flight_sw.stack import TICK_S, Stack
from tests.fuzz.inputs import Input
from tests.fuzz.living import Living
from tests.fuzz.targets.board_link import EXAMPLES

LIVING = Living()


KINDS = (*get_args(m.ToController), *get_args(m.ToNode))
INTEGERS = (0, 1, 2, 3, 8, -1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63 - 1, -(2**63))
FLOATS = (0.0, 1.0, 0.5, -1.0, 45.0, 1e39, 1e300, float("inf"), float("nan"), 5e-324, 3600.0)
TEXTS = (
    "", "model", "weights:model", "CORRECTED", "LOST", "RETIRED", "standard", "none", "vote",
    "SHAPE", "x" * 300, "\N{SNOWMAN}" * 400, "{}", "\0", "standard\n",
)  # fmt: skip
RAW, RAW_AND_REPORTS = 250, 251  # first bytes: a message follows; the ground asks for what it says


def seeds() -> list[bytes]:
    """Every message as it should be, and every kind filled from one byte."""
    plain = [bytes([RAW]) + m.encode(example) for example in EXAMPLES]
    return plain + [bytes([k]) + bytes([n] * 9) for k in range(len(KINDS)) for n in range(12)]


def run(data: bytes) -> None:
    """Both step on."""
    LIVING.run(data, _say)


def _say(stack: Stack, data: bytes) -> None:
    given = Input(data)
    kind = given.byte()
    raw = given.rest() if kind >= RAW else m.encode(_filled(KINDS[kind % len(KINDS)], given))
    for decode, channel in (
        (m.decode_for_controller, stack.node._channel),
        (m.decode_for_node, stack.controller._board.channel),
    ):
        with contextlib.suppress(DecodeError):
            channel.send(m.encode(decode(raw)))
    for _ in range(4 if kind == RAW_AND_REPORTS else 2):
        if kind == RAW_AND_REPORTS:
            stack.send("report-housekeeping", structure=1)
        stack.run(TICK_S)


def _filled(kind: type, given: Input) -> m.Message:
    """A message whose fields have the right type and any value, whatever its declared range."""
    fields = msgspec.inspect.type_info(kind).fields
    return kind(*(_value(field.type, given) for field in fields))


def _value(kind: Any, given: Input) -> Any:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            return _value(types[given.byte() % len(types)], given)
        case msgspec.inspect.IntType():
            return INTEGERS[given.byte() % len(INTEGERS)]
        case msgspec.inspect.FloatType():
            return FLOATS[given.byte() % len(FLOATS)]
        case msgspec.inspect.StrType():
            return TEXTS[given.byte() % len(TEXTS)]
        case msgspec.inspect.BoolType():
            return bool(given.byte() % 2)
        case msgspec.inspect.BytesType():
            return given.take(given.byte())
        case msgspec.inspect.VarTupleType(item_type=item):
            return tuple(_value(item, given) for _ in range(given.byte() % 3))
    return None
