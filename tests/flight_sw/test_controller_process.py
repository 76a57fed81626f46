"""The controller as a process, killed and started again: what it had promised, it keeps."""

import os
import pty
import socket
import subprocess
import sys
import time
import tty
from pathlib import Path

import pytest

from flight_sw.dictionary.automation_commands import ANY_GROUP
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.profile import parse_profile
from flight_sw.space_link.keys import format_keys, new_keys
from flight_sw.space_link.packet import Telecommand
from hil.ground.client import Ground
from hil.ground.reports import Declared, EventReport

BOARDS = Path(__file__).parents[2] / "boards"
PINGS = 6
FAR_S, SOON_S = 1e6, 3.0  # entries wait until the payload has been killed, however slow it is
LIMIT_S = 60.0  # a busy machine; a quiet one needs 1


class Payload:
    """A controller without a board, on a port of its own, and its ground."""

    def __init__(self, folder: Path) -> None:
        text = (BOARDS / "emulated.yaml").read_text().replace("kind: sysfs", "kind: none")
        self.folder = folder
        self.profile_file = folder / "board.yaml"
        self.profile_file.write_text(text)
        self.profile = parse_profile(text, "board.yaml")
        self.keys = new_keys(1, os.urandom(96))
        self.key_file = folder / "keys.json"
        self.key_file.touch(0o600)
        self.key_file.write_text(format_keys(self.keys))
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Ground:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "flight_sw", "controller"),
                *("--profile", str(self.profile_file), "--space", self.url),
                *("--board-port", os.ttyname(self._slave), "--keys", str(self.key_file)),
                *("--state", str(self.folder / "state")),
            ]
        )
        ground = Ground(self.url, self.keys, self.folder / "ground", self.profile)
        ground.connect(LIMIT_S)
        return ground

    def stop(self, *, kill: bool = False) -> None:
        assert self.process is not None
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(LIMIT_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop(kill=True)
        os.close(self._master)
        os.close(self._slave)

    def packet(self, name: str, **values) -> bytes:
        command = BY_NAME[name]
        apid, data = self.profile.spacecraft.apid, command.encode(values)
        return Telecommand(apid, 1, command.service, command.subtype, data).pack()


@pytest.fixture
def payload(tmp_path):
    payload = Payload(tmp_path)
    yield payload
    payload.close()


def dumped(ground):
    return [
        r.values["offset"]
        for r in ground.reports
        if isinstance(r, Declared) and r.name == "region-dump"
    ]


def boot_causes(ground):
    """Of the boots whose events are stored; the newest went out before the ground was there."""
    ground.send("retrieve-store", store="events", since=0.0, until=1e10).done()
    ground.expect(event="retrieval-done", within_s=LIMIT_S)
    return {e.values["cause"] for e in ground.reports if getattr(e, "name", "") == "booted"}


def test_schedule_and_parameters_survive_kill_nine(payload):
    """Killed between insertion and release, each entry runs once after; an orderly end keeps all."""
    ground = payload.start()
    ground.send("set-parameter", parameter="event_rate", value=33).done()
    first_s = time.time() + FAR_S
    for entry in range(PINGS):
        body = payload.packet("dump-region", region="voted-a:payload", offset=entry, length=1)
        release = first_s + 0.1 * entry
        ground.send("insert-entry", entry=entry, group=0, release=release, packet=body).done()
    payload.stop(kill=True)
    assert dumped(ground) == []
    ground.close()
    ground = payload.start()
    assert "crash" in boot_causes(ground)
    assert dumped(ground) == []
    by_s = time.time() + SOON_S - first_s
    every = {"since": 0.0, "until": 1e10, "group": ANY_GROUP}
    ground.send("shift-entries", **every, by=by_s).done()
    ground.wait_until(lambda: len(dumped(ground)) >= PINGS, LIMIT_S)
    ground.wait_until(lambda: False, 0.5)
    assert dumped(ground) == list(range(PINGS))
    ground.send("report-parameter", parameter="event_rate").done()
    assert any(getattr(report, "value", None) == 33 for report in ground.reports)
    payload.stop()
    ground.close()
    ground = payload.start()
    assert boot_causes(ground) >= {"crash", "command"}  # an orderly end keeps all of them
    ground.wait_until(lambda: False, 0.5)
    assert dumped(ground) == []
    assert not any(
        isinstance(report, EventReport) and report.name == "schedule-interrupted"
        for report in ground.reports
    )
    ground.close()
