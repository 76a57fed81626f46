"""The whole payload in memory under attack, and the one oracle that all attacks share.

An attack must be refused for just the reason named, once for each try: nothing executed, the state
unchanged by hash, no other count moved, and the next good telecommand served.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flight_sw.controller import TC_CEILING, TM_CEILING
from flight_sw.dictionary.reason import Reason
from flight_sw.link_profile import file_apid
from flight_sw.services.st15_storage import StorageService
from flight_sw.space_link.cltu import encode_cltu
from flight_sw.space_link.framing import encode_cobs
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.packet import Telecommand, Telemetry
from flight_sw.space_link.refusal import Refusal
from flight_sw.space_link.sdls import _HEADER as SECURITY_HEADER
from flight_sw.space_link.sdls import COUNTER_END
from flight_sw.space_link.tc_frame import FECF_BYTES, HEADER_BYTES, FrameKind, TcHeader, close_frame
from flight_sw.store.counters import CeilingState, CeilingStore, ceiling_name
from tests.flight_sw.stack import TICK_S, Stack, StackStorage, emulated_profile

WHOLE = 0xC0  # segment header of an unsegmented packet on MAP 0
TELEMETRY_STORES = frozenset(StorageService().records())  # they keep the events of the refusals
Reasons = Refusal | Reason


@dataclass(frozen=True, slots=True)
class Forged:
    """What an attacker chooses of a frame that is otherwise made with the right key; see `forge`."""

    counter: int | None = None
    spi: int | None = None
    iv_spi: int | None = None
    board: int | None = None
    spacecraft: int | None = None
    channel: int = 0
    kind: FrameKind = FrameKind.BD
    frame_bytes: int | None = None
    secret: bytes | None = None
    segment_header: bytes = bytes([WHOLE])


class Attacked(Stack):
    """Controller, link and ground; ceilings are kept as in flight, on storage that can be cut."""

    def __init__(self, framing: str = "ccsds", storage: StackStorage | None = None) -> None:
        profile = emulated_profile()
        link = msgspec.structs.replace(profile.space_link, framing=framing)
        self.blobs = StackStorage() if storage is None else storage
        super().__init__(self.blobs, profile=msgspec.structs.replace(profile, space_link=link))
        self.framing = framing
        self.run(0.5)

    def _ceilings(self, keys: KeySet) -> tuple[int, int]:
        """As the controller's runner takes them: what is lost is closed."""
        stored = [CeilingStore(self.blobs, key).load() for key in (keys.tc, keys.tm)]
        lost = CeilingState.LOST
        tc, tm = (COUNTER_END if one.state is lost else one.value for one in stored)
        return tc, tm

    def _keep(self, counters: dict[str, int]) -> dict[str, int]:
        fixed = {TC_CEILING: ceiling_name(self.keys.tc), TM_CEILING: ceiling_name(self.keys.tm)}
        for name, value in counters.items():
            if name == "boot-confirmed":
                continue
            CeilingStore(self.blobs, fixed.get(name, name)).save(value)
        return counters

    @property
    def next_counter(self) -> int:
        """The smallest number that the payload takes."""
        return self.controller._uplink.security.next_counter

    def packet(self, name: str = "ping", **values: object) -> bytes:
        """A telecommand packet, not sent."""
        return self.telecommand(name, **values).pack()

    def raw(self, service: int, subtype: int, data: bytes) -> Telecommand:
        """A telecommand that no dictionary made."""
        return Telecommand(self.profile.spacecraft.apid, 1, service, subtype, data)

    def forge(self, packet: bytes, how: Forged = Forged()) -> bytes:
        """A frame with this packet and a right MAC and FECF, but for what the attacker chose."""
        key = self.keys.tc
        spi = key.spi if how.spi is None else how.spi
        iv_spi = spi if how.iv_spi is None else how.iv_spi
        counter = self.next_counter if how.counter is None else how.counter
        board = key.board if how.board is None else how.board
        spacecraft = self.profile.spacecraft.id if how.spacecraft is None else how.spacecraft
        head = how.segment_header if how.kind is not FrameKind.BC else b""
        size = HEADER_BYTES + len(head) + 14 + len(packet) + 16 + FECF_BYTES
        header = TcHeader(how.kind, spacecraft, how.channel).pack(how.frame_bytes or size) + head
        security = SECURITY_HEADER.pack(spi, board, iv_spi, counter)
        sealed = AESGCM(how.secret or key.secret).encrypt(security[2:], packet, header + security)
        return close_frame(header + security + sealed)

    def good(self) -> bytes:
        """A frame as the ground would send it next."""
        return self.forge(self.packet())

    def line(self, frame: bytes) -> bytes:
        """A frame as it goes over the line."""
        return encode_cltu(frame) if self.framing == "ccsds" else encode_cobs(frame)

    def attack(self, *frames: bytes) -> None:
        """Frames from an attacker, and time for the payload to take them."""
        for frame in frames:
            self.inject(self.line(frame))
        self.run(2 * TICK_S)

    def send(self, name: str, **values: object) -> bytes:
        """As the ground does, which follows the counter that the payload names."""
        self.sender.security.jump_to(self.next_counter)
        return super().send(name, **values)

    def command(self, telecommand: Telecommand) -> None:
        """An authentic frame with a telecommand that the ground's software would not make."""
        self.attack(self.forge(telecommand.pack()))

    def _hear(self, data: bytes) -> None:
        """Units of file transfer are for another ear."""
        self._store(self.receiver.security)
        files = file_apid(self.profile)
        for _, packet in self.receiver.feed(data):
            if int.from_bytes(packet[:2], "big") & 0x7FF != files:
                self._take(Telemetry.unpack(packet))

    def counts(self) -> Counter[str]:
        """Every refusal so far by reason, as housekeeping reports them."""
        told = self.controller._report.values(4, self.controller._glance(self.now))
        told |= self.controller._services.commanding.refusals.values()
        return Counter({name: int(count) for name, count in told.items() if count})

    def digest(self, *, link: bool) -> str:
        """The state that an attack must not move; with `link`, the security counter too."""
        controller, services = self.controller, self.controller._services
        kept = {
            name: part.image()
            for name, part in services.keeper.parts.items()
            if name not in TELEMETRY_STORES and name != "time"
        }
        clock_by_s = round(services.time.clock_s - self.now, 6)
        ring = services.keys.ring
        uplink = controller._uplink
        jobs = (services.jobs.queued, services.jobs.done, services.transfers.under_way)
        state = [controller._state.read(), ring.active, ring.pending, ring.revision, jobs]
        state += [uplink.farm.expected, uplink.farm.state, services.commanding.waiting]
        state += [self.supply, len(self.told("done")), len(self.told("alive"))]
        state += [sorted(kept.items()), clock_by_s, self.weights.tobytes()]
        if link:
            state += [uplink.security.next_counter, services.commanding.verification.accepted]
        return hashlib.sha256(repr(state).encode()).hexdigest()

    @contextmanager
    def refuses(self, reason: Reasons, times: int = 1) -> Iterator[None]:
        """What is sent inside is refused so often for this reason, and changes nothing else."""
        link = isinstance(reason, Refusal)
        name = f"frames_refused_{reason.name.lower()}" if link else f"refused_{reason.name.lower()}"
        self.run(TICK_S)  # whatever is due by itself has come to rest
        before, counts = self.digest(link=link), self.counts()
        yield
        self.run(2 * TICK_S)
        assert self.counts() - counts == Counter({name: times})
        assert self.digest(link=link) == before
        self.serves()

    def serves(self) -> None:
        """The next good telecommand is carried out, once."""
        before = len(self.told("alive"))
        self.send("ping")
        self.run(2 * TICK_S)
        assert len(self.told("alive")) == before + 1
