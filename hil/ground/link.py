"""The ground's end of the space link: telecommands to a port, a port's bytes to telemetry packets.

Opens the port anew after a loss, keeps the security counters, and follows the payload's counter, so
that a controller that was restarted, or commanded by another program meanwhile, is not lost for good.
"""

import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.clock import SystemClock
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.errors import PortError, UserError
from flight_sw.link_profile import link_settings
from flight_sw.profile import Profile
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.link import TcSender, TmReceiver
from flight_sw.space_link.packet import BarePacket, Telecommand
from flight_sw.space_link.sdls import CEILING_BLOCK, TC_WINDOW, TM_WINDOW
from hil.ground.address import port_opener
from hil.ground.link_state import LinkState

OUT_BYTES_MAX = 262_144  # bytes that wait for the port; more are not taken
KEEP_PERIOD_S = 1.0  # between two writes of the telemetry counter
RETRY_S = 0.1
UP, DOWN, OPENED, LOST = "up", "down", "opened", "lost"  # what a tap hears of the line
FILE_BYTES_AHEAD = 4_096  # 45 ms at 921,600 baud

Tap = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class PendingUplink:
    """Keys that the payload holds beside those in force, and the smallest counter it takes there."""

    keys: KeySet
    counter: int


class GroundLink:
    """One space link, polled by its owner.

    Args:
        url: `tcp://host:port`, or a serial port as `/dev/ttyUSB0@921600`.
        state: folder for the counters.
        profile: the board's, for the names and framing of the link.
        up: during a key change, the keys of the uplink; telemetry still comes under `keys`.
    """

    def __init__(
        self,
        url: str,
        keys: KeySet,
        state: Path,
        profile: Profile,
        up: PendingUplink | None = None,
    ) -> None:
        settings = link_settings(profile)
        self.url = url
        self.tap: Tap | None = None  # hears every byte both ways, as it passes the port
        self.bytes_up = 0  # of telecommands, as they go to the line
        self.is_synced = False  # whether the payload has named its counter since the line opened
        self._apid = settings.apid
        self._up = up
        self._tm_state = LinkState(state, keys)
        self._state = self._tm_state if up is None else LinkState(state, up.keys)
        tc_ceiling, tm_seen = self._state.counters().tc_ceiling, self._tm_state.counters().tm_seen
        self._sender = TcSender((up.keys if up else keys).tc, settings, tc_ceiling)
        self._receiver = TmReceiver(keys.tm, settings, tm_seen, TM_WINDOW)
        self._port = ReopeningPort(port_opener(url), SystemClock())
        self._out = bytearray()
        self._opens = 0
        self._payload_counter = up.counter if up else 0
        self._jumped = True  # where we start may be far ahead already
        self._keep_at_s = 0.0

    def connect(self, within_s: float) -> None:
        """Open the port, trying until the time is up.

        Raises:
            PortError: nobody answers there, or the port cannot be opened.
        """
        end_s = time.monotonic() + within_s
        while True:
            try:
                self._port.check()
            except PortError:
                if time.monotonic() + RETRY_S > end_s:
                    raise
                time.sleep(RETRY_S)
            else:
                return

    def close(self) -> None:
        """Keep the counters and hang up."""
        self._port.close()
        self._tm_state.seen(self._receiver.security.next_counter)
        self._state.settle(self._sender.security)

    @property
    def is_open(self) -> bool:
        """Whether the line is open; it says nothing about who is behind it."""
        return self._port.is_open

    @property
    def has_room(self) -> bool:
        """Whether a telecommand would go out soon."""
        return self._port.is_open and len(self._out) < OUT_BYTES_MAX

    @property
    def is_flushed(self) -> bool:
        """Whether the port has taken everything."""
        return not self._out

    @property
    def opens(self) -> int:
        """How often the line came up."""
        return self._port.opens

    @property
    def next_counter(self) -> int:
        """The security counter of the next telecommand frame."""
        return self._sender.security.next_counter

    @property
    def frames_bad(self) -> int:
        """Telemetry frames refused, for any reason."""
        return self._receiver.refusals.total()

    def send(self, service: int, subtype: int, data: bytes) -> bytes:
        """Send a telecommand; returns its request id, 4 bytes.

        Raises:
            UserError: the counters of ground and payload are too far apart.
            StoreError: the counters cannot be stored.
        """
        self._reserve()
        sequence = self._sender.security.next_counter & 0x3FFF
        telecommand = Telecommand(self._apid, sequence, service, subtype, data)
        raw = self._sender.encode(telecommand)
        self._state.keep_frame(raw)
        self.bytes_up += len(raw)
        self._out += raw
        self._flush()
        return telecommand.request_id

    def send_bare(self, packet: BarePacket) -> None:
        """Send a packet of file transfer; errors as for `send`."""
        self._reserve()
        self._out += self._sender.encode(packet)
        self._flush()

    @property
    def has_room_for_files(self) -> bool:
        """Whether a telecommand that follows a few units of a file would still go out soon."""
        return self._port.is_open and self.is_synced and len(self._out) < FILE_BYTES_AHEAD

    def replay_last(self) -> int:
        """Send the last telecommand's bytes again; returns how many.

        Raises:
            UserError: no telecommand was sent yet.
        """
        raw = self._state.last_frame()
        if raw is None:
            raise UserError("nothing to replay: no telecommand was sent with these keys from here")
        self._out += raw
        self._flush()
        return len(raw)

    def inject(self, data: bytes) -> None:
        """Send raw bytes, no frame of ours."""
        self._out += data
        self._flush()

    def receive(self) -> list[bytes]:
        """The packets that have arrived; also pushes what waits to go out."""
        losses = self._port.losses
        received = self._port.read()
        if self._port.losses != losses:
            self._heard(LOST, self._port.last_error.encode())
        if self._port.opens != self._opens:
            self._start_afresh()
        if received:
            self._heard(DOWN, received)
        packets = self._receiver.feed(received) + self._confirm_seen()
        self._flush()
        return [packet for _, packet in packets]

    def wait(self, timeout_s: float) -> None:
        """Sleep until something arrives, at most this long."""
        fd = self._port.fileno()
        if fd is None:
            time.sleep(timeout_s)
        else:
            select.select([fd], [fd] if self._out else [], [], timeout_s)

    def follow(self, counter: int) -> None:
        """The payload has named the smallest counter that it will accept with the keys in force."""
        self._payload_counter = self._up.counter if self._up else counter
        self.is_synced = True

    def is_ahead(self) -> bool:
        """Whether our counter has jumped beyond what the payload may have durably reserved.

        Counters that another ground program has reserved are skipped, and those that a killed one
        left; the payload then refuses the first frame, stores a higher ceiling and takes the next.
        True once per jump.
        """
        self._reserve()
        lead = self._sender.security.next_counter - self._payload_counter
        jumped, self._jumped = self._jumped, False
        return jumped and self.is_synced and lead >= CEILING_BLOCK // 2

    def why_silent(self) -> str | None:
        """Why nothing comes, if the link knows."""
        if not self._port.is_open:
            return self._port.last_error or f"{self.url}: not connected"
        refused = {r.name: n for r, n in self._receiver.refusals.as_mapping().items() if n}
        if self._receiver.deframer.frames or not refused:
            return None
        return (
            f"telemetry comes but no frame passes ({_words(refused)}): "
            "give both ends the same key file, and keep both state folders"
        )

    def _start_afresh(self) -> None:
        """The line was opened anew: nothing half-sent or half-received may leak into it."""
        self._opens = self._port.opens
        self._heard(OPENED, self.url.encode())
        self._receiver.reset()
        self._out.clear()
        self._jumped = True
        self.is_synced = False

    def _flush(self) -> None:
        if self._out and self._port.is_open:
            taken = self._port.write(bytes(self._out))
            if taken:
                self._heard(UP, bytes(self._out[:taken]))
            del self._out[:taken]

    def _heard(self, what: str, data: bytes) -> None:
        if self.tap is not None:
            self.tap(what, data)

    def _reserve(self) -> None:
        security = self._sender.security
        behind = self._payload_counter > security.next_counter
        if behind or security.wanted_ceiling() is not None:
            before = security.next_counter
            self._state.reserve(security, self._payload_counter)
            self._jumped |= security.next_counter != before
        if self.is_synced and security.next_counter >= self._payload_counter + TC_WINDOW:
            raise UserError(
                "the counter kept here is too far ahead of the payload's (was its state deleted?): "
                "make new keys for both ends with `vanallen keys new --force`"
            )

    def _confirm_seen(self) -> list[tuple[int, bytes]]:
        """Let frames pass at once, and remember now and then how far they have come."""
        security = self._receiver.security
        wanted = security.wanted_ceiling()
        held: list[tuple[int, bytes]] = []
        if wanted is not None:
            security.ceiling_confirmed(wanted)
            held = self._receiver.deframer.retry_held()
        if time.monotonic() >= self._keep_at_s:
            self._keep_at_s = time.monotonic() + KEEP_PERIOD_S
            self._tm_state.seen(security.next_counter)
        return held


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
