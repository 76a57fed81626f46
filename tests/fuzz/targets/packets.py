"""Space packets both ways, request ids, and what becomes of a packet that is packed again."""

from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import (
    BarePacket,
    Telecommand,
    Telemetry,
    packet_bytes,
    parse_request_id,
)
from tests.fuzz.inputs import Input, with_length


def seeds() -> list[bytes]:
    """One packet of each kind, without its CRC."""
    packets = (
        Telecommand(66, 1, 8, 1, b"\0\1").pack()[:-2],
        Telemetry(66, 1, 3, 25, b"abc", 1.8e9).pack()[:-2],
        BarePacket(66, 1, b"abc", telecommand=True).pack(),
        Telecommand(66, 1, 17, 1, b"").request_id,
    )
    return [bytes([kind]) + packet for kind, packet in enumerate(packets)]


def run(data: bytes) -> None:
    """A packet that packs to the same bytes, or DecodeError."""
    given = Input(data)
    kind, packet = given.byte() % 8, given.rest()
    if kind < 2:
        packet = with_length(packet)
    elif kind == 2 and len(packet) > 6:
        packet = packet[:4] + (len(packet) - 7).to_bytes(2, "big") + packet[6:]
    try:
        match kind % 4:
            case 0:
                assert Telecommand.unpack(packet).pack() == packet
            case 1:
                Telemetry.unpack(packet).pack()
            case 2:
                assert BarePacket.unpack(packet).pack() == packet
            case _:
                parse_request_id(packet)
                packet_bytes(packet)
    except DecodeError:
        pass
