"""The space link, measured: real processes on a line of 921,600 baud, and the stacks in memory.

`tc_to_accept_ms`: from the ground's call to its decoded acceptance report, through both links' full
coding, a pty that keeps the pace of a UART, and the controller process. Rates are per second of
processor time of this process, ground and payload together.
"""

import os
import random
import re
import select
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flight_sw.controller import TC_CEILING, TM_CEILING, Boot, Controller, Inputs
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.link_profile import link_settings
from flight_sw.profile import Profile, parse_profile
from flight_sw.services.cfdp import FileTransfer
from flight_sw.services.cfdp_handlers import TransferSettings
from flight_sw.services.cfdp_transfer import Outcome
from flight_sw.space_link.keys import KeySet, format_keys, new_keys, reserved_test_keys
from flight_sw.space_link.link import TcSender, TmReceiver, TmSender
from flight_sw.space_link.packet import Telecommand, Telemetry
from hil import board_files
from hil.emulator.cable import Cable, Terminal
from hil.ground.client import Ground
from hil.rig.children import Child

BAUD = 921_600
PINGS = 300
LONG_FRAME_BYTES = 1115  # a whole frame takes 12.1 ms on the line, against 4.9 ms for 446 bytes
IDLE_S = 10.0
TELECOMMANDS = 2_000
PACKETS = 10_000
SEEDS = 100
FILE_BYTES = 65_536
LOSSES = (0.05, 0.20)
STEP_S = 0.01
FIRST_TM_S = 10.0
CEILING = 1 << 30


def run() -> dict[str, Any]:
    """All figures of the link, and whether they reach their goals."""
    line = _on_the_line()
    line["tc_to_accept_ms_p99_long_frames"] = _long_frames_p99_ms()
    closed = {f"{loss:.0%}": _closed(loss) for loss in LOSSES}
    figures: dict[str, Any] = {
        **line,
        "tc_per_cpu_s": _telecommands_per_cpu_s(),
        "tm_packets_per_cpu_s": _packets_per_cpu_s(),
        "cfdp_close_rate": closed,
    }
    figures["goals"] = {
        "tc_to_accept_ms_p99 <= 20": line["tc_to_accept_ms_p99"] <= 20,
        "boot_to_first_tm_s <= 1.5": line["boot_to_first_tm_s"] <= 1.5,
        "idle_cpu_pct <= 2": line["idle_cpu_pct"] <= 2,
        "rss_mb <= 60": line["rss_mb"] <= 60,
        "tc_per_cpu_s >= 1000": figures["tc_per_cpu_s"] >= 1000,
        "tm_packets_per_cpu_s >= 5000": figures["tm_packets_per_cpu_s"] >= 5000,
        "cfdp_close_rate 100/100": all(count == SEEDS for count in closed.values()),
    }
    return figures


@dataclass(frozen=True, slots=True)
class _Process:
    """A controller on a paced line, and the ground's end of that line."""

    pid: int
    started_s: float
    ground_device: str


def _on_the_line() -> dict[str, float]:
    profile = _profile()
    with _grounded(_profile_text()) as (process, ground, first_s):
        times_ms = np.array([_ping_ms(ground) for _ in range(PINGS)])
        cpu_pct = _idle_cpu_pct(ground, process.pid)
        rss_mb = _rss_mb(process.pid)
    return {
        "baud": BAUD,
        "tm_frame_bytes": profile.space_link.tm_frame_bytes,
        "tc_to_accept_ms_p50": float(np.percentile(times_ms, 50)),
        "tc_to_accept_ms_p99": float(np.percentile(times_ms, 99)),
        "boot_to_first_tm_s": first_s,
        "idle_cpu_pct": cpu_pct,
        "rss_mb": rss_mb,
    }


def _long_frames_p99_ms() -> float:
    text = re.sub(r"tm_frame_bytes: \d+", f"tm_frame_bytes: {LONG_FRAME_BYTES}", _profile_text())
    with _grounded(text) as (_, ground, _):
        return float(np.percentile([_ping_ms(ground) for _ in range(PINGS)], 99))


@contextmanager
def _grounded(profile_text: str) -> Iterator[tuple[_Process, Ground, float]]:
    """A controller, a ground that hears it, and how long that took from the start of the process."""
    profile = parse_profile(profile_text, "bench.yaml")
    keys = new_keys(profile.spacecraft.id, os.urandom(96))
    with (
        tempfile.TemporaryDirectory() as name,
        _controller(Path(name), keys, profile_text) as process,
        Ground(f"{process.ground_device}@{BAUD}", keys, Path(name) / "ground", profile) as ground,
    ):
        if not ground.wait_until(lambda: ground.counts.packets > 0, FIRST_TM_S):
            raise TimeoutError(f"no telemetry: {ground.why_silent()}")
        yield process, ground, time.monotonic() - process.started_s


@contextmanager
def _controller(folder: Path, keys: KeySet, profile_text: str) -> Iterator[_Process]:
    """A controller process whose space link is a cable that keeps the pace."""
    profile_file, key_file = folder / "bench.yaml", folder / "keys.json"
    profile_file.write_text(profile_text)
    key_file.touch(0o600)
    key_file.write_text(format_keys(keys))
    cable = Cable(folder / "space", BAUD, np.random.default_rng(1))
    ground_device, board = cable.connect_board(), Terminal()
    stopping = threading.Event()
    relay = threading.Thread(target=_relay, args=(cable, stopping), daemon=True)
    relay.start()
    command = [
        *(sys.executable, "-m", "flight_sw", "controller", "--profile", str(profile_file)),
        *("--board-port", board.device, "--space", str(folder / "space")),
        *("--keys", str(key_file), "--state", str(folder / "state")),
    ]
    started_s = time.monotonic()
    try:
        with Child(command, folder / "log") as child:
            yield _Process(child.pid, started_s, ground_device)
    finally:
        stopping.set()
        relay.join()
        cable.close()
        board.close()


