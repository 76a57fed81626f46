"""Attacks inside authentic frames (A12, A13, A19, A20, A22, A30), each through the whole stack.

Whoever holds the key is still refused what the dictionary, the mode and the arming do not allow.
"""

import struct
from collections import Counter
from hashlib import sha256

import pytest
from spacepackets.cfdp import ChecksumType, Direction, LargeFileFlag, TransmissionMode
from spacepackets.cfdp.conf import PduConfig
from spacepackets.cfdp.pdu.metadata import MetadataParams, MetadataPdu
from spacepackets.util import ByteFieldU16, ByteFieldU32

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Step, pack_steps
from flight_sw.dictionary.telecommands import arming
from flight_sw.inference import worker_messages as w
from flight_sw.link_profile import file_apid
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.cfdp_service import GROUND_ENTITY, payload_entity
from flight_sw.services.st09_time import SET_S_MAX
from flight_sw.space_link.packet import BarePacket
from flight_sw.space_link.refusal import Refusal
from tests.attack.attacked import Attacked
from tests.flight_sw.stack import ScriptedWorker

HOUR_S = 3600.0
ARM_WAIT_S = 31.0
CHUNK = 64
SLOT = 2
CONTENT = bytes(range(150))


@pytest.fixture
def payload() -> Attacked:
    return Attacked()


UNKNOWN = [(17, 2, b""), (99, 1, b""), (8, 1, b""), (8, 1, b"\0\xff"), (0, 0, b"")]


@pytest.mark.parametrize(("service", "subtype", "data"), UNKNOWN)
def test_a12_unknown_opcode(payload: Attacked, service: int, subtype: int, data: bytes) -> None:
    """A service, subtype or function that does not exist is UNKNOWN_COMMAND."""
    with payload.refuses(Reason.UNKNOWN_COMMAND):
        payload.command(payload.raw(service, subtype, data))


def test_a12_opcode_of_another_mode(payload: Attacked) -> None:
    """What belongs to a working payload is WRONG_MODE in SAFE."""
    for name in ("scrub-now", "report-models", "restart-worker"):
        with payload.refuses(Reason.WRONG_MODE):
            payload.command(payload.telecommand(name))


def bad_numbers() -> dict[str, tuple[int, int, bytes]]:
    """Telecommands whose argument is none, each one way."""
    soft_limit = b"\0"
    structure = b"\x10"
    return {
        "not a number": (20, 3, soft_limit + struct.pack(">d", float("nan"))),
        "infinite": (20, 3, soft_limit + struct.pack(">d", float("inf"))),
        "minus infinite": (20, 3, soft_limit + struct.pack(">d", float("-inf"))),
        "minus zero": (11, 6, struct.pack(">ddB", -0.0, 1e9, 255)),
        "too small": (3, 31, structure + struct.pack(">f", 0.01)),
        "too large": (3, 31, structure + struct.pack(">f", 3601.0)),
        "no such choice": (20, 3, b"\xff" + struct.pack(">d", 1.0)),
        "neither yes nor no": (8, 1, b"\0\1\7"),
        "another type": (20, 3, soft_limit + b"\0\0\0\1"),
        "cut short": (20, 3, soft_limit),
        "too long": (17, 1, b"\0"),
        "text that is none": (6, 128, b"\2\xff\xfe"),
        "text beyond its packet": (6, 128, b"\xffweights"),
        "control bytes in a name": (6, 128, b"\x04\x1b[2J"),
    }


@pytest.mark.parametrize("kind", bad_numbers())
def test_a12_bad_argument(payload: Attacked, kind: str) -> None:
    """Out of range, not finite, minus zero, cut or of another type is BAD_ARGUMENT; no handler runs."""
    with payload.refuses(Reason.BAD_ARGUMENT):
        payload.command(payload.raw(*bad_numbers()[kind]))


def test_a13_critical_command_without_arming(payload: Attacked) -> None:
    """NOT_ARMED."""
    with payload.refuses(Reason.NOT_ARMED):
        payload.command(payload.telecommand("reset-parameters"))


