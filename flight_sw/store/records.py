"""Crash-safe records: two slots written in turn, each with version, generation and CRC-32.

    slot = magic 4 B | version 2 B | generation 8 B | length 4 B | CRC-32 4 B | payload

The newest valid slot is never written over, so whatever happens to a write, a load gives the old
record or the new one. The CRC also covers the record's name: a slot in the wrong place is invalid.
"""

import struct
from dataclasses import dataclass
from enum import Enum, unique
from zlib import crc32

from flight_sw.devices.storage import Storage
from flight_sw.errors import StoreError

SLOTS = ("a", "b")
_MAGIC = b"VArc"
_HEADER = struct.Struct(">4sHQI")
_CRC = struct.Struct(">I")
_OVERHEAD_BYTES = _HEADER.size + _CRC.size


@unique
class SlotProblem(Enum):
    """What is wrong with one slot; MISSING is normal before the first two saves."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    LENGTH = "length"
    MAGIC = "magic"
    CRC = "crc"
    VERSION = "version"  # whole, but written by newer software


@dataclass(frozen=True, slots=True)
class Loaded:
    """The newest valid payload, or None, and what is wrong with slots a and b."""

    payload: bytes | None
    version: int
    problems: tuple[SlotProblem | None, SlotProblem | None]

    @property
    def damaged(self) -> bool:
        """Whether a slot that was written cannot be used."""
        return any(problem not in (None, SlotProblem.MISSING) for problem in self.problems)

    @property
    def never_saved(self) -> bool:
        """Whether there is no trace of this record."""
        return self.problems == (SlotProblem.MISSING, SlotProblem.MISSING)


@dataclass(frozen=True, slots=True)
class _Slot:
    generation: int
    version: int
    payload: bytes


class Record:
    """One named record; `version` is the payload's layout, older ones are handed on as they are."""

    def __init__(self, storage: Storage, name: str, version: int) -> None:
        self._storage = storage
        self._name = name
        self._version = version
        self._generation: int | None = None
        self._next_slot = 0

    def load(self) -> Loaded:
        """Read both slots and choose the newest that is whole."""
        found = [self._read(slot) for slot in SLOTS]
        whole = [slot for slot in found if isinstance(slot, _Slot)]
        newest = max(whole, key=lambda slot: slot.generation, default=None)
        first, second = (None if isinstance(slot, _Slot) else slot for slot in found)
        self._generation = 0 if newest is None else newest.generation
        self._next_slot = 0 if newest is None else 1 - found.index(newest)
        if newest is None:
            return Loaded(None, 0, (first, second))
        return Loaded(newest.payload, newest.version, (first, second))

    def save(self, payload: bytes) -> None:
        """Write the slot that does not hold the newest valid record.

        After a StoreError a load gives the old or the new payload, and the next save tries the
        same slot again.
        """
        if self._generation is None:
            self.load()
        generation = (self._generation or 0) + 1
        header = _HEADER.pack(_MAGIC, self._version, generation, len(payload))
        checksum = self._checksum(header, payload)
        self._storage.write(self._slot_name(SLOTS[self._next_slot]), header + checksum + payload)
        self._generation = generation
        self._next_slot = 1 - self._next_slot

    def save_both(self, payload: bytes) -> None:
        """Write both slots: later damage of either one then cannot bring an older value back."""
        self.save(payload)
        self.save(payload)

    def scrub(self) -> Loaded:
        """Check both slots and write a damaged one anew from the other; tells what was found."""
        loaded = self.load()
        if loaded.payload is not None and loaded.damaged:
            self.save(loaded.payload)
        return loaded

    def _read(self, slot: str) -> _Slot | SlotProblem:
        try:
            content = self._storage.read(self._slot_name(slot))
        except StoreError:
            return SlotProblem.UNREADABLE
        if content is None:
            return SlotProblem.MISSING
        return self._decode(content)

    def _decode(self, content: bytes) -> _Slot | SlotProblem:
        if len(content) < _OVERHEAD_BYTES:
            return SlotProblem.LENGTH
        header, payload = content[: _HEADER.size], content[_OVERHEAD_BYTES:]
        magic, version, generation, length = _HEADER.unpack(header)
        if magic != _MAGIC:
            return SlotProblem.MAGIC
        if length != len(payload):
            return SlotProblem.LENGTH
        if content[_HEADER.size : _OVERHEAD_BYTES] != self._checksum(header, payload):
            return SlotProblem.CRC
        if version > self._version:
            return SlotProblem.VERSION
        return _Slot(generation, version, payload)

    def _checksum(self, header: bytes, payload: bytes) -> bytes:
        return _CRC.pack(crc32(payload, crc32(header, crc32(self._name.encode()))))

    def _slot_name(self, slot: str) -> str:
        return f"{self._name}.{slot}"
