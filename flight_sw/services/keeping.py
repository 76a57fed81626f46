"""State that outlives a restart: which records changed, which are durable, when to try again.

Shall: hand every changed record to storage before anything else of the step is carried out, and know
what is durable; a restart finds each record as it was last confirmed, or newer.
How verified: tests/flight_sw/services/test_keeping.py; test_stack_schedule.py cuts the power
at every write.
Off nominal: storage that refuses is tried again every RETRY_S and told once; a record that cannot be
read or used starts empty and is told, and the rest of the payload runs on.
Not provided: an answer that waits for storage. "Done" is sent after the write; if that fails, the event
`storage-failed` follows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flight_sw.dictionary.field import Value
from flight_sw.errors import DecodeError
from flight_sw.services.st05_events import Happening, happening

RETRY_S = 1.0


class Kept(Protocol):
    """A part with state on storage; `revision` rises with every change."""

    revision: int

    def image(self) -> bytes:
        """The state as it shall be stored."""
        ...

    def restore(self, image: bytes) -> None:
        """Take a stored state over; DecodeError, with nothing changed, if it is none."""
        ...


@dataclass(slots=True)
class _Record:
    kept: Kept
    durable: int = 0
    offered: int = 0
    retry_s: float = float("-inf")
    failing: bool = False


@dataclass(slots=True)
class Keeper:
    """The records of all parts; while `frozen`, nothing is stored. `take_events` are for ST[05]."""

    parts: Mapping[str, Kept]
    frozen: bool = False
    _records: dict[str, _Record] = field(default_factory=dict)
    _offered: frozenset[str] = frozenset()
    _events: list[Happening] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._records = {name: _Record(kept, kept.revision) for name, kept in self.parts.items()}

    @property
    def unsaved(self) -> int:
        """Records that storage refused and does not hold yet."""
        return sum(record.failing for record in self._records.values())

    def restore(self, stored: Mapping[str, bytes], damaged: Iterable[str] = ()) -> None:
        """At boot: give each part its record; `damaged` names those with no copy that is whole."""
        for name in damaged:
            self._tell("record-unreadable", name=name, why="no whole copy")
        for name, image in stored.items():
            record = self._records.get(name)
            if record is None:
                continue
            try:
                record.kept.restore(image)
            except DecodeError as error:
                self._tell("record-unreadable", name=name, why=str(error))
                continue
            record.durable = record.kept.revision

    def confirm(self, saved: Iterable[str], now: float) -> None:
        """What became durable of the records that the last step wanted stored."""
        stored = frozenset(saved)
        for name in self._offered:
            record = self._records[name]
            if name in stored:
                record.durable = record.offered
                if record.failing:
                    record.failing = False
                    self._tell("storage-works", name=name)
            else:
                record.retry_s = now + RETRY_S
                if not record.failing:
                    record.failing = True
                    self._tell("storage-failed", name=name)
        self._offered = frozenset()

    def wanted(self, now: float) -> dict[str, bytes]:
        """Records to make durable now, first of all."""
        images: dict[str, bytes] = {}
        if self.frozen:
            return images
        for name, record in self._records.items():
            if record.kept.revision != record.durable and now >= record.retry_s:
                record.offered = record.kept.revision
                images[name] = record.kept.image()
        self._offered = frozenset(images)
        return images

    def durable(self, name: str) -> int:
        """The revision of a part that is known to be on storage."""
        return self._records[name].durable

    def take_events(self) -> list[Happening]:
        """What happened to records since the last call."""
        events, self._events = self._events, []
        return events

    def wake_at(self) -> float:
        """When a refused record is tried again."""
        waiting = [
            record.retry_s
            for record in self._records.values()
            if record.kept.revision != record.durable
        ]
        return float("inf") if self.frozen else min(waiting, default=float("inf"))

    def _tell(self, event: str, /, **values: Value) -> None:
        self._events.append(happening(event, **values))