def test_a13_fired_after_31_seconds(payload: Attacked) -> None:
    """ARM_EXPIRED."""
    payload.send("arm", **arming("reset-parameters", {}))
    payload.run(ARM_WAIT_S)
    with payload.refuses(Reason.ARM_EXPIRED):
        payload.command(payload.telecommand("reset-parameters"))


def test_a13_armed_for_one_and_fired_another(payload: Attacked) -> None:
    """NOT_ARMED, for another command and for other arguments of the same."""
    for armed, fired in (
        (("delete-file", {"slot": 1}), ("reset-parameters", {})),
        (("delete-file", {"slot": 1}), ("delete-file", {"slot": 2})),
    ):
        payload.send("arm", **arming(*armed))
        payload.run(0.1)
        with payload.refuses(Reason.NOT_ARMED):
            payload.command(payload.telecommand(fired[0], **fired[1]))


def test_a13_fired_twice(payload: Attacked) -> None:
    """One arming fires once; the second is NOT_ARMED."""
    payload.fire("reset-parameters")
    payload.run(0.1)
    with payload.refuses(Reason.NOT_ARMED):
        payload.command(payload.telecommand("reset-parameters"))


@pytest.mark.parametrize("time_s", [-1.0, 0.0, 1e9, 2.0**32, 2.0**33, 1e300])
def test_a19_time_that_cannot_be(payload: Attacked, time_s: float) -> None:
    """Before 2020 or after 2100 is BAD_ARGUMENT, whoever sends it."""
    with payload.refuses(Reason.BAD_ARGUMENT):
        payload.command(payload.raw(9, 130, struct.pack(">d", time_s)))


@pytest.mark.parametrize("by_s", [-SET_S_MAX - 10, SET_S_MAX + 10, 2.0**31 - 1_800_000_000])
def test_a19_time_far_from_now(payload: Attacked, by_s: float) -> None:
    """More than a day away, the end of 32-bit time in 2038 among it, is NOT_ALLOWED though armed."""
    values = {"time": payload.clock_s + by_s}
    payload.send("arm", **arming("set-time", values))
    payload.run(0.1)
    with payload.refuses(Reason.NOT_ALLOWED):
        payload.command(payload.telecommand("set-time", **values))


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_a19_a_clock_that_is_set_moves_neither_schedule_nor_counters(
    payload: Attacked, by_s: float
) -> None:
    """An entry runs when it would have run, and a recorded frame is still REPLAY."""
    body = payload.telecommand("ping").pack()
    payload.send("insert-entry", entry=1, group=0, release=payload.clock_s + 20, packet=body)
    payload.send("enable-schedule")
    payload.run(0.1)
    recorded = payload.send("ping")
    payload.run(0.1)
    payload.fire("set-time", time=payload.clock_s + by_s)
    payload.run(0.1)
    assert "time-set" in payload.events
    with payload.refuses(Refusal.REPLAY):
        payload.inject(recorded)
    served = len(payload.told("alive"))
    payload.run(18.0)
    assert len(payload.told("alive")) == served
    payload.run(2.5)
    assert len(payload.told("alive")) == served + 1


NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "slot-02/../../x",
    "slot-02\0.x",
    "slot-2",
    "slot-00",
    "slot-99",
    "s" * 255,
]


def metadata(payload: Attacked, name: str) -> BarePacket:
    """The first unit of a file with this name."""
    spacecraft = payload.profile.spacecraft.id
    conf = PduConfig(
        source_entity_id=ByteFieldU16(GROUND_ENTITY),
        dest_entity_id=ByteFieldU16(payload_entity(spacecraft)),
        transaction_seq_num=ByteFieldU32(7),
        trans_mode=TransmissionMode.ACKNOWLEDGED,
        file_flag=LargeFileFlag.NORMAL,
        crc_flag=True,
        direction=Direction.TOWARDS_RECEIVER,
    )
    params = MetadataParams(True, ChecksumType.CRC_32, len(CONTENT), "x", name)
    apid = file_apid(payload.profile)
    assert apid is not None
    return BarePacket(apid, 0, bytes(MetadataPdu(conf, params).pack()), telecommand=True)


