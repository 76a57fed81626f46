"""The two stacks end to end: what an attacker, a bad line and a restart can and cannot do."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.space_link.cltu import CltuDecoder, encode_cltu
from flight_sw.space_link.farm import Clcw
from flight_sw.space_link.framing import Framing, encode_cobs
from flight_sw.space_link.keys import KeySet, new_keys, reserved_test_keys
from flight_sw.space_link.link import (
    CONNECTIONS_MAX,
    UNACKNOWLEDGED_MAX,
    LinkSettings,
    TcReceiver,
    TcSender,
    TmReceiver,
    TmSender,
)
from flight_sw.space_link.packet import (
    TC_DATA_BYTES_MAX,
    BarePacket,
    Telecommand,
    Telemetry,
)
from flight_sw.space_link.refusal import FrameRefused, Refusal, Refused
from flight_sw.space_link.tc_frame import FrameKind

KEYS = reserved_test_keys(3)
APID = 7
PLAIN = LinkSettings(spacecraft=42, apid=APID)
WIRED = LinkSettings(spacecraft=42, apid=APID, framing=Framing.COBS)
ALL = {
    "ccsds": PLAIN,
    "cobs": WIRED,
    "slip": LinkSettings(spacecraft=42, apid=APID, framing=Framing.SLIP),
    "randomized": LinkSettings(spacecraft=42, apid=APID, randomize=True, tm_frame_bytes=256),
}
EACH_FRAMING = pytest.mark.parametrize("link", ALL.values(), ids=list(ALL))


def ping(sequence: int = 0, data: bytes = b"") -> Telecommand:
    """A small telecommand."""
    return Telecommand(APID, sequence, 17, 1, data)


def line_end(link: LinkSettings) -> bytes:
    """What closes a frame on a wired line."""
    return b"\xc0" if link.framing is Framing.SLIP else b"\0"


def stored(end: TcReceiver | TcSender | TmSender | TmReceiver) -> None:
    """Play durable storage: confirm the ceiling that an end wants."""
    wanted = end.security.wanted_ceiling()
    if wanted is not None:
        end.security.ceiling_confirmed(wanted)


def uplink(link: LinkSettings = PLAIN, keys: KeySet = KEYS) -> tuple[TcSender, TcReceiver]:
    """Both ends of the uplink, ready."""
    ends = TcSender(keys.tc, link, 0), TcReceiver(KEYS.tc, link, 0)
    for end in ends:
        stored(end)
    return ends


def downlink(link: LinkSettings = PLAIN) -> tuple[TmSender, TmReceiver]:
    """Both ends of the downlink, ready."""
    ends = TmSender(KEYS.tm, link, 0), TmReceiver(KEYS.tm, link, 0)
    for end in ends:
        stored(end)
    return ends


@EACH_FRAMING
@given(st.lists(st.binary(max_size=3000), max_size=4), st.integers(1, 1500))
@settings(max_examples=40)
def test_telecommands_round_trip(link: LinkSettings, datas: list[bytes], piece: int) -> None:
    """Telecommands of one or more frames come out equal, however the bytes arrive."""
    sender, receiver = uplink(link)
    telecommands = [ping(place, data) for place, data in enumerate(datas)]
    stream = b"".join(map(sender.encode, telecommands))
    found = []
    for at in range(0, len(stream), piece):
        found += receiver.feed(0, stream[at : at + piece])
    assert found == telecommands
    assert receiver.refusals.total() == 0


@EACH_FRAMING
@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.binary(max_size=3000)), max_size=6))
@settings(max_examples=40)
def test_telemetry_round_trip(link: LinkSettings, reports: list[tuple[int, bytes]]) -> None:
    """Telemetry comes out equal and in order of its channel."""
    sender, receiver = downlink(link)
    sent = [
        (vc, Telemetry(APID, place, 3, 25, data, 1e9))
        for place, (vc, data) in enumerate(sorted(reports))
    ]
    for vc, telemetry in sent:
        assert sender.add(vc, telemetry.pack())
    found = [(vc, Telemetry.unpack(packet)) for vc, packet in receiver.feed(sender.flush())]
    assert found == sent
    assert receiver.refusals.total() == 0


@EACH_FRAMING
def test_the_largest_telecommand_passes(link: LinkSettings) -> None:
    """65,542 bytes go up in 67 frames."""
    sender, receiver = uplink(link)
    largest = ping(data=bytes(TC_DATA_BYTES_MAX))
    assert receiver.feed(0, sender.encode(largest)) == [largest]


@EACH_FRAMING
def test_replay_is_refused_at_once_and_after_restarts(link: LinkSettings) -> None:
    """A recorded telecommand never runs again, also after the controller came back (A1)."""
    sender, receiver = uplink(link)
    recorded = sender.encode(ping())
    assert receiver.feed(0, recorded) == [ping()]
    assert receiver.feed(0, recorded) == [Refused(Refusal.REPLAY)]
    assert receiver.feed(1, recorded) == [Refused(Refusal.REPLAY)]
    after_crash = TcReceiver(KEYS.tc, link, receiver.security.ceiling)
    stored(after_crash)
    assert after_crash.feed(0, recorded) == [Refused(Refusal.REPLAY)]
    sender.security.jump_to(after_crash.security.next_counter)
    stored(sender)
    assert after_crash.feed(0, sender.encode(ping(1))) == [ping(1)]
    after_clean_end = TcReceiver(KEYS.tc, link, after_crash.security.settle())
    stored(after_clean_end)
    assert after_clean_end.feed(0, recorded) == [Refused(Refusal.REPLAY)]
    assert after_clean_end.feed(0, sender.encode(ping(2))) == [ping(2)]


def test_a_held_back_frame_is_refused_after_a_newer_one() -> None:
    """Two frames swapped on the way: the newer runs, the older does not (A2, A3)."""
    sender, receiver = uplink()
    older, newer = sender.encode(ping(1)), sender.encode(ping(2))
    assert receiver.feed(0, newer + older) == [ping(2), Refused(Refusal.REPLAY)]


def test_each_flipped_bit_runs_the_command_once_or_not_at_all() -> None:
    """With any bit of the line flipped the code mends it or the frame is refused (A6)."""
    length = len(uplink()[0].encode(ping()))
    for bit in range(length * 8):
        sender, receiver = uplink()
        line = bytearray(sender.encode(ping()))
        line[bit // 8] ^= 1 << bit % 8
        assert receiver.feed(0, bytes(line)) == ([] if bit < 16 else [ping()])
        assert receiver.feed(0, sender.encode(ping(1)))[-1] == ping(1)


def test_each_flipped_bit_on_a_wired_link_is_refused() -> None:
    """Without a code every single flipped bit costs the frame and the next one passes (A6)."""
    sender, receiver = uplink(WIRED)
    line = sender.encode(ping())
    for bit in range(len(line) * 8 - 8):
        bad = bytearray(line)
        bad[bit // 8] ^= 1 << bit % 8
        assert ping() not in receiver.feed(0, bytes(bad))
        receiver.feed(0, b"\0")
    assert receiver.feed(0, line) == [ping()]


def test_our_telemetry_sent_back_is_no_telecommand() -> None:
    """Frames of the downlink, even marked off as an uplink would, are refused (A8)."""
    sender, _ = downlink(WIRED)
    _, receiver = uplink(WIRED)
    sender.add(0, Telemetry(APID, 0, 17, 2, b"", 0.0).pack())
    (refused,) = receiver.feed(0, sender.flush())
    assert isinstance(refused, Refused)


def test_other_keys_boards_and_addresses_are_refused() -> None:
    """Each foreign frame is refused for its own reason and the link goes on (A8, A9)."""
    sender, receiver = uplink()
    foreign = {
        Refusal.MAC: uplink(keys=new_keys(3, bytes(range(64))))[0],
        Refusal.IV: uplink(keys=reserved_test_keys(4))[0],
        Refusal.SPACECRAFT: uplink(LinkSettings(43, APID))[0],
        Refusal.CHANNEL: uplink(LinkSettings(42, APID, channel=1))[0],
    }
    for reason, other in foreign.items():
        assert receiver.feed(0, other.encode(ping())) == [Refused(reason)]
        assert receiver.refusals[reason] == 1
    other_apid = Telecommand(APID + 1, 0, 17, 1, b"")
    assert receiver.feed(0, sender.encode(other_apid)) == [Refused(Refusal.APID)]
    assert receiver.feed(0, sender.encode(ping())) == [ping()]


def test_connections_are_bounded_and_do_not_mix() -> None:
    """Four lines are decoded side by side; a fifth is refused until one is given back."""
    sender, receiver = uplink()
    line = sender.encode(ping())
    assert receiver.feed(0, line[:10]) == []
    for other in range(1, CONNECTIONS_MAX):
        assert receiver.feed(other, bytes(10)) == []
    assert receiver.feed(9, line) == [Refused(Refusal.CONNECTION)]
    assert receiver.feed(0, line[10:]) == [ping()]
    receiver.disconnect(0)
    assert receiver.feed(9, sender.encode(ping(1))) == [ping(1)]


@EACH_FRAMING
def test_a_slow_frame_is_dropped_on_request(link: LinkSettings) -> None:
    """What a silent line left unfinished does not stand in the way of the next frame (A17)."""
    sender, receiver = uplink(link)
    receiver.feed(0, sender.encode(ping(1))[:15])
    receiver.drop_partial(0)
    assert receiver.feed(0, sender.encode(ping(2)))[-1] == ping(2)


@EACH_FRAMING
def test_noise_and_mutations_run_nothing(link: LinkSettings) -> None:
    """Random bytes and mutated good frames never become a telecommand (A14)."""
    rng = random.Random(7)
    sender, receiver = uplink(link)
    good = sender.encode(ping(data=b"argument"))
    for _ in range(600):
        mutated = bytearray(good)
        for place in rng.sample(range(2, len(good) - 16), rng.randint(1, 12)):
            # Two bits or more of a block, and not in its fill: beyond what the code corrects.
            mutated[place] ^= rng.choice((7, 0xB0, 0xFF))
        results = receiver.feed(0, bytes(mutated)) + receiver.feed(0, rng.randbytes(40))
        assert all(isinstance(result, Refused) for result in results)
        receiver.drop_partial(0)
    assert receiver.security.next_counter == 0
    assert receiver.feed(0, line_end(link) * 20 + good)[-1] == ping(data=b"argument")


def test_a_lost_segment_loses_the_packet_and_no_more() -> None:
    """Segments of two packets are never joined, though lengths would agree."""
    sender, receiver = uplink(WIRED)
    first, second = ping(1, b"1" * 2500), ping(2, b"2" * 2500)
    lines = (sender.encode(first) + sender.encode(second)).split(b"\0")[:-1]
    assert len(lines) == 6
    mixed = [lines[0], lines[4], lines[5]]
    results = receiver.feed(0, b"".join(line + b"\0" for line in mixed))
    assert results == [Refused(Refusal.SEGMENT), Refused(Refusal.SEGMENT)]
    assert receiver.feed(0, sender.encode(ping(3))) == [ping(3)]


def test_nothing_is_sent_before_the_ceiling_is_stored() -> None:
    """A telecommand of several frames goes out whole or not at all, whatever the block."""
    sender = TcSender(KEYS.tc, PLAIN, 0, block=1)
    stored(sender)
    with pytest.raises(FrameRefused, match="COUNTER_NOT_STORED"):
        sender.encode(ping(data=bytes(5000)))
    assert sender.security.next_counter == 0
    stored(sender)
    assert len(sender.encode(ping(data=bytes(5000)))) > 5000


def test_sequence_control_repeats_what_was_lost() -> None:
    """A lost AD frame is asked for in the CLCW, sent again, and all run once in order."""
    sender, receiver = uplink()
    commands = [ping(place) for place in range(4)]
    lines = [sender.encode_ad(command) for command in commands]
    results = receiver.feed(0, lines[0] + lines[2] + lines[3])
    assert results == [ping(0)] + [Refused(Refusal.FARM_RETRANSMIT)] * 2
    again = sender.acknowledge(Clcw.unpack(receiver.clcw()))
    assert sender.unacknowledged() == 3
    assert receiver.feed(0, again) == commands[1:]
    assert sender.acknowledge(Clcw.unpack(receiver.clcw())) == b""
    assert sender.unacknowledged() == 0


def test_sequence_control_is_bounded_and_recovers_from_lockout() -> None:
    """Unacknowledged frames stay within the window; Unlock and Set V(R) bring the ends together."""
    sender, receiver = uplink()
    receiver.feed(0, sender.encode_set_vr(20))
    assert Clcw.unpack(receiver.clcw()).report == 20
    for _ in range(UNACKNOWLEDGED_MAX):
        sender.encode_ad(ping())
    with pytest.raises(FrameRefused, match="FARM_WAIT"):
        sender.encode_ad(ping())
    stored(sender)
    assert receiver.feed(0, sender.repeat()) == [ping()] * UNACKNOWLEDGED_MAX
    sender.acknowledge(Clcw.unpack(receiver.clcw()))
    other = TcSender(KEYS.tc, PLAIN, sender.security.next_counter)
    stored(other)
    assert receiver.feed(0, other.encode_ad(ping())) == [Refused(Refusal.FARM_LOCKOUT)]
    assert receiver.feed(0, other.encode(ping())) == [ping()]
    assert receiver.feed(0, other.encode_unlock() + other.encode_set_vr(0)) == []
    assert receiver.feed(0, other.encode_ad(ping())) == [ping()]


def test_a_full_queue_holds_sequence_controlled_frames_back() -> None:
    """While there is no room the CLCW says wait, bypass frames pass, and a repeat brings all."""
    sender, receiver = uplink()
    receiver.set_room(room=False)
    assert receiver.feed(0, sender.encode_ad(ping(1))) == [Refused(Refusal.FARM_WAIT)]
    clcw = Clcw.unpack(receiver.clcw())
    assert clcw.wait
    assert sender.acknowledge(clcw) == b""
    assert receiver.feed(0, sender.encode(ping(2))) == [ping(2)]
    receiver.set_room(room=True)
    assert receiver.feed(0, sender.acknowledge(Clcw.unpack(receiver.clcw()))) == [ping(1)]


def test_a_burst_longer_than_the_block_is_not_lost() -> None:
    """Hundreds of frames in one read come out whole once the ground has stored its ceiling."""
    sender, receiver = downlink()
    packets = [Telemetry(APID, n, 3, 25, bytes(900), 1e9).pack() for n in range(250)]
    assert all(sender.add(1, packet) for packet in packets)
    found = receiver.feed(sender.flush())
    assert 0 < len(found) < 250
    stored(receiver)
    found += receiver.feed(b"")
    assert [packet for _, packet in found] == packets
    assert receiver.refusals.total() == 0


def test_fill_is_taken_randomized_or_not() -> None:
    """Both ways in which senders treat the fill of the last block give the same frame."""
    link = LinkSettings(42, APID, randomize=True)
    sender, receiver = uplink(link)
    line = sender.encode(ping(data=b"1234567"))
    decoder = CltuDecoder(randomize=True)
    (padded,) = decoder.feed(line)
    assert len(padded) > int.from_bytes(padded[2:4], "big") % 1024 + 1
    assert receiver.feed(0, encode_cltu(padded, randomize=True)) == [ping(data=b"1234567")]


def test_control_commands_need_a_mac() -> None:
    """An Unlock made without the key, as the bare standard has it, moves nothing."""
    sender, receiver = uplink(WIRED)
    receiver.feed(0, sender.encode_set_vr(9))
    stranger = uplink(WIRED, new_keys(3, bytes(range(64))))[0]
    stranger.security.jump_to(5)
    stored(stranger)
    assert receiver.feed(0, stranger.encode_set_vr(1)) == [Refused(Refusal.MAC)]
    bare = FrameKind.BC.value | 42
    frame = bare.to_bytes(2, "big") + b"\0\x07\0\0"
    assert receiver.feed(0, encode_cobs(frame)) != []
    assert receiver.farm.expected == 9


def test_the_control_word_comes_down() -> None:
    """The CLCW of the uplink arrives with the telemetry, and its absence is no error."""
    sender, receiver = downlink()
    assert receiver.clcw is None
    receiver.feed(sender.idle())
    assert receiver.clcw is None
    farm_report = Clcw(0, lockout=False, wait=False, retransmit=True, farm_b=1, report=5)
    receiver.feed(sender.idle(farm_report.pack()))
    assert receiver.clcw == farm_report


@EACH_FRAMING
def test_telemetry_resumes_after_noise_and_a_reopened_line(link: LinkSettings) -> None:
    """Bytes lost or added between flushes cost no later packet."""
    sender, receiver = downlink(link)
    packet = Telemetry(APID, 0, 3, 25, b"value", 1e9).pack()
    sender.add(0, packet)
    receiver.feed(sender.flush()[:100])
    receiver.reset()
    sender.add(0, packet)
    assert receiver.feed(sender.flush()) == [(0, packet)]
    assert receiver.deframer.lost_frames == 0
    sender.add(0, packet)
    assert receiver.feed(b"noise" + line_end(link) + sender.flush()) == [(0, packet)]


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    """Noise on any line is answered with refusals or silence, never with an exception."""
    for link in ALL.values():
        uplink(link)[1].feed(0, data)
        downlink(link)[1].feed(data)


def test_bare_packets_travel_on_their_own_apid() -> None:
    """A unit of a file transfer goes up between telecommands and comes out as what it is."""
    link = LinkSettings(42, APID, file_apid=APID + 1)
    sender, receiver = uplink(link)
    unit = BarePacket(APID + 1, 5, b"unit", telecommand=True)
    line = sender.encode(ping(1)) + sender.encode(unit) + sender.encode(ping(2))
    assert receiver.feed(0, line) == [ping(1), unit, ping(2)]
    _, without = uplink()
    assert without.feed(0, sender.encode(unit)) == [Refused(Refusal.PACKET)]
