"""Files through both links: controller and ground in virtual time, with losses, outages and commands."""

import random

from flight_sw.services.cfdp_transfer import Outcome
from flight_sw.space_link.packet import BarePacket, Telemetry
from hil.ground.cfdp import GroundFiles
from tests.flight_sw.stack import Stack

SLOT = 2


class FileStack(Stack):
    """The stack with a ground that also transfers files; `loss` is the share of lost packets."""

    def __init__(self, loss: float = 0.0) -> None:
        self.files: GroundFiles | None = None
        self.loss = loss
        self.away = False
        self.rng = random.Random(4)
        super().__init__()
        apid = self.profile.spacecraft.apid + 1
        self.files = GroundFiles(self.profile.spacecraft.id, apid, first_number=1)
        self.ended = []

    def run(self, seconds: float) -> None:
        """Let time pass, files included."""
        for _ in range(round(seconds / 0.02)):
            self.files.set_linked(linked=not self.away)
            self.files.step(self.now, self._send_unit, room=True)
            self.ended += self.files.ended()
            super().run(0.02)

    def _send_unit(self, packet: BarePacket) -> None:
        self._store(self.sender.security)
        line = self.sender.encode(packet)
        if self.rng.random() >= self.loss:
            self.inject(line)

    def _hear(self, data: bytes) -> None:
        self._store(self.receiver.security)
        for _, packet in self.receiver.feed(data):
            if self.files is not None and self.files.is_file_packet(packet):
                if self.rng.random() >= self.loss:
                    self.files.receive(packet)
            else:
                self._take(Telemetry.unpack(packet))


def flown(loss: float = 0.0) -> FileStack:
    """A stack that is past its boot."""
    stack = FileStack(loss)
    stack.run(0.5)
    return stack


def test_a_file_goes_up_and_comes_down_again() -> None:
    """With one packet in ten lost, a file reaches its slot and comes back equal."""
    stack = flown(loss=0.1)
    content = random.Random(1).randbytes(60_000)
    assert stack.files.put(SLOT, content) is not None
    stack.run(30)
    assert [end.outcome for end in stack.ended] == [Outcome.DELIVERED]
    assert "file-complete" in stack.events
    stack.send("send-file", slot=SLOT)
    stack.run(30)
    assert stack.ended[-1].content == content
    assert "file-sent" in stack.events
    assert stack.files.under_way == 0


def test_commanding_goes_on_during_an_upload() -> None:
    """A ping sent in the middle of an upload is answered within two steps."""
    stack = flown()
    stack.files.put(SLOT, bytes(200_000))
    stack.run(0.2)
    assert stack.files.under_way == 1
    before = len(stack.told("alive"))
    stack.send("ping")
    stack.run(0.04)
    assert len(stack.told("alive")) == before + 1
    assert stack.files.under_way == 1


def test_a_filled_slot_refuses_another_file() -> None:
    """What is in a slot stays; the ground is told so in the protocol."""
    stack = flown()
    stack.files.put(SLOT, b"first")
    stack.run(2)
    stack.files.put(SLOT, b"second")
    stack.run(10)
    assert [end.outcome for end in stack.ended] == [Outcome.DELIVERED, Outcome.REFUSED]
    assert "transfer-failed" in stack.events


def test_an_empty_slot_cannot_be_sent() -> None:
    """A request for a file that is not there fails with its reason."""
    stack = flown()
    stack.send("send-file", slot=5)
    stack.run(0.1)
    assert stack.told("failed")


def test_a_download_survives_an_outage() -> None:
    """With nobody connected for a day the payload waits, and the rest comes down after."""
    stack = flown()
    content = random.Random(2).randbytes(150_000)
    stack.files.put(SLOT, content)
    stack.run(10)
    stack.send("send-file", slot=SLOT)
    stack.run(0.06)
    assert stack.files.under_way == 1
    stack.connections = ()
    stack.away = True
    stack.run(0.1)
    stack.now += 86_400
    stack.run(1)
    assert stack.files.under_way == 1
    stack.connections = (1,)
    stack.away = False
    stack.run(20)
    assert stack.ended[-1].content == content


def test_a_download_goes_on_after_a_restart_of_the_payload() -> None:
    """Cut off half way, the file is sent again under its number and arrives whole, once."""
    stack = flown()
    content = random.Random(3).randbytes(60_000)
    stack.controller._services.files.put(SLOT, content)
    stack.run(0.5)
    stack.send("send-file", slot=SLOT)
    while not _received(stack) > 20_000:
        stack.run(0.02)
    stack.reboot()
    stack.run(20.0)
    assert [(end.outcome, end.content) for end in stack.ended] == [(Outcome.DELIVERED, content)]
    assert stack.controller._services.transfers.under_way == 0


def _received(stack: FileStack) -> int:
    """Bytes of the files on their way down."""
    numbers = [number for number, _, receiving in stack.files.listed() if receiving]
    progress = [stack.files.progress(number, receiving=True) for number in numbers]
    return sum(one[0] for one in progress if one)
