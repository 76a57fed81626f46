"""Boards on their line, measured: boot, round trip, upload and reconnection, emulated and in QEMU.

The peer is the controller's own channel on a real serial port; the cable keeps the pace of the
profile's baud. `upload_kB_s` counts payload bytes of jobs alone, against the line's own rate.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from flight_sw.board_link import messages as m
from flight_sw.errors import LinkLost
from flight_sw.profile import Profile
from hil.board_commands import shipped_on
from hil.board_files import find_board, read_board
from hil.faults.rig_client import RigClient
from hil.rig.board_peer import BoardPeer
from hil.rig.children import Child
from hil.rig.qemu_pi.image import TOOLS, find
from hil.rig.qemu_pi.process import image_folder
from hil.rig.tools import missing_tools

BOARDS = ("emulated", "qemu-raspberry-pi-3")
NO_SLOT = 99  # refused at once: the round trip is the link's and not a model's
PINGS = 100
UPLOADS = 8
UPLOAD_BYTES = 32_768
BITS_PER_BYTE = 10
UPLOAD_SHARE = 0.90
RECONNECT_S = 10.0
UNPLUGGED_S = 2.0
BOOT_S = 300.0
ANSWER_S = 240.0  # QEMU on a busy machine


def run() -> dict[str, Any]:
    """Figures by board, and whether they reach their goals; a board that is not here says why."""
    figures: dict[str, Any] = {}
    goals: dict[str, bool] = {}
    for name in BOARDS:
        reason = _missing(name)
        if reason:
            figures[name] = {"skipped": reason}
            continue
        measured = _measure(name)
        figures[name] = measured
        goals[f"{name}: upload"] = measured["upload_share"] >= UPLOAD_SHARE
        goals[f"{name}: reconnect"] = measured["reconnect_s"] <= RECONNECT_S
    return {**figures, "goals": goals}


def _missing(name: str) -> str:
    if name == "emulated":
        return ""
    packages = missing_tools(TOOLS)
    if packages:
        return f"apt install {' '.join(packages)}"
    return "" if find(image_folder()) else "run: vanallen board qemu-pi build"


def _measure(name: str) -> dict[str, Any]:
    profile = read_board(name)
    with tempfile.TemporaryDirectory(prefix="vanallen-bench-") as temporary:
        link = Path(temporary) / "board"
        models = shipped_on(name, link)
        began_s = time.monotonic()
        command = [sys.executable, "-m", "hil", "emulate", "--link", str(link)]
        options = ["--board", str(find_board(name)), "--models", str(models)]
        with Child([*command, *options], Path(temporary) / "log") as child, RigClient(link) as rig:
            rig.wait_ready(ANSWER_S)
            session = int.from_bytes(os.urandom(4), "big") | 1
            top = len(profile.frequency.levels_mhz) - 1
            with BoardPeer(str(link), profile.serial.baud, session, top) as peer:
                ready_s = _wait_for_models(peer, len(list(models.glob("slot-*")))) - began_s
                figures = {"boot_to_ready_s": round(ready_s, 2), **_traffic(peer, profile)}
                figures["reconnect_s"] = round(_reconnect_s(peer, rig), 2)
            del child
    return figures


def _wait_for_models(peer: BoardPeer, slots: int) -> float:
    """Until every slot's model is proven, for that takes all of a slow board's time; when the first was.

    Raises:
        LinkLost: one is missing.
    """
    end_s = time.monotonic() + BOOT_S
    ready: set[int] = set()
    first_s = 0.0
    while len(ready) < slots:
        ready |= {one.slot for one in peer.hear() if isinstance(one, m.ModelReady)}
        first_s = first_s or (time.monotonic() if ready else 0.0)
        if time.monotonic() > end_s:
            raise LinkLost(f"{len(ready)} of {slots} models are ready within {BOOT_S:g} s")
    return first_s


def _traffic(peer: BoardPeer, profile: Profile) -> dict[str, float]:
    peer.wait_for(_is_beat, ANSWER_S)
    trips_ms = [1000 * _round_trip_s(peer, number, b"") for number in range(1, PINGS + 1)]
    began_s = time.monotonic()
    for number in range(UPLOADS):
        peer.send(m.SubmitJob(1000 + number, 1, NO_SLOT, bytes(UPLOAD_BYTES), "standard"))
    peer.wait_for(lambda one: _refuses(one, 1000 + UPLOADS - 1), ANSWER_S)
    rate = UPLOADS * UPLOAD_BYTES / (time.monotonic() - began_s)
    return {
        "rtt_ms_p50": round(float(np.percentile(trips_ms, 50)), 2),
        "rtt_ms_p99": round(float(np.percentile(trips_ms, 99)), 2),
        "upload_kB_s": round(rate / 1000, 2),
        "upload_share": round(rate * BITS_PER_BYTE / profile.serial.baud, 3),
    }


def _round_trip_s(peer: BoardPeer, number: int, data: bytes) -> float:
    began_s = time.monotonic()
    peer.send(m.SubmitJob(number, 1, NO_SLOT, data, "standard"))
    peer.wait_for(lambda one: _refuses(one, number), ANSWER_S)
    return time.monotonic() - began_s


def _reconnect_s(peer: BoardPeer, rig: RigClient) -> float:
    """Pull the controller's cable, put it back, and wait for the first message after that."""
    rig.noise(unplugged=True)
    end_s = time.monotonic() + UNPLUGGED_S
    while time.monotonic() < end_s:
        peer.hear()
    rig.noise(unplugged=False)
    return _round_trip_s(peer, 5000, b"")


def _is_beat(message: m.Message) -> bool:
    return isinstance(message, m.Heartbeat)


def _refuses(message: m.Message, number: int) -> bool:
    return isinstance(message, m.JobRefused) and message.job == number
