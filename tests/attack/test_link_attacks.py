"""Attacks on the frames of the uplink (A1 to A11, A17, A18, A32, A33), each through the whole stack."""

from collections import Counter
from contextlib import suppress

import pytest

from flight_sw.controller import FRAME_PAUSE_S
from flight_sw.space_link.cltu import START, TAIL, encode_cltu
from flight_sw.space_link.keys import new_keys
from flight_sw.space_link.refusal import Refusal
from flight_sw.space_link.sdls import COUNTER_END, MAC_BYTES, TC_WINDOW
from flight_sw.space_link.tc_frame import FECF_BYTES, FrameKind, close_frame
from flight_sw.store.counters import CeilingStore
from tests.attack.attacked import WHOLE, Attacked, Forged
from tests.flight_sw.stack import PowerCut, StackStorage

HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.fixture
def payload() -> Attacked:
    return Attacked()


def recorded(payload: Attacked) -> bytes:
    """A good telecommand as an eavesdropper has it, carried out once."""
    line = payload.send("ping")
    payload.run(0.1)
    assert len(payload.told("alive")) == 1
    return line


def test_a01_replay(payload: Attacked) -> None:
    """A recorded frame is REPLAY at once, an hour later, after a reboot, after a cut at any write."""
    line = recorded(payload)
    with payload.refuses(Refusal.REPLAY):
        payload.inject(line)
    payload.now += HOUR_S
    with payload.refuses(Refusal.REPLAY):
        payload.inject(line)
    payload.boot_controller()
    payload.run(0.2)
    with payload.refuses(Refusal.REPLAY):
        payload.inject(line)