@pytest.mark.parametrize("name", NAMES)
def test_a20_file_names_from_the_wire(payload: Attacked, name: str) -> None:
    """A file for anything but a slot of ours is refused as a transfer; no slot and no file changes."""
    blobs = dict(payload.blobs.blobs)
    payload.attack(payload.forge(metadata(payload, name).pack()))
    payload.run(1.0)
    assert payload.sentences[-1].endswith("ended: REFUSED")
    assert all(slot.size == 0 for slot in payload.controller._services.files.slots.values())
    assert {n for n in payload.blobs.blobs if n.startswith("file")} <= set(blobs)
    payload.serves()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/dev/mem", "weights:../x", "s" * 255])
def test_a20_region_names_from_the_wire(payload: Attacked, name: str) -> None:
    """A memory region that is none of ours is NO_SUCH_REGION."""
    with payload.refuses(Reason.NO_SUCH_REGION):
        payload.command(payload.telecommand("dump-region", region=name, offset=0, length=16))


def begun(payload: Attacked) -> list[bytes]:
    """An upload that is begun; its chunks."""
    digest = sha256(CONTENT).digest()
    payload.send("begin-file", slot=SLOT, size=len(CONTENT), chunk=CHUNK, digest=digest)
    payload.run(0.1)
    return [CONTENT[at : at + CHUNK] for at in range(0, len(CONTENT), CHUNK)]


@pytest.mark.parametrize("number", [3, 1000, 0xFFFF])
def test_a22_chunk_beyond_the_end(payload: Attacked, number: int) -> None:
    """A chunk that is not of this file, offsets that overflow among them, is BAD_ARGUMENT."""
    begun(payload)
    with payload.refuses(Reason.BAD_ARGUMENT):
        data = bytes(CHUNK)
        payload.command(payload.telecommand("write-chunk", slot=SLOT, chunk=number, data=data))


def test_a22_overlapping_chunk(payload: Attacked) -> None:
    """A chunk longer than its place is BAD_ARGUMENT; other content for a place taken NOT_ALLOWED."""
    first, *_ = begun(payload)
    with payload.refuses(Reason.BAD_ARGUMENT):
        long = payload.telecommand("write-chunk", slot=SLOT, chunk=0, data=bytes(CHUNK + 1))
        payload.command(long)
    payload.send("write-chunk", slot=SLOT, chunk=0, data=first)
    payload.run(0.1)
    with payload.refuses(Reason.NOT_ALLOWED):
        other = payload.telecommand("write-chunk", slot=SLOT, chunk=0, data=bytes(CHUNK))
        payload.command(other)


def test_a22_chunks_missing_double_and_out_of_order(payload: Attacked) -> None:
    """Repeats do no harm, order does not matter, and with a chunk missing there is no file."""
    chunks = begun(payload)
    for number in (2, 0, 2, 0):
        payload.send("write-chunk", slot=SLOT, chunk=number, data=chunks[number])
    payload.run(0.2)
    slot = payload.controller._services.files.slots[SLOT]
    assert slot.content is None
    assert not payload.told("failed")
    payload.send("write-chunk", slot=SLOT, chunk=1, data=chunks[1])
    payload.run(0.2)
    assert slot.content == CONTENT


def test_a22_chunks_of_another_file(payload: Attacked) -> None:
    """A whole that is not what was announced is BAD_DIGEST and leaves the slot empty."""
    chunks = begun(payload)
    for number in (0, 1):
        payload.send("write-chunk", slot=SLOT, chunk=number, data=chunks[number])
    payload.run(0.1)
    counts, events = payload.counts(), payload.events.count("file-damaged")
    wrong = bytes(len(chunks[2]))
    payload.command(payload.telecommand("write-chunk", slot=SLOT, chunk=2, data=wrong))
    assert payload.counts() - counts == Counter(refused_bad_digest=1)
    assert payload.events.count("file-damaged") == events + 1
    assert payload.controller._services.files.slots[SLOT].size == 0
    payload.serves()


