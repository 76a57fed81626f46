"""Floods on the uplink (A14 to A16): forged, replayed and valid frames by the hundred thousand.

None is executed, and none stops telemetry, commanding or the step.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from flight_sw.commanding import WAITING_MAX
from flight_sw.devices.tcp_port import CLIENT_READ_BYTES, MAX_CLIENTS, TcpClient, TcpListener
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.link_profile import link_settings
from flight_sw.space_link.keys import new_keys
from flight_sw.space_link.link import TcSender
from flight_sw.space_link.packet import Telecommand
from flight_sw.space_link.tc_frame import FECF_BYTES, close_frame
from tests.attack.attacked import Attacked, Forged
from tests.figures.scale import FORGED_TIMES
from tests.flight_sw.stack import TICK_S, Stack

LINE_BYTES_PER_S = 92_160  # 921,600 baud
FLOOD_S = 20.0
LONG_FLOOD_S = 600.0
CI_FRAMES = {"ccsds": 20_000, "cobs": 80_000}  # the code is most of the cost
BATCH = 500
GROWTH_KIB_MAX = 1024


class FloodedStack(Stack):
    """A stack whose uplink an attacker fills; `kinds` counts housekeeping by structure."""

    def __init__(self) -> None:
        self.samples = dict.fromkeys(HOUSEKEEPING, 0)
        super().__init__()
        keys = new_keys(self.keys.board, bytes(range(64)))
        self.attacker = TcSender(keys.tc, link_settings(self.profile), 0)
        self.attacker.security.ceiling_confirmed(1 << 40)
        self.left = b""

    def flood(self, seconds: float) -> None:
        """Let time pass with the line full of frames that are right but for their MAC."""
        share = round(LINE_BYTES_PER_S * TICK_S)
        for _ in range(round(seconds / TICK_S)):
            while len(self.left) < share:
                ping = Telecommand(self.profile.spacecraft.apid, 0, 17, 1, bytes(40))
                self.left += self.attacker.encode(ping)
            self.inject(self.left[:share])
            self.left = self.left[share:]
            self.run(TICK_S)

    def _take(self, packet: object) -> None:
        if (packet.service, packet.subtype) == (3, 25):
            self.samples[packet.data[0]] += 1
        super()._take(packet)


def flooded(flood_s: float) -> None:
    """Both stacks report the same housekeeping, the one of them under a flood."""
    quiet, stack = FloodedStack(), FloodedStack()
    quiet.run(1.0 + flood_s)
    stack.run(1.0)
    refused = stack.housekeeping[2]["frames_refused"]
    stack.flood(flood_s)
    assert stack.samples == quiet.samples
    assert stack.samples[1] >= flood_s
    assert stack.housekeeping[2]["frames_refused"] - refused > 500 * flood_s
    assert stack.housekeeping[2]["tc_accepted"] == 0
    assert stack.events.count("frames-refused") <= flood_s + 2


def test_a15_flood_of_bad_macs_at_line_rate() -> None:
    """Bad frames at line rate cost not one housekeeping report in 20 s."""
    flooded(FLOOD_S)


@pytest.mark.long
def test_a15_flood_of_bad_macs_for_ten_minutes() -> None:
    """Bad frames at line rate cost not one housekeeping report in ten minutes."""
    flooded(LONG_FLOOD_S)


def forgeries(payload: Attacked, count: int) -> Iterator[bytes]:
    """Frames that must not run: recorded, mutated under a right FECF, with a guessed MAC, random."""
    rng = random.Random(9)
    recorded = [payload.send("ping") for _ in range(64)]
    payload.run(0.2)
    assert len(payload.told("alive")) == len(recorded)
    good = payload.good()
    for n in range(count):
        match n % 4:
            case 0:
                yield recorded[rng.randrange(len(recorded))]
            case 1:
                bits = rng.sample(range(8 * (len(good) - FECF_BYTES)), rng.randint(1, 8))
                flips = sum(1 << bit for bit in bits)
                whole = int.from_bytes(good[:-FECF_BYTES], "big") ^ flips
                yield payload.line(close_frame(whole.to_bytes(len(good) - FECF_BYTES, "big")))
            case 2:
                yield payload.line(close_frame(good[:-18] + rng.randbytes(16)))
            case _:
                yield payload.line(rng.randbytes(rng.randint(1, 80)))


def rss_kib() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def none_of(count: int, framing: str, figure: Callable[..., None]) -> None:
    """Send so many forgeries through the whole stack; none runs, nothing moves, nothing grows."""
    payload = Attacked(framing)
    lines = forgeries(payload, count)
    first = next(lines)
    before, taken = payload.digest(link=True), len(payload.told("alive"))
    payload.inject(first)
    sent = 1
    base_kib = 0
    while sent < count:
        batch = list(islice(lines, BATCH))
        payload.inject(b"".join(batch))
        payload.run(TICK_S)
        sent += len(batch)
        if sent > count // 4 and not base_kib:
            base_kib = rss_kib()
    grown_kib = rss_kib() - base_kib
    executed = len(payload.told("alive")) - taken
    figure("F9.tried", sent)
    figure("F9.executed", executed)
    assert executed == 0
    assert payload.digest(link=True) == before
    assert grown_kib < GROWTH_KIB_MAX
    assert sum(payload.counts().values()) >= sent * 0.9
    payload.serves()


@pytest.mark.figure("F9")
@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_a14_forged_and_replayed_frames(framing: str, figure: Callable[..., None]) -> None:
    """Of 100,000 random, mutated, guessed and recorded frames not one is executed."""
    none_of(CI_FRAMES[framing], framing, figure)


@pytest.mark.long
@pytest.mark.figure("F9")
@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_a14_ten_million_forged_frames(framing: str, figure: Callable[..., None]) -> None:
    """Of ten million forged and replayed frames not one is executed."""
    none_of(FORGED_TIMES.value * CI_FRAMES[framing], framing, figure)


def test_a16_flood_of_valid_commands() -> None:
    """Of more commands at once than there is room for, the first run in order; the rest are BUSY."""
    payload = Attacked()
    start, counts = payload.next_counter, payload.counts()
    flood = 3 * WAITING_MAX
    packets = [payload.telecommand("ping") for _ in range(flood)]
    frames = [
        payload.forge(packet.pack(), Forged(counter=start + n)) for n, packet in enumerate(packets)
    ]
    done = len(payload.told("done"))
    payload.attack(*frames)
    payload.run(1.0)
    requests = [one["request"] for one in payload.told("done")[done:]]
    assert requests == [int.from_bytes(p.request_id, "big") for p in packets[:WAITING_MAX]]
    assert len(payload.told("alive")) == WAITING_MAX
    assert payload.counts() - counts == Counter(refused_busy=flood - WAITING_MAX)
    payload.serves()


def test_a_good_command_passes_between_bad_frames() -> None:
    """With a whole good frame among the bad ones, the command is carried out at once."""
    stack = FloodedStack()
    stack.run(0.5)
    stack.flood(1.0)
    stack.inject(stack.left)  # the attacker's frame ends before ours begins
    stack.left = b""
    stack.send("ping")
    stack.run(2 * TICK_S)
    assert len(stack.told("alive")) == 1


def test_one_step_takes_a_bounded_share_of_each_client() -> None:
    """However much waits in the sockets, a step reads no more than its share of each."""
    listener = TcpListener("127.0.0.1", 0)
    clients = [TcpClient(*listener.address) for _ in range(MAX_CLIENTS)]
    try:
        listener.read()
        for client in clients:
            client.write(bytes(100_000))
        arrived = listener.read()
        assert all(len(data) <= CLIENT_READ_BYTES for _, data in arrived)
    finally:
        for client in clients:
            client.close()
        listener.close()
