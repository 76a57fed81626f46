"""Users of the two-slot records: the record itself, boot counter, run marker, ceilings, key file."""

from collections.abc import Mapping
from pathlib import Path

from flight_sw.devices.storage import FileStorage, read_key_file, write_key_file
from flight_sw.errors import KeyFileError, StoreError
from flight_sw.space_link.keys import format_keys, parse_keys, reserved_test_keys
from flight_sw.store.counters import (
    BootCounter,
    CeilingState,
    CeilingStore,
    ResetCause,
    RunMarker,
)
from flight_sw.store.records import Record
from hil.faults.disk import Disk

KEYS = reserved_test_keys(3)


class RecordCase:
    """One record, saved and saved again, in a folder that does not exist before."""

    name = "record"
    rot_old, rot_also = True, ()

    def prepare(self, folder: Path) -> None:
        """Nothing is there."""

    def work(self, folder: Path, disk: Disk) -> None:
        """Four saves of different length, the second longer, the third shorter."""
        storage = _opened(folder)
        record = None if storage is None else Record(storage, "thing", 1)
        for payload in (b"one", b"a longer second", b"3", b"the fourth"):
            if record is not None:
                disk.store("thing", payload, lambda p=payload: record.save(p), StoreError)

    def found(self, folder: Path) -> Mapping[str, object]:
        """What a fresh reader finds."""
        return {"thing": Record(FileStorage(folder / "state"), "thing", 1).load().payload}

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """Two more saves."""
        record = Record(FileStorage(folder / "state"), "thing", 1)
        for payload in (b"after the cut", b"and again"):
            disk.store("thing", payload, lambda p=payload: record.save(p), StoreError)


class CeilingCase:
    """The anti-replay ceilings of both directions: never lower than promised, never lost."""

    name = "ceilings"
    rot_old, rot_also = False, ()  # both slots hold the newest

    def prepare(self, folder: Path) -> None:
        """Nothing is there."""

    def work(self, folder: Path, disk: Disk) -> None:
        """Blocks of 256 numbers, as the link asks for them."""
        storage = _opened(folder)
        if storage is not None:
            self._raise(storage, disk, 0)

    def found(self, folder: Path) -> Mapping[str, object]:
        """Both ceilings; LOST is no value that anything allows."""
        storage = FileStorage(folder / "state")
        found = {"tc": CeilingStore(storage, KEYS.tc), "tm": CeilingStore(storage, KEYS.tm)}
        return {
            name: None if (loaded := store.load()).state is CeilingState.NEVER_SAVED
            else loaded.value if loaded.state is CeilingState.VALID else "LOST"
            for name, store in found.items()
        }  # fmt: skip

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """The next block, above whatever was found."""
        storage = FileStorage(folder / "state")
        self._raise(storage, disk, max(v or 0 for v in self.found(folder).values()))

    def _raise(self, storage: FileStorage, disk: Disk, above: int) -> None:
        for step in (256, 512):
            for name, key in (("tc", KEYS.tc), ("tm", KEYS.tm)):
                store, value = CeilingStore(storage, key), above + step
                disk.store(name, value, lambda s=store, v=value: s.save(v), StoreError)


class BootCase:
    """Boots one after another: each counted before anything else, none forgotten."""

    name = "boots"
    rot_old, rot_also = True, ()

    def prepare(self, folder: Path) -> None:
        """Nothing is there."""

    def work(self, folder: Path, disk: Disk) -> None:
        """Three boots that crash, one that holds and ends in order, one more."""
        storage = _opened(folder)
        if storage is None:
            return
        for boot in range(5):
            self._boot(storage, disk, holds=boot == 3)

    def found(self, folder: Path) -> Mapping[str, object]:
        """Boots, and those in a row that did not hold."""
        storage = FileStorage(folder / "state")
        record = BootCounter(storage).load()
        RunMarker(storage)
        return {"boots": (record.boots, record.unconfirmed) if record.boots else None}

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """One boot more."""
        self._boot(FileStorage(folder / "state"), disk, holds=False)

    def _boot(self, storage: FileStorage, disk: Disk, *, holds: bool) -> None:
        counter, marker = BootCounter(storage), RunMarker(storage)
        before = counter.load()
        after = (before.boots + 1, before.unconfirmed + 1)
        disk.store("boots", after, lambda: counter.begin(_why(marker)), StoreError)
        if holds:
            held = counter.load()
            disk.store("boots", (held.boots, 0), counter.confirm, StoreError)
            disk.store("end", True, marker.end, StoreError)
            disk.notes = [note for note in disk.notes if note.name != "end"]


class KeyFileCase:
    """The key file: whole or not there, so that a cut never leaves keys that cannot be read."""

    name = "key file"
    rot_old, rot_also = False, ("refused",)

    def prepare(self, folder: Path) -> None:
        """Nothing is there."""

    def work(self, folder: Path, disk: Disk) -> None:
        """`vanallen keys new`."""
        self.carry_on(folder, disk)

    def found(self, folder: Path) -> Mapping[str, object]:
        """The keys; None for no file; a damaged one is refused, which a cut must not cause."""
        path = folder / "keys.json"
        if not path.exists():
            return {"keys": None}
        try:
            return {"keys": parse_keys(read_key_file(path), "keys.json").tc.secret}
        except KeyFileError:
            return {"keys": "refused"}

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """Ask again; keys that are there are not replaced."""
        path = folder / "keys.json"
        if not path.exists():
            text = format_keys(KEYS)
            disk.store("keys", KEYS.tc.secret, lambda: write_key_file(path, text), KeyFileError)


def _opened(folder: Path) -> FileStorage | None:
    """The store, unless its folder cannot even be made."""
    try:
        return FileStorage(folder / "state")
    except StoreError:
        return None


def _why(marker: RunMarker) -> ResetCause:
    return marker.begin("boot-1")
