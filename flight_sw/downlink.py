"""From reports to the bytes of the downlink: packet counters, time stamps, whole frames."""

from collections.abc import Iterable

from flight_sw.services.report import Report
from flight_sw.space_link.keys import LinkKey
from flight_sw.space_link.link import LinkSettings, TmSender
from flight_sw.space_link.packet import Telemetry

FRAMES_MAX = 64  # per step


class Downlink:
    """The sending end of telemetry; `security` holds the counter whose ceiling must be durable."""

    def __init__(self, key: LinkKey, settings: LinkSettings, ceiling: int) -> None:
        self._sender = TmSender(key, settings, ceiling)
        self._apid = settings.apid
        self._sequence = 0
        self._message_counters: dict[tuple[int, int], int] = {}
        self.security = self._sender.security

    def frames(self, reports: Iterable[Report], utc_s: float, clcw: bytes) -> bytes:
        """Queue the reports and send what may go; the rest waits for the next step."""
        for item in reports:
            self._sender.add(item.channel.value, self._packet(item, utc_s))
        count = min(FRAMES_MAX, self.security.available)
        return self._sender.flush(clcw, count) if count else b""

    def _packet(self, item: Report, utc_s: float) -> bytes:
        kind = item.service, item.subtype
        counter = self._message_counters.get(kind, 0)
        self._message_counters[kind] = (counter + 1) & 0xFFFF
        packet = Telemetry(
            apid=self._apid,
            sequence=self._sequence,
            service=item.service,
            subtype=item.subtype,
            data=item.data,
            time=utc_s,
            message_counter=counter,
        )
        self._sequence = (self._sequence + 1) & 0x3FFF
        return packet.pack()