def test_a30_a_sequence_that_starts_itself(payload: Attacked) -> None:
    """Recursion is NOT_ALLOWED where it is loaded, by a step of its own or of another sequence."""
    again = payload.telecommand("run-sequence", sequence=1).pack()
    with payload.refuses(Reason.NOT_ALLOWED):
        steps = pack_steps([Step(0.0, again)])
        payload.command(payload.telecommand("load-sequence", sequence=1, gate="any", steps=steps))


def test_a30_a_large_packet_within_a_large_packet(payload: Attacked) -> None:
    """The whole of an ST[13] transfer cannot be a part of one."""
    inner = bytes([13, 9]) + struct.pack(">HI", 2, 4) + b"\x11\x01"
    payload.send("first-part", transaction=1, size=len(inner), data=inner[:4])
    payload.run(0.1)
    with payload.refuses(Reason.NOT_ALLOWED):
        last = payload.telecommand("last-part", transaction=1, part=1, data=inner[4:])
        payload.command(last)


def test_a30_an_action_that_raises_its_own_event() -> None:
    """An event-action whose telecommand raises its event runs once a second; the rest is held."""
    payload = Attacked()
    payload.fly()
    to_safe = payload.telecommand("set-mode", mode="SAFE").pack()
    to_nominal = payload.telecommand("set-mode", mode="NOMINAL").pack()
    payload.send("add-action", action=1, event="mode-changed", source=0xFFFF_FFFF, packet=to_safe)
    payload.send(
        "add-action", action=2, event="mode-changed", source=0xFFFF_FFFF, packet=to_nominal
    )
    payload.run(0.2)
    payload.send("set-mode", mode="SAFE")
    payload.run(10.0)
    assert 2 <= payload.events.count("action-run") <= 2 * 12
    payload.send("disable-actions")
    payload.run(2.0)
    payload.serves()


def recursing(call: Call) -> Outcome:
    return recursing(call)


def raising(call: Call) -> Outcome:
    raise LookupError(call.arguments)


@pytest.mark.parametrize("handler", [raising, recursing])
def test_a30_a_handler_that_raises_or_recurses(handler: Handler) -> None:
    """HANDLER_FAILED and an event with what was raised; the watchdog is fed and reports are in time."""
    payload = Attacked()
    payload.fly()
    payload.endures_defects = True
    payload.controller._services.commanding._handlers["scrub-now"] = handler
    payload.run(2.0)
    before, state = payload.counts(), payload.digest(link=False)
    for _ in range(5):
        payload.send("scrub-now")
        payload.housekeeping.clear()
        payload.run(1.0)
        assert 1 in payload.housekeeping
    assert payload.counts() - before == Counter(refused_handler_failed=5)
    assert payload.digest(link=False) == state
    assert payload.events.count("handler-failed") == 5
    assert payload.boots == 1
    payload.serves()


@pytest.mark.parametrize("way", ["blocks", "dies"])
def test_a30_a_job_that_blocks_or_kills_the_worker(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is answered with a reason, and neither housekeeping nor commanding misses a beat."""
    healthy = ScriptedWorker._reply

    def poisoned(worker: ScriptedWorker, request: w.Request) -> w.Reply:
        if not isinstance(request, w.Run):
            return healthy(worker, request)
        worker.stopped, worker.alive = way == "blocks", way == "blocks"
        return w.Pong(0)

    monkeypatch.setattr(ScriptedWorker, "_reply", poisoned)
    payload = Attacked()
    payload.fly()
    payload.submit(1)
    beats = 0
    while not payload.told("job-failed"):
        payload.housekeeping.clear()
        payload.run(1.0)
        assert 1 in payload.housekeeping
        beats += 1
        assert beats < 90
    assert payload.told("job-failed")[0]["reason"] == Reason.MODEL_FAILED.value
    payload.serves()