def _relay(cable: Cable, stopping: threading.Event) -> None:
    while not stopping.is_set():
        cable.move(time.monotonic())
        wait_s = cable.wait_s(time.monotonic())
        select.select(cable.filenos(), [], [], 0.05 if wait_s is None else min(wait_s, 0.05))


def _ping_ms(ground: Ground) -> float:
    start_s = time.monotonic()
    request = ground.send("ping").accepted()
    end_s = time.monotonic()
    request.done()
    return (end_s - start_s) * 1000


def _idle_cpu_pct(ground: Ground, pid: int) -> float:
    """Share of one core while housekeeping flows and nothing is asked."""
    before_s, start_s = _cpu_s(pid), time.monotonic()
    ground.wait_until(lambda: False, IDLE_S)
    return 100 * (_cpu_s(pid) - before_s) / (time.monotonic() - start_s)


def _cpu_s(pid: int) -> float:
    """User and system time of a process, proc(5) fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def _telecommands_per_cpu_s() -> float:
    """Pings through the whole stack: coded, secured, carried out, answered, decoded."""
    profile, keys = _profile(), reserved_test_keys()
    settings = link_settings(profile)
    stored = {TC_CEILING: CEILING, TM_CEILING: CEILING}
    controller = Controller(profile, keys, Boot(1, "bench", 0, 0, 1))
    sender, receiver = TcSender(keys.tc, settings, 0), TmReceiver(keys.tm, settings, 0)
    sender.security.ceiling_confirmed(CEILING)
    receiver.security.ceiling_confirmed(CEILING)
    ping, now, accepted, sent = BY_NAME["ping"], 0.0, 0, 0
    controller.step(now, Inputs(utc_s=1e9, connections=(1,), stored=stored))
    start_s = time.process_time()
    while accepted < TELECOMMANDS:
        now += STEP_S
        line = b""
        for _ in range(min(10, TELECOMMANDS - sent)):
            sent += 1
            packet = Telecommand(settings.apid, sent & 0x3FFF, ping.service, ping.subtype, b"")
            line += sender.encode(packet)
        inputs = Inputs(utc_s=1e9 + now, space=((1, line),), connections=(1,), stored=stored)
        outputs, _ = controller.step(now, inputs)
        packets = [Telemetry.unpack(packet) for _, packet in receiver.feed(outputs.space)]
        accepted += sum((packet.service, packet.subtype) == (1, 1) for packet in packets)
        if now > TELECOMMANDS:
            raise TimeoutError(f"only {accepted} of {sent} telecommands were accepted")
    return TELECOMMANDS / (time.process_time() - start_s)


def _packets_per_cpu_s() -> float:
    """Telemetry packets of 64 bytes of data, packed, framed, secured, found and unpacked."""
    profile, keys = _profile(), reserved_test_keys()
    settings = link_settings(profile)
    sender, receiver = TmSender(keys.tm, settings, 0), TmReceiver(keys.tm, settings, 0)
    sender.security.ceiling_confirmed(CEILING)
    receiver.security.ceiling_confirmed(CEILING)
    found, start_s = 0, time.process_time()
    for number in range(PACKETS):
        packet = Telemetry(settings.apid, number & 0x3FFF, 3, 25, bytes(64), 1e9)
        sender.add(0, packet.pack())
        if number % 100 == 99:
            found += sum(
                Telemetry.unpack(raw).service == 3 for _, raw in receiver.feed(sender.flush())
            )
    if found != PACKETS:
        raise ValueError(f"{found} of {PACKETS} packets arrived")
    return PACKETS / (time.process_time() - start_s)


def _closed(loss: float) -> int:
    """Of 100 transfers with this loss both ways, how many close at both ends with the right file."""
    return sum(_transfer_closes(seed, loss) for seed in range(SEEDS))


def _transfer_closes(seed: int, loss: float) -> bool:
    chance = random.Random(seed)  # noqa: S311 no secret
    content = chance.randbytes(FILE_BYTES)
    source = FileTransfer(TransferSettings(1, 2), seed, lambda _, __: True)
    sink = FileTransfer(TransferSettings(2, 1), seed, lambda _, __: True)
    source.send(1, content)
    now, ends = 0.0, []
    while source.under_way or sink.under_way:
        source.step(now)
        sink.step(now)
        for unit in source.take(8):
            if chance.random() >= loss:
                sink.receive(unit)
        for unit in sink.take(8):
            if chance.random() >= loss:
                source.receive(unit)
        ends += source.ended() + sink.ended()
        now = max(now + STEP_S, min(source.wake_at(now), sink.wake_at(now)))
    outcomes = [end.outcome for end in ends]
    return outcomes == [Outcome.DELIVERED] * 2 and any(end.content == content for end in ends)


def _profile() -> Profile:
    return parse_profile(_profile_text(), "bench.yaml")


def _profile_text() -> str:
    """The emulated board's profile without a supply switch: no board takes part."""
    text = board_files.find_board("emulated").read_text("utf-8")
    lines = [
        "supply: {kind: none, path: auto, off_s: 0.5}" if line.startswith("supply:") else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"
