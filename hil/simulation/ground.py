"""The ground inside the simulation: commands up, reports down, through the real space link."""

from collections.abc import Callable, Mapping
from typing import Any

from flight_sw.dictionary import events, telecommands, telemetry
from flight_sw.dictionary.field import decode
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.link import LinkSettings, TcSender, TmReceiver
from flight_sw.space_link.packet import Telecommand, Telemetry

Hear = Callable[[str, Mapping[str, Any]], None]


class VirtualGround:
    """Sends telecommands and decodes what comes down.

    Args:
        event, housekeeping, report: called for each decoded packet with its name and values.
    """

    def __init__(self, keys: KeySet, settings: LinkSettings, apid: int, hear: Hear) -> None:
        self.uplink = b""
        self.sent = 0
        self._sender = TcSender(keys.tc, settings, 0)
        self._receiver = TmReceiver(keys.tm, settings, 0)
        self._apid = apid
        self._hear = hear

    def send(self, name: str, **values: Any) -> None:
        """One telecommand onto the uplink."""
        _store(self._sender.security)
        command = telecommands.BY_NAME[name]
        packet = Telecommand(
            self._apid, self.sent, command.service, command.subtype, command.encode(values)
        )
        self.sent = (self.sent + 1) & 0x3FFF
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
            self._take(Telemetry.unpack(packet))

    def _take(self, packet: Telemetry) -> None:
        if packet.service == 5:
            definition = events.EVENTS[int.from_bytes(packet.data[:2], "big")]
            values = decode(definition.fields, packet.data[2:])
            self._hear(f"event:{definition.name}", values | {"says": definition.sentence(values)})
        elif packet.service == 3 and packet.data[0] in telemetry.HOUSEKEEPING:
            fields = telemetry.HOUSEKEEPING[packet.data[0]]
            self._hear(f"housekeeping:{packet.data[0]}", decode(fields, packet.data[1:]))
        else:
            kind = telemetry.BY_CODE.get((packet.service, packet.subtype))
            if kind is not None:
                self._hear(kind.name, decode(kind.fields, packet.data))


def _store(security: Any) -> None:
    wanted = security.wanted_ceiling()
    if wanted is not None:
        security.ceiling_confirmed(wanted)
