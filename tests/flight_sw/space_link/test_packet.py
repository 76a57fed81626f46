"""Packets against themselves, against damage and against spacepackets."""

import contextlib
from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ccsds.spacepacket import PacketType, SpacePacketHeader
from spacepackets.ccsds.time import CdsShortTimestamp
from spacepackets.ecss.tc import PusTc
from spacepackets.ecss.tm import PusTm

from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import (
    PACKET_BYTES_MAX,
    TC_DATA_BYTES_MAX,
    TM_DATA_BYTES_MAX,
    BarePacket,
    Telecommand,
    Telemetry,
    idle_packet,
    is_idle,
    packet_bytes,
    parse_request_id,
    request_id,
)

U8, U16 = st.integers(0, 255), st.integers(0, 65_535)
APID, SEQUENCE = st.integers(0, 2046), st.integers(0, 16_383)
DATA = st.binary(max_size=80)
TELECOMMANDS = st.builds(Telecommand, APID, SEQUENCE, U8, U8, DATA, U16, st.integers(0, 15))
TIMES = st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)
TELEMETRY = st.builds(Telemetry, APID, SEQUENCE, U8, U8, DATA, TIMES, U16, U16)


@given(TELECOMMANDS)
def test_telecommand_round_trip_and_peer(telecommand: Telecommand) -> None:
    """A telecommand comes back equal, and spacepackets builds and reads the same bytes."""
    packed = telecommand.pack()
    assert Telecommand.unpack(packed) == telecommand
    peer = PusTc(
        service=telecommand.service,
        message_subtype=telecommand.subtype,
        apid=telecommand.apid,
        seq_count=telecommand.sequence,
        app_data=telecommand.data,
        source_id=telecommand.source_id,
        ack_flags=telecommand.acknowledge,
    )
    assert bytes(peer.pack()) == packed
    assert bytes(PusTc.unpack(packed).app_data) == telecommand.data
    assert packed[:4] == telecommand.request_id


@given(TELEMETRY)
def test_telemetry_round_trip_and_peer(telemetry: Telemetry) -> None:
    """Telemetry comes back equal, and spacepackets builds and reads the same bytes."""
    packed = telemetry.pack()
    assert Telemetry.unpack(packed) == telemetry
    days, day_ms = divmod(round(telemetry.time * 1000), 86_400_000)
    peer = PusTm(
        service=telemetry.service,
        message_subtype=telemetry.subtype,
        apid=telemetry.apid,
        seq_count=telemetry.sequence,
        timestamp=CdsShortTimestamp(days + 4383, day_ms).pack(),
        source_data=telemetry.data,
        message_counter=telemetry.message_counter,
        destination_id=telemetry.destination,
    )
    assert bytes(peer.pack()) == packed
    assert bytes(PusTm.unpack(packed, 7).source_data) == telemetry.data


def test_time_is_the_time_that_the_peer_reads() -> None:
    """The CDS epoch is 1958: the peer's clock and ours name the same moment."""
    packed = Telemetry(1, 0, 17, 2, b"", 1_790_000_000.25).pack()
    assert CdsShortTimestamp.unpack(packed[13:20]).as_unix_seconds() == 1_790_000_000.25


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        (Telecommand, Telecommand(5, 9, 8, 1, b"data of a command").pack()),
        (Telemetry, Telemetry(5, 9, 3, 25, b"data of a report", 1e9).pack()),
    ],
    ids=["telecommand", "telemetry"],
)
def test_damaged_packets_are_refused(
    kind: type[Telecommand] | type[Telemetry], packed: bytes
) -> None:
    """Every single-bit flip, every truncation, trailing bytes and the other type are refused."""
    bad = [packed[:size] for size in range(len(packed))] + [packed + b"\0"]
    for bit in range(len(packed) * 8):
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 1 << bit % 8
        bad.append(bytes(flipped))
    other = Telemetry if kind is Telecommand else Telecommand
    with pytest.raises(DecodeError):
        other.unpack(packed)
    for packet in bad:
        with pytest.raises(DecodeError):
            kind.unpack(packet)


@given(st.binary(max_size=60))
def test_random_bytes_raise_nothing_but_decode_error(data: bytes) -> None:
    """A decoder fed noise answers DecodeError and no other exception."""
    for decode in (Telecommand.unpack, Telemetry.unpack, packet_bytes, parse_request_id):
        try:
            decode(data)
        except DecodeError:
            continue


@given(APID, SEQUENCE)
def test_request_id_round_trip(apid: int, sequence: int) -> None:
    """The ST[01] request id names APID and sequence count and nothing else."""
    assert parse_request_id(request_id(apid, sequence)) == (apid, sequence)


