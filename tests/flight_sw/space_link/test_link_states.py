"""The ends of the link in states that a flight seldom sees: other lines, a pending key, stray words."""

from flight_sw.space_link.farm import Clcw
from flight_sw.space_link.keys import new_keys, next_keys
from flight_sw.space_link.link import LinkSettings, Standby, TcReceiver, TcSender
from flight_sw.space_link.packet import BarePacket, Telecommand
from flight_sw.space_link.refusal import Refusal, Refused
from flight_sw.space_link.sdls import SdlsReceiver

APID = 7
LINK = LinkSettings(42, APID, file_apid=APID + 1)
KEYS = new_keys(3, bytes(range(96)), 1)


def ping(sequence: int = 0, data: bytes = b"") -> Telecommand:
    """A small telecommand."""
    return Telecommand(APID, sequence, 17, 1, data)


def uplink() -> tuple[TcSender, TcReceiver]:
    """Both ends with their first block stored."""
    ends = TcSender(KEYS.tc, LINK, 0), TcReceiver(KEYS.tc, LINK, 0)
    for end in ends:
        end.security.ceiling_confirmed(256)
    return ends


def test_a_line_that_was_never_heard_has_nothing_to_drop() -> None:
    """Dropping and disconnecting unknown connections is harmless."""
    sender, receiver = uplink()
    receiver.drop_partial(7)
    receiver.disconnect(7)
    assert receiver.feed(7, sender.encode(ping())) == [ping()]


def test_the_pending_key_takes_whole_telecommands_in_bypass_and_nothing_else() -> None:
    """Sequence-controlled frames, control commands and bare packets under it are refused."""
    _, receiver = uplink()
    pending = next_keys(KEYS, bytes(range(64)), 2).tc
    sender, standby = TcSender(pending, LINK, 0), SdlsReceiver(pending, 0)
    for end in (sender.security, standby):
        end.ceiling_confirmed(256)
    receiver.stand_by(standby)
    unit = BarePacket(APID + 1, 5, b"unit", telecommand=True)
    for data in (sender.encode_ad(ping()), sender.encode_unlock(), sender.encode(unit)):
        assert receiver.feed(0, data) == [Refused(Refusal.STATE)]
    parts = receiver.feed(0, sender.encode(ping(1, bytes(2000))))
    assert parts == [Refused(reason) for reason in (Refusal.STATE, *[Refusal.SEGMENT] * 2)]
    assert receiver.feed(0, sender.encode(ping(2))) == [Standby(ping(2))]


def test_a_control_word_about_other_frames_acknowledges_nothing() -> None:
    """A report that names no frame on its way leaves all of them waiting."""
    sender, receiver = uplink()
    sender.encode_ad(ping())
    stray = Clcw(channel=0, lockout=False, wait=False, retransmit=False, farm_b=0, report=200)
    assert sender.acknowledge(stray) == b""
    assert sender.unacknowledged() == 1
    assert receiver.clcw()
