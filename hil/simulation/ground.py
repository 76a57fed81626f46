"""The ground inside the simulation: commands up, reports down, through the real space link.

A telecommand goes up in frames that nothing repeats; on a noisy link the operator does, as one at a
console would: what nobody has answered is sent again, a few times.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from flight_sw.dictionary import events, telecommands, telemetry
from flight_sw.dictionary.field import decode
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.link import LinkSettings, TcSender, TmReceiver
from flight_sw.space_link.packet import Telecommand, Telemetry

Hear = Callable[[str, Mapping[str, Any]], None]
ANSWER_S = 60.0  # of silence until a telecommand is sent again
TRIES_MAX = 8
ANSWERS = frozenset({"accepted", "not-accepted"})


@dataclass(frozen=True, slots=True)
class _Sent:
    """A telecommand on its way; `values` with its arguments."""

    name: str
    values: Mapping[str, Any]
    at_s: float
    tries: int


class VirtualGround:
    """Sends telecommands and decodes what comes down.

    Args:
        event, housekeeping, report: called for each decoded packet with its name and values.
    """

    def __init__(self, keys: KeySet, settings: LinkSettings, apid: int, hear: Hear) -> None:
        self.uplink = b""
        self.now_s = 0.0  # as the mission counts
        self.sent = 0
        self.repeated = 0
        self.given_up = 0
        self._heard: set[bytes] = set()
        self._unanswered: dict[int, _Sent] = {}
        self._sender = TcSender(keys.tc, settings, 0)
        self._receiver = TmReceiver(keys.tm, settings, 0)
        self._apid = apid
        self._hear = hear

    def send(self, name: str, **values: Any) -> None:
        """One telecommand onto the uplink."""
        self._put(_Sent(name, values, self.now_s, 1))

    def repeat(self) -> bool:
        """Send again what nobody has answered for a while; whether anything was."""
        late = [n for n, s in self._unanswered.items() if self.now_s - s.at_s >= ANSWER_S]
        for number in late:
            one = self._unanswered.pop(number)
            if one.tries < TRIES_MAX:
                self.repeated += 1
                self._put(_Sent(one.name, one.values, self.now_s, one.tries + 1))
            else:
                self.given_up += 1
        return bool(late)

    def _put(self, one: _Sent) -> None:
        _store(self._sender.security)
        name, values = one.name, one.values
        command = telecommands.BY_NAME[name]
        packet = Telecommand(
            self._apid, self.sent, command.service, command.subtype, command.encode(values)
        )
        self.sent = (self.sent + 1) & 0x3FFF
        self._unanswered[int.from_bytes(packet.request_id, "big")] = one
        self.uplink += self._sender.encode(packet)

    def catch_up(self, counter: int) -> None:
        """Send from this counter on, where telemetry says that smaller ones are refused."""
        if counter > self._sender.security.next_counter:
            self._sender.security.jump_to(counter)

    def take_uplink(self) -> bytes:
        """What is on its way up."""
        out, self.uplink = self.uplink, b""
        return out

    def receive(self, data: bytes) -> None:
        """Decode the downlink."""
        _store(self._receiver.security)
        for _, packet in self._receiver.feed(data):
            name = blake2b(packet, digest_size=8).digest()
            if name not in self._heard:  # a store sends what came down already
                self._heard.add(name)
                self._take(Telemetry.unpack(packet))

    def _take(self, packet: Telemetry) -> None:
        if packet.service == 5:
            definition = events.EVENTS[int.from_bytes(packet.data[:2], "big")]
            values = decode(definition.fields, packet.data[2:])
            told = {"says": definition.sentence(values), "stamped_s": packet.time}
            self._hear(f"event:{definition.name}", values | told)
        elif packet.service == 3 and packet.data[0] in telemetry.HOUSEKEEPING:
            fields = telemetry.HOUSEKEEPING[packet.data[0]]
            self._hear(f"housekeeping:{packet.data[0]}", decode(fields, packet.data[1:]))
        else:
            kind = telemetry.BY_CODE.get((packet.service, packet.subtype))
            if kind is not None:
                values = decode(kind.fields, packet.data)
                if kind.name in ANSWERS:
                    self._unanswered.pop(values["request"], None)
                self._hear(kind.name, values)


def _store(security: Any) -> None:
    wanted = security.wanted_ceiling()
    if wanted is not None:
        security.ceiling_confirmed(wanted)
