"""The records of all services on one storage: loaded at boot, saved in the order asked for.

Nothing here raises: storage that fails costs what it holds, never the boot or the step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flight_sw.devices.storage import Storage
from flight_sw.errors import StoreError
from flight_sw.store.records import Record

VERSION = 1
BOTH_SLOTS = frozenset({"keys"})  # an older copy would bring keys back that are out of force


@dataclass(frozen=True, slots=True)
class LoadedRecords:
    """Payloads by name, and the names of records that were written and have no whole copy."""

    payloads: dict[str, bytes] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()


class RecordStore:
    """Records by name, made as they are first used."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._records: dict[str, Record] = {}

    def load(self, names: tuple[str, ...]) -> LoadedRecords:
        """Read these; a damaged slot beside a whole one is mended by the next save."""
        payloads: dict[str, bytes] = {}
        damaged: list[str] = []
        for name in names:
            loaded = self._record(name).load()
            if loaded.payload is not None:
                payloads[name] = loaded.payload
            elif loaded.damaged:
                damaged.append(name)
        return LoadedRecords(payloads, tuple(damaged))

    def save(self, payloads: Mapping[str, bytes]) -> frozenset[str]:
        """Write these in order; the names of those that are durable now."""
        saved: set[str] = set()
        for name, payload in payloads.items():
            record = self._record(name)
            try:
                (record.save_both if name in BOTH_SLOTS else record.save)(payload)
            except StoreError:
                continue
            saved.add(name)
        return frozenset(saved)

    def _record(self, name: str) -> Record:
        if name not in self._records:
            self._records[name] = Record(self._storage, name, VERSION)
        return self._records[name]
