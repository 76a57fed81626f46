"""The board link's line: frames out of any bytes, and messages out of any payload."""

import msgspec

from flight_sw.board_link import messages as m
from flight_sw.board_link.framing import PAYLOAD_BYTES_MAX, Deframer, frame
from flight_sw.board_link.health import BoardHealth
from flight_sw.errors import DecodeError
from tests.fuzz.inputs import Input

EXAMPLES = (
    m.Order(2, scrub_enabled=True, scrub_pass_s=10.0),
    m.SubmitJob(1, 1, 1, b"input", "standard"),
    m.Identity("name", "0001", 3, 4),
    m.Heartbeat(1, 40.0, None, 1800.0, 0, at_rest=True, tick=9),
    m.ModelReady(1, "m", 0.99, True, 4096, 8, 8, "ab", ("standard", "high")),
    m.JobResult(1, 1, b"output", 0.1, 4, 5),
    m.JobRefused(1, 1, "DEADLINE_PASSED"),
    m.PageHit("model", 1, 3, "CORRECTED", 1, 77, 90, ("standard",)),
    m.Clean(1, 99),
    m.WorkerRestarted("crash"),
    m.VoteRepaired("state", 3, lost=False),
    m.Region("weights:model", 4096, 8192),
    m.RegionData("weights:model", 0, b"data"),
    m.RegionChecked("weights:model", 0, 4, 1),
    m.RegionMended("weights:model", 8, 1),
    m.RegionRefused("weights:model"),
    m.ScrubDone(1, 8),
    m.ModelRefused(1, "digest"),
    m.ReadRegion("weights:model", 0, 16),
    m.MendRegion("weights:model", rebuild=True),
    m.OfferUpdate(1, 1, 100, b"digest", 60.0),
    m.UpdatePart(1, 0, b"data"),
    m.SettleTrial(1, keep=True),
    m.ModelGone(1, returns=True),
    m.WantPart(1, 0, 32_768),
    BoardHealth(3, 0, 0x50005),
    m.UpdateTold(1, "REFUSED", "format", "detail", 1.0),
)


def seeds() -> list[bytes]:
    """Every message, framed and bare."""
    bare = [m.encode(example) for example in EXAMPLES]
    return [b"\1" + payload for payload in bare] + [
        b"\0\7" + frame(payload) for payload in bare[:4]
    ]


def run(data: bytes) -> None:
    """Messages, or DecodeError; a message encodes to what decodes to itself."""
    given = Input(data)
    if given.byte() % 2:
        _decode(given.rest())
        return
    deframer, portion = Deframer(), given.byte() or 4096
    while given.left:
        for payload in deframer.feed(given.take(portion)):
            assert len(payload) <= PAYLOAD_BYTES_MAX
            _decode(payload)


def _decode(payload: bytes) -> None:
    for decode in (m.decode_for_node, m.decode_for_controller):
        try:
            message = decode(payload)
        except DecodeError:
            continue
        again = decode(m.encode(message))
        assert again == message or "nan" in repr(msgspec.to_builtins(message))
