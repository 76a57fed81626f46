"""spacepackets unpacks every packet that we emit, and what it packs is taken."""

from spacepackets.ccsds.spacepacket import SpacePacketHeader
from spacepackets.ecss.tc import PusTc
from spacepackets.ecss.tm import PusTm

from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.space_link.packet import Telecommand, Telemetry, is_idle
from tests.flight_sw.stack import Stack

CDS_SHORT_BYTES = 7


class EmittingStack(Stack):
    """Keeps packets of every kind as they leave the payload."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        super().__init__()

    def _hear(self, data: bytes) -> None:
        self._store(self.receiver.security)
        for _, packet in self.receiver.feed(data):
            self.packets.append(packet)
            self._take(Telemetry.unpack(packet))


def emitted() -> list[bytes]:
    """A short flight with jobs, reports, events and refusals."""
    stack = EmittingStack()
    stack.fly()
    for job in range(3):
        stack.submit(job)
    for name in ("report-models", "report-regions", "report-files", "report-stores", "ping"):
        stack.send(name)
    stack.send("send-file", slot=1)
    stack.flip(5)
    stack.run(3.0)
    return stack.packets


def test_every_packet_down_is_unpacked_alike() -> None:
    """Header, time and data of each packet are the same to spacepackets, and it packs them alike."""
    packets = emitted()
    assert len({(packet[7], packet[8]) for packet in packets}) >= 10
    for raw in packets:
        ours = Telemetry.unpack(raw)
        theirs = PusTm.unpack(raw, CDS_SHORT_BYTES)
        assert not is_idle(raw)
        assert (theirs.apid, theirs.seq_count) == (ours.apid, ours.sequence)
        assert (theirs.service, theirs.message_subtype) == (ours.service, ours.subtype)
        assert bytes(theirs.source_data) == ours.data
        assert bytes(theirs.pack()) == raw


def test_every_telecommand_of_theirs_is_taken() -> None:
    """A telecommand that spacepackets packs is one that the payload carries out."""
    stack = Stack()
    stack.run(0.5)
    for name in ("ping", "report-files", "report-stores", "report-transfers"):
        command = BY_NAME[name]
        theirs = PusTc(
            apid=stack.profile.spacecraft.apid,
            service=command.service,
            message_subtype=command.subtype,
            app_data=command.encode({}),
            seq_count=77,
        ).pack()
        ours = Telecommand.unpack(bytes(theirs))
        assert ours.pack() == bytes(theirs)
        stack._store(stack.sender.security)
        stack.inject(stack.sender.encode(ours))
        stack.run(0.1)
    assert len(stack.told("done")) == 4
    assert not stack.told("not-accepted")


def test_headers_agree_on_the_length() -> None:
    """The packet length field means the same to both."""
    for raw in emitted()[:20]:
        assert SpacePacketHeader.unpack(raw).packet_len == len(raw)
