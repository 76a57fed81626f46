"""CLTU, COBS and SLIP decoders on any bytes in any portions; what they hold stays bounded."""

from flight_sw.space_link.cltu import CltuDecoder, encode_cltu
from flight_sw.space_link.framing import Framing, StuffedDecoder, encode_stuffed
from flight_sw.space_link.tc_frame import FRAME_BYTES_MAX, frame_bytes
from tests.fuzz.inputs import Input


def seeds() -> list[bytes]:
    """One unit of each kind, whole and cut in two."""
    frame = bytes(range(60))
    units = [encode_cltu(frame), encode_cltu(frame, randomize=True)]
    units += [encode_stuffed(frame, Framing.COBS), encode_stuffed(frame, Framing.SLIP)]
    return [bytes([kind, size]) + unit for kind, unit in enumerate(units) for size in (0, 20)]


def run(data: bytes) -> None:
    """A list of frames, each short enough."""
    given = Input(data)
    kind, portion = given.byte() % 4, given.byte() or 4096
    decoder = (
        CltuDecoder(randomize=kind == 1, frame_bytes=frame_bytes if portion % 2 else None)
        if kind < 2
        else StuffedDecoder(FRAME_BYTES_MAX, Framing.COBS if kind == 2 else Framing.SLIP)
    )
    while given.left:
        for frame in decoder.feed(given.take(portion)):
            assert len(frame) <= FRAME_BYTES_MAX + 7
