"""Channel access data units: lengths of the standard, correction, bursts, and what is too much."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.link_profile import ReedSolomon, block_code
from flight_sw.profile import Profile, parse_profile
from flight_sw.space_link.coding import DEPTHS, CaduDecoder, encode_cadu
from flight_sw.space_link.framing import ASM
from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.link import LinkSettings, TmReceiver, TmSender
from flight_sw.space_link.packet import Telemetry
from flight_sw.space_link.tc_frame import close_frame

BOARDS = Path(__file__).resolve().parents[3] / "boards"
FRAME_BYTES = 1115
CODE = ReedSolomon(5)
BURST_BYTES = 16 * 5  # 16 symbols in each of five codewords


def frame(seed: int = 0) -> bytes:
    """A frame of the standard length with a right error control field."""
    return close_frame(random.Random(seed).randbytes(FRAME_BYTES - 2))


def profile(coding: str, frame_bytes: int, framing: str = "ccsds") -> Profile:
    """The emulated board's profile with another link."""
    text = (BOARDS / "emulated.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("space_link:"))
    link = f"space_link: {{framing: {framing}, tm_frame_bytes: {frame_bytes}, coding: {coding}}}"
    return parse_profile(text.replace(line, link), "test.yaml")


def test_a_unit_has_the_length_of_the_standard() -> None:
    """Marker 4 B and five codewords of 255 B make 1,279 B, the data first and as it is."""
    unit = encode_cadu(frame(), CODE)
    assert len(unit) == 4 + 5 * 255 == 1279
    assert unit[: 4 + FRAME_BYTES] == ASM + frame()
    assert [ReedSolomon(depth).block_bytes for depth in DEPTHS] == [255, 510, 765, 1020, 1275, 2040]


@given(st.integers(0, 1279 - BURST_BYTES), st.integers(1, BURST_BYTES), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_burst_is_put_right(start: int, length: int, randomize: bool) -> None:
    """Up to 80 damaged bytes in a row behind the marker cost nothing."""
    unit = bytearray(encode_cadu(frame(), CODE, randomize=randomize))
    start = max(start, 4)
    for place in range(start, min(start + length, len(unit))):
        unit[place] ^= 0xA5
    decoder = CaduDecoder(FRAME_BYTES, CODE, randomize=randomize)
    assert decoder.feed(bytes(unit)) == [frame()]


def test_damage_beyond_the_code_costs_one_frame() -> None:
    """A burst of 200 bytes is not put right, not passed on, and the next frame is found."""
    bad = bytearray(encode_cadu(frame(1), CODE))
    bad[100:300] = bytes(200)
    decoder = CaduDecoder(FRAME_BYTES, CODE)
    assert decoder.feed(bytes(bad) + encode_cadu(frame(2), CODE)) == [frame(2)]
    assert decoder.abandoned == 1


def test_a_damaged_marker_between_frames_is_bridged() -> None:
    """Behind a good frame the next marker may have up to three wrong bits."""
    second = bytearray(encode_cadu(frame(2), CODE))
    second[0] ^= 0x81
    second[3] ^= 0x10
    decoder = CaduDecoder(FRAME_BYTES, CODE)
    stream = encode_cadu(frame(1), CODE) + bytes(second) + encode_cadu(frame(3), CODE)
    assert decoder.feed(stream) == [frame(1), frame(2), frame(3)]


def test_a_noisy_line_loses_less_with_the_code() -> None:
    """At one wrong bit in 500, where no bare frame survives, every coded one does."""
    rng = random.Random(5)
    coded = [encode_cadu(frame(n), CODE) for n in range(20)]
    bare = [encode_cadu(frame(n)) for n in range(20)]
    found = []
    for units, code in ((coded, CODE), (bare, None)):
        decoder = CaduDecoder(FRAME_BYTES, code)
        frames = []
        for unit in units:
            noisy = bytearray(unit)
            for bit in range(32, 8 * len(noisy)):
                noisy[bit // 8] ^= (rng.random() < 0.002) << bit % 8
            frames += decoder.feed(bytes(noisy))
        found.append(len(frames))
    assert found == [20, 0]


def test_protected_telemetry_passes_a_damaged_line() -> None:
    """The whole downlink with code: packets come out equal though each frame was hit."""
    keys = reserved_test_keys()
    link = LinkSettings(42, 7, code=CODE, randomize=True)
    sender, receiver = TmSender(keys.tm, link, 0), TmReceiver(keys.tm, link, 0)
    for security in (sender.security, receiver.security):
        security.ceiling_confirmed(1000)
    packets = [Telemetry(7, n, 3, 25, bytes(700), 1e9).pack() for n in range(9)]
    assert all(sender.add(0, packet) for packet in packets)
    line = bytearray(sender.flush())
    for unit in range(0, len(line), 1279):
        line[unit + 50 : unit + 120] = bytes(70)
    assert [packet for _, packet in receiver.feed(bytes(line))] == packets
    assert receiver.corrected > 0


def test_the_profile_chooses_the_code() -> None:
    """`coding: rs` takes frames that fill whole codewords, and says so where they do not."""
    chosen = block_code(profile("rs", 892))
    assert chosen is not None
    assert chosen.block_bytes == 1020
    assert block_code(profile("none", 512)) is None
    for bad in (profile("rs", 512), profile("rs", 1338), profile("rs", 1115, "cobs")):
        with pytest.raises(Exception, match="tm_frame_bytes one of 223, 446"):
            block_code(bad)


def test_noise_where_a_marker_should_stand_is_searched_through() -> None:
    """A decoder in step that finds no marker at all looks for the next one."""
    decoder = CaduDecoder(FRAME_BYTES, CODE)
    line = encode_cadu(frame(1), CODE) + b"\x55" * 30 + encode_cadu(frame(2), CODE)
    assert decoder.feed(line) == [frame(1), frame(2)]
