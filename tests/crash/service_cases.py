"""What the services keep, through the real controller: definitions, schedule, files, telemetry."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from flight_sw.devices.storage import FileStorage
from flight_sw.dictionary.stored import Step, pack_steps
from flight_sw.errors import StoreError
from flight_sw.on_board import RECORD_NAMES
from flight_sw.store.record_store import RecordStore
from hil.faults.disk import Disk
from tests.flight_sw.stack import Stack

FILE = bytes(range(200))
CHUNK_BYTES = 64
UNREADABLE = "no whole copy, and told so"


class _NotedRecords(RecordStore):
    """Tells the disk what is offered and what is promised."""

    def __init__(self, storage: FileStorage, disk: Disk) -> None:
        super().__init__(storage)
        self._disk = disk

    def save(self, payloads: Mapping[str, bytes]) -> frozenset[str]:
        """Save one by one, as the class does, with a note before and after each."""
        saved: set[str] = set()
        for name, payload in payloads.items():
            self._disk.offer(name, _digest(payload))
            if super().save({name: payload}):
                self._disk.done(name, _digest(payload))
                saved.add(name)
        return frozenset(saved)


class _NotedStack(Stack):
    """A stack whose records are noted; it boots like any other."""

    def __init__(self, storage: FileStorage, disk: Disk | None, now: float = 0.0) -> None:
        self._disk = disk
        super().__init__(storage, now)

    def boot_controller(self) -> None:
        """As the stack does, then with noted records."""
        super().boot_controller()
        if self._disk is not None:
            self._records = _NotedRecords(self.storage, self._disk)


class ServicesCase:
    """One flight that changes every record that the services keep."""

    name = "services"
    rot_old, rot_also = True, (UNREADABLE,)

    def prepare(self, folder: Path) -> None:
        """The store's folder; how that is made is the record's own case."""
        FileStorage(folder / "state")

    def work(self, folder: Path, disk: Disk) -> None:
        """Parameters, definitions, schedule, sequence, file in chunks, clock; some twice."""
        try:
            stack = _NotedStack(FileStorage(folder / "state"), disk)
        except StoreError:
            return
        stack.run(0.2)
        self._define(stack)
        self._upload(stack)
        stack.send("set-parameter", parameter="event_rate", value=44)
        stack.send("delete-monitor", monitor=3)
        stack.run(32.0)  # telemetry is stored each 30 s
        stack.send("delete-sequence", sequence=1)
        stack.run(0.2)

    def found(self, folder: Path) -> Mapping[str, object]:
        """The records' payloads, if the payload boots on them, reads all and answers."""
        storage = FileStorage(folder / "state")
        loaded = RecordStore(storage).load(RECORD_NAMES)
        stack = _NotedStack(storage, None, 100.0)
        stack.unproven = 1
        stack.run(0.06)
        stack.send("ping")
        stack.run(0.06)
        answers = "alive" in [name for name, _ in stack.reports]
        told = stack.events.count("record-unreadable")
        if not answers or told != len(loaded.damaged):
            raise AssertionError(f"answers {answers}, damaged {loaded.damaged}: {stack.sentences}")
        values = {name: _digest(payload) for name, payload in loaded.payloads.items()}
        return values | dict.fromkeys(loaded.damaged, UNREADABLE)

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """A parameter, an entry and the clock again, after the boot."""
        stack = _NotedStack(FileStorage(folder / "state"), disk, 200.0)
        stack.run(0.1)
        stack.sender.security.jump_to(10_000)
        stack.send("set-parameter", parameter="event_rate", value=77)
        stack.send("set-time", time=1_800_000_400.0)
        stack.run(0.3)

    def _define(self, stack: Stack) -> None:
        packet = stack.telecommand("set-parameter", parameter="scrub_pass", value=0.5).pack()
        monitor = {"parameter": "temp", "kind": "limits", "low": 0.0, "high": 60.0}
        steps = pack_steps([Step(0.0, packet)])
        stack.send("set-parameter", parameter="event_rate", value=33)
        stack.send("set-housekeeping-period", structure=1, period=5.0)
        stack.send("disable-event", event="too-hot")
        stack.send("add-monitor", monitor=3, repetitions=3, period=0.5, **monitor)
        stack.send("add-action", action=1, event="monitor-violated", source=3, packet=packet)
        stack.send("load-sequence", sequence=1, gate="any", steps=steps)
        stack.send("create-structure", structure=16, period=5.0, parameters="mode,event_rate")
        for entry, release_s in ((1, 1.0), (2, 1000.0)):
            release = 1_800_000_000 + release_s
            stack.send("insert-entry", entry=entry, group=0, release=release, packet=packet)
        stack.send("set-time", time=1_800_000_100.0)
        stack.run(0.3)

    def _upload(self, stack: Stack) -> None:
        digest = hashlib.sha256(FILE).digest()
        stack.send("begin-file", slot=1, size=len(FILE), chunk=CHUNK_BYTES, digest=digest)
        for number in range(-(-len(FILE) // CHUNK_BYTES)):
            data = FILE[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
            stack.send("write-chunk", slot=1, chunk=number, data=data)
        stack.run(0.3)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:16]
