"""A recording holds every byte both ways, and the decoder of today is tried against it."""

from pathlib import Path

import pytest

from flight_sw.devices.storage import write_key_file
from flight_sw.errors import UserError
from flight_sw.link_profile import link_settings
from flight_sw.space_link.keys import format_keys, new_keys
from flight_sw.space_link.link import TcSender
from flight_sw.space_link.packet import Telecommand
from hil.board_files import read_board
from hil.rig.link_log import Chunk, Head, LinkLog, read_recording
from hil.rig.replay import replay

PROFILE = read_board("emulated")
KEYS = new_keys(PROFILE.spacecraft.id, bytes(range(96)))
FIRST = 256


def pings(count: int) -> list[bytes]:
    """Telecommands on the line, as a ground sends them."""
    sender = TcSender(KEYS.tc, link_settings(PROFILE), FIRST)
    sender.security.ceiling_confirmed(1_000_000)
    apid = PROFILE.spacecraft.apid
    return [sender.encode(Telecommand(apid, number, 17, 1, b"")) for number in range(count)]


def recording(folder: Path, counter: int = FIRST) -> LinkLog:
    key_file = folder / "keys"
    if not key_file.exists():
        write_key_file(key_file, format_keys(KEYS))
    head = Head(1, "pi", "test_x", "emulated", "keys", counter)
    return LinkLog(folder / "a" / "test_x.link.jsonl", head)


def recorded(folder: Path, frames: list[bytes], counter: int = FIRST) -> Path:
    with recording(folder, counter) as log:
        log.heard("opened", b"tcp://here")
        for frame in frames:
            log.heard("up", frame[:5])
            log.heard("up", frame[5:])
        log.heard("lost", b"the line hung up")
    return log.path


def test_every_byte_comes_back_with_its_time_and_way(tmp_path: Path):
    """Bytes, openings, losses and notes are read as they were heard, in order."""
    with recording(tmp_path) as log:
        log.heard("up", bytes(range(256)))
        log.heard("down", b"\x00\xff")
        log.note("power cut")
        log.heard("lost", "über Bord".encode())
    head, chunks = read_recording(log.path)
    found = list(chunks)
    assert (head.board, head.tc_counter) == ("pi", FIRST)
    assert [(one.way, one.data, one.text) for one in found] == [
        ("up", bytes(range(256)), ""),
        ("down", b"\x00\xff", ""),
        ("note", b"", "power cut"),
        ("lost", b"", "über Bord"),
    ]
    times = [one.at_s for one in found]
    assert times == sorted(times)
    assert (log.bytes_up, log.bytes_down) == (256, 2)


def test_a_full_recording_says_so_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A stream without end fills no disk."""
    monkeypatch.setattr("hil.rig.link_log.BYTES_MAX", 100)
    with recording(tmp_path) as log:
        for _ in range(50):
            log.heard("down", bytes(30))
    chunks: list[Chunk] = list(read_recording(log.path)[1])
    assert sum(len(one.data) for one in chunks) == 90
    assert [one.text for one in chunks if one.way == "note"] == [
        "the recording is full at 100 bytes"
    ]


def test_replay_shows_packets_beside_their_bytes(tmp_path: Path):
    """Each telecommand follows the bytes that completed it; line events are counted."""
    keys = tmp_path / "a" / "keys"
    path = recorded(tmp_path, pings(3))
    (tmp_path / "keys").rename(keys)
    found = replay(path)
    assert (found.telecommands, found.refused, found.losses) == (3, 0, 1)
    assert found.bytes_up == sum(map(len, pings(3)))
    texts = [line.split("  ", 1)[-1].strip() for line in found.lines]
    assert texts[0].startswith("opened")
    assert texts[1].startswith(">>")
    assert texts[3].startswith("TC(17,1) ping")
    assert found.is_clean


def test_replay_shows_a_frame_that_no_longer_passes(tmp_path: Path):
    """A changed byte, or the keys of another payload: refused, and the recording is not clean."""
    frames = pings(2)
    broken = bytearray(frames[1])
    broken[len(broken) // 2] ^= 0xFF  # more than the code of the uplink corrects
    path = recorded(tmp_path, [frames[0], bytes(broken)])
    found = replay(path, tmp_path / "keys")
    assert found.telecommands == 1
    other = tmp_path / "other"
    write_key_file(other, format_keys(new_keys(PROFILE.spacecraft.id, bytes(range(1, 97)))))
    assert not replay(path, other).is_clean


@pytest.mark.parametrize("damage", ["head", "line", "torn"])
def test_a_damaged_recording_is_told_with_its_line(tmp_path: Path, damage: str):
    """Another file, a changed line or half a line: one error that names the place."""
    path = recorded(tmp_path, pings(1))
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "head":
        lines[0] = b"{}\n"
    elif damage == "line":
        lines[2] = lines[2].replace(b'"hex":"', b'"hex":"zz')
    else:
        lines[-1] = lines[-1][:10]
    path.write_bytes(b"".join(lines))
    place = {"head": ":1: not a link recording", "line": ":3: ", "torn": ":5: "}[damage]
    with pytest.raises(UserError, match=place):
        replay(path, tmp_path / "keys")


def test_a_missing_recording_is_named(tmp_path: Path):
    """The path and why."""
    with pytest.raises(UserError, match="No such file"):
        replay(tmp_path / "none.link.jsonl")
