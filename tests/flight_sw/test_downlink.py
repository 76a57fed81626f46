"""The downlink: order, room, parts and what is dropped when there is none."""

import pytest

from flight_sw.dictionary.field import decode
from flight_sw.dictionary.telemetry import BY_CODE
from flight_sw.downlink import IDLE_S, WAITING_BYTES_MAX, Downlink, Stamp
from flight_sw.mode import Mode
from flight_sw.services.calls import Call
from flight_sw.services.cfdp_service import TransferService
from flight_sw.services.report import Channel, Report
from flight_sw.services.st15_storage import StorageService
from flight_sw.services.st23_files import FileService
from flight_sw.space_link.farm import Clcw
from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.link import LinkSettings, TmReceiver
from flight_sw.space_link.packet import Telemetry

KEYS = reserved_test_keys()
SETTINGS = LinkSettings(spacecraft=42, apid=100)
CEILING = 0
ROOM = 10**9
RESULT = (130, 129)


class Line:
    """A downlink and the ground's end of it, both with storage that always works."""

    def __init__(self):
        self.storage = StorageService()
        transfers = TransferService(FileService(), 42, 1)
        self.down = Downlink(KEYS.tm, SETTINGS, CEILING, self.storage, transfers)
        self.ground = TmReceiver(KEYS.tm, SETTINGS, CEILING)
        self.now = 0.0

    def step(self, *reports, room=ROOM, clcw=bytes(4)):
        """The packets that reach the ground in one step."""
        self.now += 0.1
        for security in (self.down.security, self.ground.security):
            wanted = security.wanted_ceiling()
            if wanted is not None:
                security.ceiling_confirmed(wanted)
        data = self.down.frames(reports, Stamp(self.now, 1.8e9 + self.now), clcw, room)
        self.sent_bytes = len(data)
        return [Telemetry.unpack(packet) for _, packet in self.ground.feed(data)]

    def drain(self, steps=500):
        packets = []
        for _ in range(steps):
            packets += self.step()
        return packets


def result(number, size):
    return Report(*RESULT, number.to_bytes(4, "big") + bytes(size), Channel.RESULTS)


def test_results_wait_for_room_in_order():
    """Ten results of 60 KB fill the channel several times over: none is lost or overtaken."""
    line = Line()
    packets = line.step(*(result(number, 60_000) for number in range(10))) + line.drain()
    assert [int.from_bytes(packet.data[:4], "big") for packet in packets] == list(range(10))
    assert line.down.dropped == 0


def test_housekeeping_overtakes_results():
    """A housekeeping report behind a megabyte of results comes with the next frames."""
    line = Line()
    line.step(*(result(number, 60_000) for number in range(15)))
    packets = line.step(Report(3, 25, b"\1"))
    assert (3, 25) in [(packet.service, packet.subtype) for packet in packets]


def test_result_larger_than_a_packet_comes_in_parts():
    """200 KB go in parts, and put together they are the result."""
    line = Line()
    whole = result(7, 200_000)
    packets = line.step(whole) + line.drain()
    parts = [decode(BY_CODE[p.service, p.subtype].fields, p.data)["data"] for p in packets]
    assert b"".join(parts) == bytes(RESULT) + whole.data


def test_what_finds_no_room_is_counted():
    """Beyond 4 MiB of waiting results the rest is dropped, and told in housekeeping."""
    line = Line()
    count = WAITING_BYTES_MAX // 60_000 + 20
    packets = line.step(*(result(number, 60_000) for number in range(count)), room=0)
    packets += line.drain()
    assert line.down.dropped > 0
    assert len(packets) == count - line.down.dropped


def test_stored_telemetry_waits_for_live_results():
    """A retrieval sends nothing while more than 64 KiB of results are queued, and all of it after."""
    line = Line()
    line.step(*(Report(5, 1, bytes([number]) * 50) for number in range(20)))
    asked = {"store": "events", "since": 0.0, "until": 1e10}
    line.storage.handlers()["retrieve-store"](Call(asked, line.now, 1.8e9, Mode.SAFE))
    packets = line.step(*(result(number, 60_000) for number in range(4)), room=0)
    assert [packet for packet in packets if packet.service == 5] == []
    packets += line.drain()
    assert [p.data[0] for p in packets if p.service == 5] == list(range(20))
    assert [p.service for p in packets].index(5) > 0


def test_a_silent_line_gets_an_idle_frame():
    """After IDLE_S without telemetry one frame of virtual channel 7 goes down, and no packet in it."""
    line = Line()
    line.step()
    assert line.step(Report(3, 25, b"\1")) != []
    steps = 0
    while not line.sent_bytes or not steps:
        assert line.step() == []
        steps += 1
    assert steps == pytest.approx(IDLE_S / 0.1, abs=1)
    assert line.ground.deframer.frames == 3
    assert line.ground.refusals.total() == 0


def test_a_new_control_word_goes_down_at_once():
    """A CLCW that changes while nothing else is sent comes in an idle frame, once."""
    line = Line()
    line.step(Report(3, 25, b"\1"))
    word = Clcw(0, lockout=False, wait=False, retransmit=True, farm_b=1, report=7).pack()
    line.step(clcw=word)
    assert line.ground.clcw == Clcw.unpack(word)
    line.step(clcw=word)
    assert line.sent_bytes == 0


def test_an_idle_frame_waits_for_room():
    """On a line that takes nothing there is none."""
    line = Line()
    line.step(room=0)
    assert line.sent_bytes == 0
