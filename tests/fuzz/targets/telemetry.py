"""The downlink as the ground hears it: damaged streams in any framing, genuine frames of any content."""

from binascii import crc_hqx

from flight_sw.link_profile import ReedSolomon
from flight_sw.space_link.framing import Framing
from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.link import TmReceiver, TmSender
from flight_sw.space_link.packet import Telemetry
from flight_sw.space_link.sdls import SdlsSender
from flight_sw.space_link.settings import LinkSettings
from flight_sw.space_link.tm_frame import TmDeframer, TmFormat
from tests.fuzz.inputs import Input, joined

FRAME_BYTES = 223
KEY = reserved_test_keys().tm
SETTINGS = (
    LinkSettings(7, 66, tm_frame_bytes=FRAME_BYTES, randomize=True),
    LinkSettings(7, 66, tm_frame_bytes=FRAME_BYTES, code=ReedSolomon(1)),
    LinkSettings(7, 66, tm_frame_bytes=FRAME_BYTES, framing=Framing.COBS),
    LinkSettings(7, 66, tm_frame_bytes=FRAME_BYTES, framing=Framing.SLIP),
)
PACKETS = tuple(Telemetry(66, n, 3, 25, bytes([n]) * 90, 1.8e9).pack() for n in range(4))
FRAMES_MAX = 8
GENUINE = 0xFF  # a first byte that asks for genuine frames


def seeds() -> list[bytes]:
    """A stream of each framing with nothing changed, and frames with pointers that agree or not."""
    streams = [bytes([kind, 40]) for kind in range(len(SETTINGS))]
    contents = (PACKETS[0] + PACKETS[1][:60], PACKETS[1][60:] + PACKETS[2])
    frames = [bytes([0, 0, 0]) + contents[0], bytes([1, 0, 44]) + contents[1]]
    return [*streams, bytes([GENUINE]) + joined(*frames), bytes([GENUINE]) + joined(*frames[::-1])]


def run(data: bytes) -> None:
    """Packets that were sent, and refusals that are counted."""
    given = Input(data)
    kind = given.byte()
    if kind == GENUINE:
        _genuine(given)
        return
    settings = SETTINGS[kind % len(SETTINGS)]
    sender, receiver = TmSender(KEY, settings, 0), TmReceiver(KEY, settings, 0)
    for end in (sender, receiver):
        end.security.ceiling_confirmed(1000)
    for vc, packet in enumerate(PACKETS):
        sender.add(vc % 2, packet)
    line, portion = bytearray(sender.flush() + sender.idle()), given.byte() or 4096
    while given.left:
        at = (given.byte() << 8 | given.byte()) % (len(line) + 1)
        line[at : at + given.byte() % 4] = given.take(given.byte() % 8)
    for at in range(0, len(line), portion):
        for _, packet in receiver.feed(bytes(line[at : at + portion])):
            assert packet in PACKETS
    assert receiver.clcw is None
    receiver.reset()


def _genuine(given: Input) -> None:
    """Authentic frames: a counter each, any channel, count, pointer and content."""
    form = TmFormat(7, FRAME_BYTES)
    receiver = TmReceiver(KEY, SETTINGS[0], 0)
    sender = SdlsSender(KEY, 0)
    sender.ceiling_confirmed(1000)
    receiver.security.ceiling_confirmed(1000)
    deframer: TmDeframer = receiver.deframer
    for piece in given.pieces()[:FRAMES_MAX]:
        taken = Input(piece)
        count, high, low = taken.byte(), taken.byte(), taken.byte()
        channel, pointer = high >> 5, (high & 7) << 8 | low
        first = 7 << 4 | channel << 1 | 1
        header = first.to_bytes(2, "big") + bytes([0, count])
        header += (0b11 << 11 | pointer).to_bytes(2, "big")
        body = header + sender.protect(
            header, taken.rest()[: form.data_bytes].ljust(form.data_bytes, b"\0")
        )
        body += bytes([count, low, high, count])
        deframer.accept(body + crc_hqx(body, 0xFFFF).to_bytes(2, "big"))
        _ = receiver.clcw
