"""An attacker on the uplink: holds a frame back, changes one bit of its command, sends it on.

Encryption alone would not stop him: a flipped bit of the cipher text is one of the command, and
both checksums can be made right without the key. Only the MAC knows.
"""

from binascii import crc_hqx

from flight_sw.space_link.framing import Framing, StuffedDecoder, encode_stuffed
from flight_sw.space_link.sdls import MAC_BYTES
from flight_sw.space_link.tc_frame import close_frame
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.strike import Strike

FRAME_BYTES_MAX = 1024  # CCSDS 232.0, 4.1.1
CHECK_BYTES = 2
ARGUMENT_BYTES = 4  # at the end of what is sealed: the value that the command sets
RATES = (10, 40)


def forged(stack: TrialStack, one: Strike) -> str:
    """The command asks for a harmless value; the changed one asks for another."""
    ground = stack.ground
    before = ground.uplink
    ground.uplink = b""
    value = RATES[0] + int(one.level * (RATES[1] - RATES[0]))
    ground.send("set-parameter", parameter="event_rate", value=value)
    genuine, ground.uplink = ground.uplink, before
    frames = StuffedDecoder(FRAME_BYTES_MAX).feed(genuine)
    if len(frames) != 1:
        return "not one frame"
    body = bytearray(frames[0][:-CHECK_BYTES])
    bit = int(one.place * ARGUMENT_BYTES * 8)
    change = bytes([1 << bit % 8]) + bytes(bit // 8)
    change += crc_hqx(change, 0).to_bytes(2, "big")  # a CRC is linear: the packet's own is met too
    end = len(body) - MAC_BYTES
    for at, flipped in enumerate(change, end - len(change)):
        body[at] ^= flipped
    one.place_name = f"bit {bit}"
    ground.uplink += encode_stuffed(close_frame(bytes(body)), Framing.COBS)
    return ""
