"""ST[13]: telecommands larger than a packet, in parts and in order."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import BY_NAME
from hil.rig.running import RunningBoard
from hil.suite.asking import refused, told

pytestmark = pytest.mark.needs(feature="commanding")


def whole(name: str) -> bytes:
    """A telecommand as ST[13] carries it: service, subtype, data field."""
    command = BY_NAME[name]
    return bytes([command.service, command.subtype]) + command.encode({})


def test_telecommand_in_parts_is_carried_out(nominal: RunningBoard) -> None:
    """A telecommand that is cut in three runs once its last part is there."""
    content = whole("report-time") + b""
    padded = bytes([3, 27]) + BY_NAME["report-housekeeping"].encode({"structure": 3})
    send = nominal.ground.send
    send("first-part", transaction=40, size=len(padded), data=padded[:1]).done()
    send("middle-part", transaction=40, part=1, data=padded[1:2]).done()
    send("last-part", transaction=40, part=2, data=padded[2:]).done()
    assert nominal.until(lambda: nominal.ground.housekeeping(3) is not None, 5.0)
    assert content


def test_part_out_of_order_is_refused(nominal: RunningBoard) -> None:
    """A part that is missing is noticed with the next, and nothing is carried out."""
    send = nominal.ground.send
    send("first-part", transaction=41, size=6, data=b"\x11\x01").done()
    refused(send("middle-part", transaction=41, part=2, data=b"ab"), Reason.OUT_OF_ORDER)


def test_part_of_an_unknown_transfer_is_refused(nominal: RunningBoard) -> None:
    """Without a first part there is no second."""
    lost = nominal.ground.send("last-part", transaction=42, part=1, data=b"abc")
    refused(lost, Reason.NO_SUCH_ENTRY)


def test_large_job_goes_up_in_parts(nominal: RunningBoard) -> None:
    """A telecommand of a hundred thousand bytes arrives whole: its content is judged, and refused."""
    values = {
        "job": nominal.next_job(),
        "model": 16,
        "protection": "standard",
        "priority": 1,
        "deadline": 5.0,
        "input": bytes(100_000),
    }
    command = BY_NAME["submit-job"]
    content = bytes([command.service, command.subtype]) + command.encode(values)
    half = len(content) // 2
    send = nominal.ground.send
    send("first-part", transaction=43, size=len(content), data=content[:half]).done(
        nominal.within(10.0)
    )
    last = send("last-part", transaction=43, part=1, data=content[half:])
    refused(last, Reason.NO_SUCH_MODEL)
    nominal.ground.send("report-time").done()
    assert told(nominal.ground, "time")["uptime"] > 0
