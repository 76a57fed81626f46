"""Link security: sealed frames changed anywhere never open; nothing but FrameRefused comes out."""

from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.refusal import FrameRefused
from flight_sw.space_link.sdls import COUNTER_END, SdlsReceiver, SdlsSender
from tests.fuzz.inputs import Input

KEYS = reserved_test_keys()
HEADER = b"\x20\x07\x00\x30\x00\xc0"
COUNTERS = (0, 1, 255, 4095, 4096, 1 << 32, COUNTER_END - 1, COUNTER_END)


def seeds() -> list[bytes]:
    """Untouched, each counter, a flip, and a frame of chance."""
    return [
        b"\0\0\0hello", b"\1\2\0hello", b"\2\3\x05hello", b"\3\7\0hello", b"\4" + bytes(60),
        *(bytes([0, n, 0]) + b"x" for n in range(len(COUNTERS))),
    ]  # fmt: skip


def run(data: bytes) -> None:
    """The plaintext that was sealed, or FrameRefused."""
    given = Input(data)
    kind = given.byte() % 5
    if kind == 4:
        _open(SdlsReceiver(KEYS.tc, 0), given.take(6), given.rest())
        return
    ceiling = COUNTERS[given.byte() % len(COUNTERS)]
    sender, receiver = SdlsSender(KEYS.tc, ceiling), SdlsReceiver(KEYS.tc, ceiling)
    for end in (sender, receiver):
        end.ceiling_confirmed(ceiling + 1)
    place, plain = given.byte(), given.rest()
    try:
        sealed = bytearray(sender.protect(HEADER, plain))
    except FrameRefused:
        return
    if kind:
        sealed[place % len(sealed)] ^= kind
    opened = _open(receiver, HEADER, bytes(sealed))
    assert opened is None if kind else opened == plain
    assert opened is None or _open(receiver, HEADER, bytes(sealed)) is None  # never twice


def _open(receiver: SdlsReceiver, header: bytes, sealed: bytes) -> bytes | None:
    before = receiver.next_counter
    try:
        return receiver.open(header, sealed)
    except FrameRefused:
        assert receiver.next_counter == before
        return None