@pytest.mark.parametrize("cut_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(8))
def test_a01_replay_after_a_power_cut_while_the_counter_is_stored(
    write: int, *, cut_after: bool
) -> None:
    """Whatever was recorded before a cut in the middle of storing a ceiling is REPLAY after it."""
    storage = StackStorage()
    payload = Attacked(storage=storage)
    storage.cut_in, storage.cut_after = write, cut_after
    lines = []
    with suppress(PowerCut):
        for _ in range(700):
            lines.append(payload.send("ping"))
            payload.run(0.02)
    assert storage.cut_in is None, "the power was not cut"
    payload._uplink = b""
    payload.boot_controller()
    payload.run(0.2)
    taken = len(payload.told("alive"))
    with payload.refuses(Refusal.REPLAY, times=len(lines)):
        payload.inject(b"".join(lines))
    assert len(payload.told("alive")) == taken + 1


def test_a02_older_frame_held_back(payload: Attacked) -> None:
    """A frame never delivered before is REPLAY once a newer one has passed."""
    held = payload.line(payload.good())
    payload.sender.security.jump_to(payload.next_counter + 1)
    Attacked.__mro__[1].send(payload, "ping")
    payload.run(0.1)
    with payload.refuses(Refusal.REPLAY):
        payload.inject(held)


def test_a03_frames_swapped(payload: Attacked) -> None:
    """Of two good frames swapped on the wire the newer runs and the older is REPLAY."""
    older = payload.forge(payload.packet())
    newer = payload.forge(payload.packet(), Forged(counter=payload.next_counter + 1))
    payload.inject(payload.line(newer))
    payload.run(0.02)
    assert len(payload.told("alive")) == 1
    with payload.refuses(Refusal.REPLAY):
        payload.attack(older)


def test_a04_counter_beyond_the_gap(payload: Attacked) -> None:
    """A counter one beyond the window is GAP, and the window stays where it is."""
    far = Forged(counter=payload.next_counter + TC_WINDOW)
    with payload.refuses(Refusal.GAP):
        payload.attack(payload.forge(payload.packet(), far))


def test_a05_counter_at_its_end() -> None:
    """The last number and a wrap to 0 are EXHAUSTED, and the ground is told to change the key."""
    storage = StackStorage()
    payload = Attacked(storage=storage)
    CeilingStore(storage, payload.keys.tc).save(COUNTER_END - 200)
    payload.boot_controller()
    payload.run(0.2)
    assert "key-worn-out" in payload.events
    with payload.refuses(Refusal.EXHAUSTED):
        payload.attack(payload.forge(payload.packet(), Forged(counter=COUNTER_END)))
    last = Forged(counter=COUNTER_END - 1)
    payload.attack(payload.forge(payload.packet(), last), payload.forge(payload.packet(), last))
    before, served = payload.counts(), len(payload.told("alive"))
    payload.attack(*(payload.forge(payload.packet(), Forged(counter=n)) for n in (0, COUNTER_END)))
    assert payload.counts() - before == Counter(frames_refused_exhausted=2)
    assert len(payload.told("alive")) == served


@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_a06_every_single_bit_flipped(framing: str) -> None:
    """With any one bit flipped, its FECF as it was or made right again, a good frame is refused."""
    payload = Attacked(framing)
    good = payload.good()
    before = payload.digest(link=True)
    for mend in (False, True):
        for bit in range(8 * len(good)):
            flipped = bytearray(good)
            flipped[bit // 8] ^= 1 << bit % 8
            frame = bytes(flipped)
            if mend and bit < 8 * (len(good) - FECF_BYTES):
                frame = close_frame(frame[:-FECF_BYTES])
            counts = payload.counts()
            payload.inject(payload.line(frame))
            payload.run(0.02)
            assert (payload.counts() - counts).total() == 1, bit
            assert payload.digest(link=True) == before, bit
    payload.attack(good)
    assert len(payload.told("alive")) == 1


def test_a07_mac_shortened_empty_zero_or_of_another_frame(payload: Attacked) -> None:
    """No MAC but the frame's own passes, of whatever length."""
    good, other = (
        payload.good(),
        payload.forge(payload.packet(), Forged(counter=payload.next_counter + 1)),
    )
    bare, mac_at = good[:-FECF_BYTES], len(good) - FECF_BYTES - MAC_BYTES
    with payload.refuses(Refusal.MAC):
        payload.attack(close_frame(bare[:mac_at] + bytes(MAC_BYTES)))
    with payload.refuses(Refusal.MAC):
        good = payload.good()
        payload.attack(close_frame(good[:mac_at] + other[mac_at:-FECF_BYTES]))
    for kept in range(MAC_BYTES):
        frame = payload.good()[: mac_at + kept]
        size = len(frame) + FECF_BYTES - 1
        frame = frame[:2] + bytes([frame[2] & 0xFC | size >> 8, size & 0xFF]) + frame[4:]
        enough = size + 1 - FECF_BYTES - 6 >= 30  # the plaintext then stands in for the MAC
        with payload.refuses(Refusal.MAC if enough else Refusal.LENGTH):
            payload.attack(close_frame(frame))


def test_a08_mac_of_another_key_board_or_direction(payload: Attacked) -> None:
    """A stranger's key is MAC, another board's IV is IV, our telemetry and its key are SPI."""
    stranger = new_keys(payload.keys.board, bytes(range(96)))
    ping = payload.packet()
    with payload.refuses(Refusal.MAC):
        payload.attack(payload.forge(ping, Forged(secret=stranger.tc.secret)))
    with payload.refuses(Refusal.MAC):
        payload.attack(payload.forge(ping, Forged(secret=payload.keys.tm.secret)))
    with payload.refuses(Refusal.IV):
        payload.attack(payload.forge(ping, Forged(board=payload.keys.board + 1)))
    with payload.refuses(Refusal.IV):
        payload.attack(payload.forge(ping, Forged(iv_spi=payload.keys.tm.spi)))
    reflected = Forged(spi=payload.keys.tm.spi, secret=payload.keys.tm.secret)
    with payload.refuses(Refusal.SPI):
        payload.attack(payload.forge(ping, reflected))


def test_a08_telemetry_sent_back() -> None:
    """The very bytes of the downlink, fed to the uplink, are refused frame by frame."""
    payload = Attacked("cobs")
    down: list[bytes] = []
    hear = payload._hear
    payload._hear = lambda data: (down.append(data), hear(data))[1]  # type: ignore[method-assign]
    payload.run(3.0)
    before, served = payload.digest(link=True), len(payload.told("alive"))
    payload.inject(b"".join(down))
    payload.run(0.1)
    assert len(payload.told("alive")) == served
    assert payload.digest(link=True) == before
    assert sum(payload.counts().values()) > 0
    payload.serves()


def test_a09_another_address(payload: Attacked) -> None:
    """Frames for another spacecraft or channel and packets for another APID are counted, no more."""
    with payload.refuses(Refusal.SPACECRAFT):
        other = payload.profile.spacecraft.id + 1
        payload.attack(payload.forge(payload.packet(), Forged(spacecraft=other)))
    with payload.refuses(Refusal.CHANNEL):
        payload.attack(payload.forge(payload.packet(), Forged(channel=1)))
    packet = bytearray(payload.packet())
    packet[0] ^= 1  # an APID far away
    counts, served = payload.counts(), len(payload.told("done"))
    frame = payload.forge(close_frame(bytes(packet[:-FECF_BYTES])))
    payload.attack(frame)
    assert payload.counts() - counts == Counter(frames_refused_apid=1)
    assert len(payload.told("done")) == served
    payload.serves()


def test_a10_wrong_lengths_under_a_right_crc_and_a_right_mac(payload: Attacked) -> None:
    """A frame that lies about its length is refused before anything behind it is looked at."""
    size = len(payload.good())
    # One byte less could be fill of the code block: the frame is cut there and its FECF is wrong.
    lies = {
        8: Refusal.LENGTH,
        size - 1: Refusal.FECF,
        size + 7: Refusal.LENGTH,
        1024: Refusal.LENGTH,
    }
    for claimed, reason in lies.items():
        with payload.refuses(reason):
            payload.attack(payload.forge(payload.packet(), Forged(frame_bytes=claimed)))
    with payload.refuses(Refusal.LENGTH):
        frame = payload.good()
        payload.attack(close_frame(frame[:2] + bytes([frame[2] & 0xFC, 0]) + frame[4:-FECF_BYTES]))


@pytest.mark.parametrize("claimed", [0, 1, 0x7FFF, 0xFFFF])
def test_a10_wrong_packet_lengths_under_a_right_mac(payload: Attacked, claimed: int) -> None:
    """A packet that lies about its length inside an authentic frame is SEGMENT and runs nothing."""
    packet = bytearray(payload.packet())
    packet[4:6] = claimed.to_bytes(2, "big")
    counts, done = payload.counts(), len(payload.told("done"))
    payload.attack(payload.forge(bytes(packet)))
    assert payload.counts() - counts == Counter(frames_refused_segment=1)
    assert len(payload.told("done")) == done
    payload.serves()


@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_a11_truncated_at_every_byte_and_trailing_bytes(framing: str) -> None:
    """Any beginning of a frame, with its own length and FECF or made to fit, and any tail is refused.

    Up to six bytes behind a frame in a CLTU are fill by the standard and are cut off unread.
    """
    payload = Attacked(framing)
    good = payload.good()
    tails = [bytes(n) for n in range(7 if framing == "ccsds" else 1, 20)]
    cut = [good[:n] for n in range(1, len(good))]
    fitted = []
    for n in range(5, len(good) - FECF_BYTES):
        size = n + FECF_BYTES - 1
        fitted.append(close_frame(good[:2] + bytes([0, size]) + good[4:n]))
    assert len(good) < 256
    before = payload.digest(link=True)
    for frame in [*cut, *fitted, *(good + tail for tail in tails)]:
        counts = payload.counts()
        payload.inject(payload.line(frame))
        payload.run(0.02)
        assert (payload.counts() - counts).total() == 1, frame.hex()
        assert payload.digest(link=True) == before
    payload.attack(good)
    assert len(payload.told("alive")) == 1


@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_a17_slow_frame_without_end(framing: str) -> None:
    """A byte every 5 s completes nothing: the partial frame is dropped and the next good one served."""
    payload = Attacked(framing)
    line = payload.line(payload.good())
    assert FRAME_PAUSE_S < 5.0
    for byte in line[:-1]:
        payload.inject(bytes([byte]))
        payload.run(0.02)
        payload.now += 5.0 - 0.02
    payload.run(0.1)
    assert payload.told("alive") == []
    payload.serves()


@pytest.mark.parametrize(
    "storm",
    [
        START * 50_000,
        TAIL * 10_000,
        (START + bytes(7)) * 20_000,
        encode_cltu(bytes(range(256)) * 4)[:-8] * 900,
        b"\xc0" * 100_000,
        b"\xdb" * 100_000,
        bytes(1 << 20),
        b"\xff" * (1 << 20),
    ],
    ids=["starts", "tails", "nested", "blocks", "flags", "escapes", "zeros", "ones"],
)
@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_a18_storms_of_marks_and_a_mebibyte_without_end(framing: str, storm: bytes) -> None:
    """No storm keeps more than one frame in memory, and at most one good frame is lost after it."""
    payload = Attacked(framing)
    before = payload.digest(link=True)
    payload.inject(storm)
    payload.run(0.1)
    decoder = payload.controller._uplink._decoders[1]
    assert len(decoder._buffer) <= 1100
    assert payload.digest(link=True) == before
    payload.attack(payload.good())
    payload.serves()


def test_a32_link_lost_for_a_day(payload: Attacked) -> None:
    """After a day without a link old frames are still REPLAY and new ones are served."""
    line = recorded(payload)
    payload.connections = ()
    payload.run(0.1)
    payload.now += DAY_S
    payload.connections = (1,)
    payload.run(0.1)
    with payload.refuses(Refusal.REPLAY):
        payload.inject(line)


def test_a33_frames_of_another_version_or_without_security(payload: Attacked) -> None:
    """Other frame versions and frames as before link security are refused, control commands too."""
    for bits in (0x40, 0x80, 0xC0, 0x0C, 0x10):
        with payload.refuses(Refusal.VERSION):
            frame = bytearray(payload.good()[:-FECF_BYTES])
            frame[0] ^= bits if bits != 0x10 else 0x30  # 0x10: control without bypass
            payload.attack(close_frame(bytes(frame)))
    packet = payload.packet()
    for kind, body in ((FrameKind.BD, bytes([WHOLE]) + packet), (FrameKind.BC, b"\0")):
        size = 5 + len(body) + FECF_BYTES
        head = (kind.value | payload.profile.spacecraft.id).to_bytes(2, "big")
        plain = close_frame(head + (size - 1).to_bytes(2, "big") + b"\0" + body)
        with payload.refuses(Refusal.LENGTH):
            payload.attack(plain)
