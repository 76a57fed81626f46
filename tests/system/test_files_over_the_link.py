"""A file up and down again through a real controller process, over each kind of space link."""

import json
import os
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flight_sw.profile import Profile, parse_profile
from flight_sw.space_link.keys import KeySet, format_keys, new_keys, parse_keys
from hil.bench.link import _profile_text
from hil.emulator.cable import Terminal
from hil.ground import cfdp_command
from hil.ground.client import Ground
from hil.ground.request import CommandFailed, TransferFailed
from hil.ground.send_command import Bench
from hil.rig.children import Child

SLOT = 4


@contextmanager
def flying(folder: Path, scheme: str, text: str) -> Iterator[Ground]:
    """A controller process without a board, and a ground that hears it."""
    profile = parse_profile(text, "test.yaml")
    keys = new_keys(profile.spacecraft.id, os.urandom(96))
    (folder / "profile.yaml").write_text(text)
    (folder / "keys.json").touch(0o600)
    (folder / "keys.json").write_text(format_keys(keys))
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{probe.getsockname()[1]}"
    board = Terminal()
    command = [
        *(
            sys.executable,
            "-m",
            "flight_sw",
            "controller",
            "--profile",
            str(folder / "profile.yaml"),
        ),
        *("--board-port", board.device, "--space", url),
        *("--keys", str(folder / "keys.json"), "--state", str(folder / "state")),
    ]
    with Child(command, folder / "log"):
        ground = Ground(url, keys, folder / "ground", profile)
        ground.connect(within_s=60)
        try:
            yield ground
        finally:
            ground.close()
            board.close()


@pytest.mark.parametrize(
    ("scheme", "link"),
    [
        ("tcp", "space_link: {framing: ccsds, tm_frame_bytes: 1115, coding: rs}"),
        ("udp", "space_link: {framing: slip, tm_frame_bytes: 512}"),
    ],
)
def test_a_file_goes_up_and_comes_down(tmp_path: Path, scheme: str, link: str) -> None:
    """What was put is what is got, while telecommands are answered; a full slot refuses another."""
    text = _profile_text()
    line = next(line for line in text.splitlines() if line.startswith("space_link:"))
    content = random.Random(3).randbytes(120_000)
    with flying(tmp_path, scheme, text.replace(line, link)) as ground:
        ground.put_file(SLOT, content, within_s=120)
        ground.send("ping").done()
        assert ground.get_file(SLOT, within_s=120) == content
        with pytest.raises(TransferFailed, match="REFUSED"):
            ground.put_file(SLOT, b"another", within_s=120)
        with pytest.raises(CommandFailed, match="NO_SUCH_ENTRY"):
            ground.get_file(SLOT + 1)
        assert ground.counts.packets_bad == 0


def test_put_and_get_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands say what they moved; a second file for the same slot is exit code 1."""
    mine, back = tmp_path / "mine", tmp_path / "back"
    mine.write_bytes(random.Random(4).randbytes(5_000))
    with flying(tmp_path, "tcp", _profile_text()) as ground:
        bench = Bench(ground.url, ground_keys(tmp_path), tmp_path / "other", profile_of(tmp_path))
        assert cfdp_command.put(bench, SLOT, mine, as_json=True) == 0
        assert json.loads(capsys.readouterr().out)["bytes"] == 5_000
        assert cfdp_command.get(bench, SLOT, back, as_json=False) == 0
        assert back.read_bytes() == mine.read_bytes()
        assert cfdp_command.put(bench, SLOT, mine, as_json=False) == 1
        assert "REFUSED" in capsys.readouterr().err


def ground_keys(folder: Path) -> KeySet:
    """The keys of the controller in this folder."""
    return parse_keys((folder / "keys.json").read_text(), "keys.json")


def profile_of(folder: Path) -> Profile:
    """The profile of the controller in this folder."""
    return parse_profile((folder / "profile.yaml").read_text(), "profile.yaml")
