"""Attacks on the ground and the rig (A26 to A29): text from the link, files, boards, adapters."""

import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel
from flight_sw.dictionary.events import BY_NAME
from flight_sw.dictionary.field import TEXT_BYTES_MAX, Field, Kind, encode
from flight_sw.errors import LinkLost, UserError
from flight_sw.node import BoardFacts, Node
from flight_sw.profile import parse_profile
from flight_sw.space_link.keys import parse_keys
from hil.campaign.trials.plan import read_plan
from hil.emulator.cable import Terminal
from hil.environment.orbit import parse_orbit
from hil.environment.vehicle import parse_vehicle
from hil.ground.reports import EventReport
from hil.ground.screen import event_table
from hil.rig.board_peer import BoardPeer
from hil.rig.inventory import InventoryError, read_inventory
from hil.scenario import parse_scenario
from tests.attack.attacked import Attacked

EVIL = "board\x1b[2J\x1b]0;owned\x07\r\nevent: all is well \u202e\x00" * 9
PARSED_WITHIN_S = 2.0
GIVEN_UP_WITHIN_S = 5.0


class NamedBoard(Attacked):
    """A board that calls itself what an attacker likes."""

    def boot_board(self) -> None:
        super().boot_board()
        session = round(self.now * 1000) + 7
        self.node = Node(self.profile, (), BoardFacts(EVIL, 1, session))


def test_a26_control_bytes_in_a_name_reach_no_terminal() -> None:
    """What a board says of itself arrives escaped and cut, in events and on the screen."""
    payload = NamedBoard()
    payload.fly()
    (told,) = [s for s in payload.sentences if "serial number" in s]
    assert told.isprintable()
    assert len(told) < 2 * TEXT_BYTES_MAX
    assert r"board\x1b[2J" in told
    payload.serves()


def test_a26_markup_in_a_name_never_styles_the_screen() -> None:
    """What looks like markup of the terminal library is shown as words."""
    definition = BY_NAME["storage-failed"]
    report = EventReport(
        time=0.0,
        name=definition.name,
        severity=definition.severity,
        sentence="[bold red]x[/]",
        values={},
    )
    console = Console(width=200, force_terminal=False, record=True)
    with console.capture() as shown:
        console.print(event_table([report]))
    assert "[bold red]" in shown.get()


def test_a26_text_is_bounded() -> None:
    """No text in telemetry is longer than 255 bytes, escapes included."""
    assert len(encode([Field("name", Kind.TEXT)], {"name": "\x1b" * 10_000})) <= 1 + TEXT_BYTES_MAX


LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)
CRAFTED = {
    "tag": "!!python/object/apply:os.system ['touch owned']",
    "tag within": "name: !!python/object/apply:os.system ['touch owned']",
    "laughs": LAUGHS,
    "recursion": "a: &a [*a]",
    "deep": "[" * 3000,
    "deep map": "{a: " * 3000,
    "huge number": "version: 1" + "0" * 6000,
    "nul": "name: a\0b",
    "two documents": "--- {}\n--- {}",
    "a list": "- 1\n- 2",
    "nothing": "",
}
READERS: dict[str, Callable[[str, Path], object]] = {
    "profile": lambda text, _: parse_profile(text, "x.yaml"),
    "scenario": lambda text, _: parse_scenario(text, "x.yaml"),
    "orbit": lambda text, _: parse_orbit(text, "x.yaml"),
    "vehicle": lambda text, _: parse_vehicle(text, "x.yaml"),
    "keys": lambda text, _: parse_keys(text, "x.json"),
    "inventory": lambda text, folder: read_inventory(written(folder, text)),
    "plan": lambda text, folder: read_plan(written(folder, text)),
}


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    path = folder / "x.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", CRAFTED)
def test_a27_crafted_files(
    kind: str, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crafted file is a user's error in short time, and nothing in it runs."""
    monkeypatch.chdir(tmp_path)
    start_s = time.process_time()
    with pytest.raises(UserError):
        READERS[reader](CRAFTED[kind], tmp_path)
    assert time.process_time() - start_s < PARSED_WITHIN_S
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "stream",
    [b"\0" * 512, b"\x55" * 512, os.urandom(512), b"U\x00" * 256],
    ids=["zeros", "no end", "random", "tiny frames"],
)
def test_a28_a_hostile_board_costs_the_rig_a_timeout(stream: bytes) -> None:
    """Against an endless stream the rig gives up in its time and keeps nothing of it."""
    terminal, stop = Terminal(), threading.Event()

    def shout() -> None:
        while not stop.is_set():
            select.select([], [terminal.master], [], 0.02)
            terminal.write(stream)
            terminal.read(4096)

    shouting = threading.Thread(target=shout, daemon=True)
    start_s = time.monotonic()
    try:
        with BoardPeer(terminal.device, 921_600, 7, 0) as peer:
            shouting.start()
            with pytest.raises(LinkLost):
                peer.wait_for(lambda _: True, 0.5)
            assert time.monotonic() - start_s < GIVEN_UP_WITHIN_S
            assert len(peer._channel._deframer._partial) < 2000
    finally:
        stop.set()
        shouting.join()
        terminal.close()


def said(channel: Channel, heard: bytes, now: float) -> tuple[list[m.Message], bytes]:
    """What a channel makes of these bytes, and what it answers."""
    items = [item for item in channel.receive(heard, now) if isinstance(item, bytes)]
    return [m.decode_for_controller(item) for item in items], channel.transmit(now, 16_384)


def test_a29_a_device_that_says_again_what_the_right_board_once_said() -> None:
    """Each start draws a session number, and nobody is believed who does not answer to it.

    So a second device of the same name, with a recording of the right board, its serial number and its
    heartbeats, is never taken for it.
    """
    board, rig = Channel(901, 921_600), Channel(501, 921_600)
    board.send(m.encode(m.Identity("emulated", "10000000abcdef01", 3, 4)))
    recording, to_board, heard = [], b"", []
    for tick in range(6):
        board.receive(to_board, tick)
        recording.append(board.transmit(tick, 16_384))
        found, to_board = said(rig, recording[-1], tick)
        heard += found
    assert [type(one) for one in heard] == [m.Identity]
    for session in (502, 503):
        later = Channel(session, 921_600)
        for tick, piece in enumerate(recording * 20):
            assert said(later, piece, tick)[0] == []
        assert not later.connected


INVENTORY = """
boards:
  one:
    profile: raspberry-pi-4
    port: {by_id: usb-FTDI_A-port0}
    serial_number: "1000000000000001"
  two:
    profile: raspberry-pi-4
    port: {%s}
    serial_number: "%s"
"""


@pytest.mark.parametrize(
    ("port", "serial", "word"),
    [
        ("by_id: usb-FTDI_A-port0", "1000000000000002", "usb-FTDI_A-port0"),
        ("by_id: usb-FTDI_B-port0", "1000000000000001", "1000000000000001"),
        ("path: /dev/ttyUSB0", "1000000000000002", "ttyUSB0"),
    ],
    ids=["same adapter", "same board", "a name that moves"],
)
def test_a29_a_second_device_of_the_same_name(
    port: str, serial: str, word: str, tmp_path: Path
) -> None:
    """An adapter or board given twice, and a name that goes to whoever comes first, are refused."""
    with pytest.raises(InventoryError, match=word):
        read_inventory(written(tmp_path, INVENTORY % (port, serial)))