def test_the_largest_packets_have_65542_bytes() -> None:
    """The packet data field goes up to 65,536 bytes and one more is refused at packing."""
    assert len(Telecommand(1, 0, 1, 1, bytes(TC_DATA_BYTES_MAX)).pack()) == PACKET_BYTES_MAX
    largest = Telemetry(1, 0, 1, 1, bytes(TM_DATA_BYTES_MAX), 0.0)
    assert Telemetry.unpack(largest.pack()) == largest
    with pytest.raises(ValueError, match="do not fit"):
        Telecommand(1, 0, 1, 1, bytes(TC_DATA_BYTES_MAX + 1)).pack()


@pytest.mark.parametrize("size_bytes", [7, 8, 1000, PACKET_BYTES_MAX])
def test_idle_packets_have_the_size_asked_for(size_bytes: int) -> None:
    """Fill is one packet of exactly the free space."""
    packet = idle_packet(size_bytes)
    assert len(packet) == size_bytes == packet_bytes(packet)
    assert is_idle(packet)


@pytest.mark.parametrize(
    "telecommand",
    [
        Telecommand(2047, 0, 1, 1, b""),
        Telecommand(1, 16_384, 1, 1, b""),
        Telecommand(1, 0, 256, 1, b""),
        Telecommand(1, 0, 1, 1, b"", source_id=-1),
    ],
)
def test_fields_out_of_range_cannot_be_packed(telecommand: Telecommand) -> None:
    """A programming mistake shows at packing, not on the ground."""
    with pytest.raises(ValueError, match=r"not in|out of range"):
        telecommand.pack()


@given(
    st.integers(0, 2046), st.integers(0, 16383), st.binary(min_size=1, max_size=99), st.booleans()
)
def test_bare_packets_round_trip(apid: int, sequence: int, data: bytes, up: bool) -> None:
    """A packet without secondary header comes back equal, and is what spacepackets makes of it."""
    packet = BarePacket(apid, sequence, data, up)
    raw = packet.pack()
    assert BarePacket.unpack(raw) == packet
    header = SpacePacketHeader.unpack(raw)
    assert (header.apid, header.seq_count, header.packet_len) == (apid, sequence, len(raw))
    assert header.packet_type is (PacketType.TC if up else PacketType.TM)
    assert not header.sec_header_flag


@given(st.binary(max_size=30))
def test_no_bytes_break_bare_packets(data: bytes) -> None:
    """Anything that is no such packet is a DecodeError."""
    with contextlib.suppress(DecodeError):
        assert BarePacket.unpack(data).pack() == data


@pytest.mark.parametrize(
    "packet",
    [
        Telemetry(2047, 0, 1, 1, b"", 0.0),
        Telemetry(1, 0, 256, 1, b"", 0.0),
        Telemetry(1, 0, 1, 1, b"", 1e12),
        BarePacket(1, 0, b"", telecommand=True),
        BarePacket(2047, 0, b"x", telecommand=True),
    ],
)
def test_what_no_packet_holds_cannot_be_packed(packet: Telemetry | BarePacket) -> None:
    """The caller hears of it, whatever the field."""
    with pytest.raises(ValueError, match=r"not in|out of range|at least one"):
        packet.pack()


@pytest.mark.parametrize("size_bytes", [0, 6, PACKET_BYTES_MAX + 1])
def test_no_fill_is_made_of_other_sizes(size_bytes: int) -> None:
    """Smaller than a packet, or larger than one can be."""
    with pytest.raises(ValueError, match="no idle packet"):
        idle_packet(size_bytes)


@pytest.mark.parametrize(
    ("at", "value", "part"),
    [
        (0, 0x07FF, "idle"),
        (1, 0x4000, "segmented"),
        (0, 0x0005, "secondary header"),
        (3, 0x1000, "PUS-C"),
        (6, 0x5000, "CDS short"),
    ],
)
def test_sound_packets_of_another_kind_are_refused(at: int, value: int, part: str) -> None:
    """With the right check sum, every field that names another standard is still looked at."""
    words = bytearray(Telemetry(5, 9, 3, 25, b"data", 1e9).pack()[:-2])
    place = {0: 0, 1: 2, 3: 6, 6: 13}[at]
    old = int.from_bytes(words[place : place + 2], "big")
    changed = value if at in (0, 1) else (old & 0x00FF) | value
    if part == "idle":
        changed = 0x0800 | value
    words[place : place + 2] = changed.to_bytes(2, "big")
    packet = bytes(words) + crc_hqx(bytes(words), 0xFFFF).to_bytes(2, "big")
    with pytest.raises(DecodeError, match=part):
        Telemetry.unpack(packet)


def test_bare_packets_of_another_kind_are_refused() -> None:
    """Wrong length, a secondary header, a segment, and fill."""
    good = BarePacket(5, 9, b"data", telecommand=True).pack()
    assert BarePacket.unpack(good).data == b"data"
    for bad, part in (
        (good + b"x", "length"),
        (bytes([good[0] | 0x08]) + good[1:], "secondary header"),
        (good[:2] + b"\x40" + good[3:], "unsegmented"),
        (bytes([good[0] | 0x07, 0xFF]) + good[2:], "idle"),
    ):
        with pytest.raises(DecodeError, match=part):
            BarePacket.unpack(bad)
