"""ST[15] storage and retrieval: telemetry kept on board, for ground that was not listening.

Shall: keep events, housekeeping and results each in a ring of its own, so that much of one never costs
the others; send what was stored of a time range, byte for byte; keep the rings over a restart.
How verified: tests/flight_sw/services/test_st15_storage.py (state machine against a list).
Off nominal: a full ring loses its oldest segment, counted in `store-state`. A crash loses at most
FLUSH_S seconds of stored telemetry, but no event of severity HIGH. Retrieval goes at the pace of the
downlink, below all live telemetry; packets overwritten meanwhile are left out.
Not provided: stores defined at run time; two retrievals at once (BUSY).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.storage_commands import STORES
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Channel, Report, report
from flight_sw.services.st05_events import Happening, happening

SEGMENT_BYTES = 65_536
SEGMENTS = 16
FLUSH_S = 30.0
PACKETS_PER_STEP = 32
_HIGH = (5, 4)


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One stored packet and its time stamp."""

    time_s: float
    packet: bytes


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sequence: int
    packets: list[Kept]


class Segment:
    """A piece of a ring, with a record of its own; `sequence` tells which is newer, 0 is unused."""

    def __init__(self) -> None:
        self.revision = 0
        self.sequence = 0
        self.packets: list[Kept] = []
        self.size = 0

    def begin(self, sequence: int) -> int:
        """Empty it for new packets; how many old ones that costs."""
        lost = len(self.packets)
        self.sequence, self.packets, self.size = sequence, [], 0
        return lost

    def image(self) -> bytes:
        """As stored."""
        return msgspec.msgpack.encode(_Image(self.sequence, self.packets))

    def restore(self, image: bytes) -> None:
        """Take stored packets over."""
        saved = read_image(image, _Image)
        self.sequence, self.packets = saved.sequence, saved.packets
        self.size = sum(len(kept.packet) for kept in self.packets)


