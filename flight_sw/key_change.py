"""A change of keys while the link runs: what stands by, what must be durable first, when it takes over.

    load     ring changes -> record durable -> standby takes `verify-keys` and `activate-keys`
    activate ring changes -> record durable -> standby takes over in both directions at once

Nothing here takes effect before its record is on storage, and a ceiling belongs to one key: so a power
cut finds either the old keys with theirs or the new ones with theirs.
"""

from dataclasses import dataclass

from flight_sw.downlink import Downlink
from flight_sw.services.st05_events import Happening, happening
from flight_sw.services.st131_keys import KeyService
from flight_sw.space_link.key_ring import RECORD_NAME
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.link import TcReceiver
from flight_sw.space_link.sdls import COUNTER_END, SdlsReceiver, SdlsSender
from flight_sw.space_link.tm_link import TM_SENDER_BLOCK
from flight_sw.store.counters import ceiling_name

RETRY_S = 1.0
WORN_FROM = COUNTER_END - (1 << 32)  # years of telemetry before a key is used up


@dataclass(slots=True)
class Ends:
    """Both associations of one key set, and the names under which their ceilings are stored."""

    keys: KeySet
    tc: SdlsReceiver
    tm: SdlsSender
    names: tuple[str, str]


class KeyChange:
    """See the module text.

    Args:
        names: of the ceilings of the keys in force at boot.
        pending_ceilings: of telecommands and telemetry, of keys that were pending at boot.
    """

    def __init__(
        self,
        service: KeyService,
        uplink: TcReceiver,
        downlink: Downlink,
        names: tuple[str, str],
        pending_ceilings: tuple[int, int] = (0, 0),
    ) -> None:
        self._service = service
        self._uplink, self._downlink = uplink, downlink
        active = service.ring.active
        self._active = Ends(active, uplink.security, downlink.security, names)
        self._standby: Ends | None = None
        self._durable = self._offered = service.ring.revision
        self._retry_s = float("-inf")
        self._worn_told = False
        self._events: list[Happening] = []
        if service.ring.pending is not None:
            self._stand_by(service.ring.pending, pending_ceilings)

    def confirm(self, saved: frozenset[str], stored: dict[str, int], now: float) -> bool:
        """What became durable since the last step; True if other keys are in force now."""
        for ends in self._all():
            ends.tc.ceiling_confirmed(stored.get(ends.names[0], 0))
            ends.tm.ceiling_confirmed(stored.get(ends.names[1], 0))
        if self._offered == self._durable:
            return False
        if RECORD_NAME not in saved:
            self._offered, self._retry_s = self._durable, now + RETRY_S
            self._events.append(happening("storage-failed", name=RECORD_NAME))
            return False
        self._durable = self._offered
        return self._durable == self._service.ring.revision and self._take_effect()

    def wanted_ceilings(self) -> dict[str, int | None]:
        """Ceilings of all keys that are or may soon be in force."""
        wanted: dict[str, int | None] = {}
        for ends in self._all():
            wanted[ends.names[0]] = ends.tc.wanted_ceiling()
            wanted[ends.names[1]] = ends.tm.wanted_ceiling()
        return wanted

    def record(self, now: float) -> dict[str, bytes]:
        """The record of keys, if it must be written now."""
        revision = self._service.ring.revision
        if revision == self._durable or now < self._retry_s:
            return {}
        self._offered = revision
        return {RECORD_NAME: self._service.ring.image()}

    def take_events(self) -> list[Happening]:
        """What happened since the last call."""
        self._tell_wear()
        events, self._events = self._events, []
        return events + self._service.take_events()

    def wake_at(self) -> float:
        """When a record that storage refused is tried again."""
        unsaved = self._service.ring.revision != self._durable
        return self._retry_s if unsaved else float("inf")

    def _all(self) -> list[Ends]:
        return [self._active, *([] if self._standby is None else [self._standby])]

    def _take_effect(self) -> bool:
        ring, standby = self._service.ring, self._standby
        changes = standby is not None and standby.keys == ring.active
        if standby is not None and changes:
            self._change_over(standby)
        if ring.pending is None:
            self._standby = self._service.standby = None
            self._uplink.stand_by(None)
        elif self._standby is None or self._standby.keys != ring.pending:
            self._stand_by(ring.pending, (0, 0))
        return changes

    def _tell_wear(self) -> None:
        """Once per key and boot, long before its counter ends and nothing more can pass."""
        next_counter = max(self._active.tc.next_counter, self._active.tm.next_counter)
        if next_counter >= WORN_FROM and not self._worn_told:
            self._worn_told = True
            self._events.append(happening("key-worn-out", key=self._active.keys.tc.key_id))

    def _stand_by(self, keys: KeySet, ceilings: tuple[int, int]) -> None:
        receiver = SdlsReceiver(keys.tc, ceilings[0])
        sender = SdlsSender(keys.tm, ceilings[1], TM_SENDER_BLOCK)
        names = (ceiling_name(keys.tc), ceiling_name(keys.tm))
        self._standby = Ends(keys, receiver, sender, names)
        self._service.standby = receiver
        self._uplink.stand_by(receiver)

    def _change_over(self, standby: Ends) -> None:
        self._uplink.change_key(standby.tc)
        self._downlink.change_key(standby.tm)
        self._active, self._standby = standby, None
        self._service.standby = None
        self._worn_told = False
        self._events.append(happening("keys-changed", key=standby.keys.tc.key_id))
