"""fprime-gds frames telecommands that we take, and puts our telemetry frames together as we do.

It knows no link security, so the tests add it on the way up and open it between its checks and its
reassembly on the way down; header, length, CRC, counts and first header pointer are its own work.
"""

import random

import pytest

from flight_sw.space_link.cltu import encode_cltu
from flight_sw.space_link.framing import ASM
from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.link import LinkSettings, TcReceiver, TmSender
from flight_sw.space_link.packet import Telecommand, Telemetry, is_idle, packet_bytes
from flight_sw.space_link.sdls import OVERHEAD_BYTES, TM_WINDOW, SdlsReceiver, SdlsSender
from flight_sw.space_link.tc_frame import FECF_BYTES, HEADER_BYTES, FrameKind, TcHeader, segments
from flight_sw.space_link.tm_frame import HEADER_BYTES as TM_HEADER_BYTES

peer = pytest.importorskip(
    "fprime_gds.common.communication.ccsds.space_data_link",
    reason="peer fprime-gds is not installed",
)

SPACECRAFT, APID, FRAME_BYTES, CLCW_BYTES = 0x44, 7, 256, 4
KEYS = reserved_test_keys()
LINK = LinkSettings(SPACECRAFT, APID, tm_frame_bytes=FRAME_BYTES)


def test_its_telecommand_frames_are_taken() -> None:
    """A frame with the peer's header and CRC around our protected segment runs the telecommand."""
    framer = peer.SpaceDataLinkFramerDeframer(SPACECRAFT, 0, FRAME_BYTES)
    security = SdlsSender(KEYS.tc, 0)
    receiver = TcReceiver(KEYS.tc, LINK, 0)
    for end in (security, receiver.security):
        end.ceiling_confirmed(100)
    for size in (0, 1, 17, 500):
        telecommand = Telecommand(APID, size, 17, 1, bytes(size))
        ((flags, part),) = segments(telecommand.pack(), 0, 900)
        inside = bytes([flags])
        length = HEADER_BYTES + len(inside) + len(part) + OVERHEAD_BYTES + FECF_BYTES
        header = TcHeader(FrameKind.BD, SPACECRAFT, 0).pack(length)
        frame = framer.frame(inside + security.protect(header + inside, part))
        assert frame[:HEADER_BYTES] == header
        assert receiver.feed(0, encode_cltu(frame)) == [telecommand]


def test_it_puts_our_telemetry_together() -> None:
    """Packets that run across frame ends come out of the peer as they went into our sender."""
    sender = TmSender(KEYS.tm, LINK, 0)
    sender.security.ceiling_confirmed(10_000)
    opener = SdlsReceiver(KEYS.tm, 0, TM_WINDOW)
    opener.ceiling_confirmed(10_000)
    chance = random.Random(3)
    packets = [
        Telemetry(APID, n, 3, 25, chance.randbytes(chance.randrange(600)), 1e9).pack()
        for n in range(60)
    ]
    frames: list[bytes] = []
    for packet in packets:
        assert sender.add(0, packet)
        if chance.random() < 0.3:
            frames += units(sender.flush())
    frames += units(sender.flush())
    headers = iter([frame[:TM_HEADER_BYTES] for frame in frames])

    class Opening(peer.SpaceDataLinkFramerDeframer):
        def reassemble(self, field: bytes, first_header_pointer: int, vc_count: int) -> bytes:
            plain = opener.open(next(headers), field[:-CLCW_BYTES])
            return super().reassemble(plain, first_header_pointer, vc_count)

    deframer, data, found = Opening(SPACECRAFT, 0, FRAME_BYTES), b"".join(frames), []
    while True:
        deframed, data, discarded = deframer.deframe(data)
        assert not discarded
        if deframed is None:
            break
        found += split(deframed)
    assert [packet for packet in found if not is_idle(packet)] == packets


def units(line: bytes) -> list[bytes]:
    """Frames without their markers."""
    size = len(ASM) + FRAME_BYTES
    return [line[at + len(ASM) : at + size] for at in range(0, len(line), size)]


def split(packets: bytes) -> list[bytes]:
    """Whole packets one by one."""
    found = []
    while packets:
        size = packet_bytes(packets[:6])
        found.append(packets[:size])
        packets = packets[size:]
    return found