class PacketStore:
    """One ring of segments."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.enabled = True
        self.overwritten = 0
        self.segments = [Segment() for _ in range(SEGMENTS)]
        self._flush_s = float("inf")

    @property
    def size(self) -> int:
        """Bytes of all packets."""
        return sum(segment.size for segment in self.segments)

    def add(self, packet: bytes, stamp_s: float, now: float, *, at_once: bool = False) -> None:
        """Keep one packet; it becomes durable within FLUSH_S, or with this step."""
        segment = self._open()
        if segment.sequence == 0:
            segment.begin(1)
        if segment.size + len(packet) > SEGMENT_BYTES and segment.packets:
            segment.revision += 1
            following = min(self.segments, key=lambda s: s.sequence)
            self.overwritten += following.begin(segment.sequence + 1)
            segment = following
        segment.packets.append(Kept(stamp_s, packet))
        segment.size += len(packet)
        self._flush_s = min(self._flush_s, now if at_once else now + FLUSH_S)

    def flush(self, now: float) -> None:
        """Let the open segment be stored if it is time."""
        if now >= self._flush_s < float("inf"):
            self._flush_s = float("inf")
            self._open().revision += 1

    def wake_at(self) -> float:
        """When the open segment is to be stored."""
        return self._flush_s

    def after(self, position: tuple[int, int]) -> tuple[tuple[int, int], Kept] | None:
        """The first packet at or behind a position, and the position behind it."""
        for segment in self._in_order():
            index = position[1] if segment.sequence == position[0] else 0
            if segment.sequence >= position[0] and index < len(segment.packets):
                return (segment.sequence, index + 1), segment.packets[index]
        return None

    def delete(self, until_s: float) -> None:
        """Forget packets with stamps before this."""
        for segment in self.segments:
            left = [kept for kept in segment.packets if kept.time_s >= until_s]
            if len(left) < len(segment.packets):
                segment.packets = left
                segment.size = sum(len(kept.packet) for kept in left)
                segment.revision += 1

    def state(self) -> Report:
        """(15,13)."""
        stamps = [kept.time_s for segment in self._in_order() for kept in segment.packets]
        return report(
            "store-state",
            store=self.name,
            enabled=self.enabled,
            packets=len(stamps),
            bytes=self.size,
            oldest=min(stamps, default=0.0),
            newest=max(stamps, default=0.0),
            overwritten=self.overwritten,
        )

    def _open(self) -> Segment:
        return max(self.segments, key=lambda segment: segment.sequence)

    def _in_order(self) -> list[Segment]:
        return sorted(self.segments, key=lambda segment: segment.sequence)


@dataclass(slots=True)
class _Retrieval:
    store: PacketStore
    since_s: float
    until_s: float
    position: tuple[int, int] = (0, 0)
    sent: int = 0


class StorageService:
    """The stores and the retrieval under way."""

    def __init__(self) -> None:
        self.stores = {name: PacketStore(name) for name in STORES}
        self._retrieval: _Retrieval | None = None
        self._events: list[Happening] = []

    @property
    def size(self) -> int:
        """Bytes in all stores."""
        return sum(store.size for store in self.stores.values())

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[15]."""
        return {
            "enable-store": lambda call: self._enable(call, enabled=True),
            "disable-store": lambda call: self._enable(call, enabled=False),
            "retrieve-store": self._retrieve,
            "delete-store": self._delete,
            "report-stores": lambda _: [store.state() for store in self.stores.values()],
            "stop-retrieval": self._stop,
        }

    def records(self) -> dict[str, Segment]:
        """Every segment under the name of its record."""
        return {
            f"tm-{name}-{index:02}": segment
            for name, store in self.stores.items()
            for index, segment in enumerate(store.segments)
        }

    def keep(self, item: Report, packet: bytes, stamp_s: float, now: float) -> None:
        """Store a packet of telemetry by its kind; verification and answers are not stored."""
        store = self._store_of(item)
        if store is not None and store.enabled:
            high = (item.service, item.subtype) == _HIGH
            store.add(packet, stamp_s, now, at_once=high)

    def step(self, now: float) -> None:
        """Let segments be stored when it is time."""
        for store in self.stores.values():
            store.flush(now)

    def retrieved(self) -> list[bytes]:
        """Packets to send again now."""
        retrieval = self._retrieval
        packets: list[bytes] = []
        while retrieval is not None and len(packets) < PACKETS_PER_STEP:
            found = retrieval.store.after(retrieval.position)
            if found is None:
                self._end(retrieval)
                break
            retrieval.position, kept = found
            if retrieval.since_s <= kept.time_s < retrieval.until_s:
                packets.append(kept.packet)
                retrieval.sent += 1
        return packets

    def wake_at(self, now: float) -> float:
        """When there is something to send or to store."""
        if self._retrieval is not None:
            return now
        return min(store.wake_at() for store in self.stores.values())

    def take_events(self) -> list[Happening]:
        """Retrievals that ended since the last call."""
        events, self._events = self._events, []
        return events

    def _store_of(self, item: Report) -> PacketStore | None:
        if item.service == 5:
            return self.stores["events"]
        if item.service == 3:
            return self.stores["housekeeping"]
        return self.stores["results"] if item.channel is Channel.RESULTS else None

    def _end(self, retrieval: _Retrieval) -> None:
        self._retrieval = None
        name, sent = retrieval.store.name, retrieval.sent
        self._events.append(happening("retrieval-done", count=sent, store=name))

    def _enable(self, call: Call, *, enabled: bool) -> Outcome:
        self.stores[call.text("store")].enabled = enabled
        return None

    def _retrieve(self, call: Call) -> Outcome:
        if self._retrieval is not None:
            return Reason.BUSY
        store = self.stores[call.text("store")]
        self._retrieval = _Retrieval(store, call.real("since"), call.real("until"))
        return None

    def _delete(self, call: Call) -> Outcome:
        self.stores[call.text("store")].delete(call.real("until"))
        return None

    def _stop(self, _: Call) -> Outcome:
        if self._retrieval is None:
            return Reason.NO_SUCH_ENTRY
        self._end(self._retrieval)
        return None
