"""Counters that must never run backwards: boots since the first, and the security ceilings.

The boot counter goes up before anything risky is tried and its guard count goes back to zero only
after a good while, so a boot that kills itself is counted. Ceilings are written to both slots
before they count as stored: losing either slot later cannot re-open a number.
"""

import struct
from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.devices.storage import Storage
from flight_sw.space_link.keys import LinkKey
from flight_sw.store.records import Record

VERSION = 1
_BOOT = struct.Struct(">IIB")
_CEILING = struct.Struct(">Q")
_COUNT_MAX = 0xFFFF_FFFF


@unique
class ResetCause(Enum):
    """Why this boot came about, as far as the software can know."""

    UNKNOWN = 0
    POWER_ON = 1
    WATCHDOG = 2
    COMMAND = 3
    CRASH = 4
    BROWN_OUT = 5


def with_hardware(cause: ResetCause, told: str) -> ResetCause:
    """The cause of a boot, with what the machine's hardware tells of its own last start.

    Only where the machine started anew: a program that crashed later was not reset by what started the
    machine hours before.
    """
    if cause is not ResetCause.POWER_ON:
        return cause
    known = {"watchdog": ResetCause.WATCHDOG, "brown-out": ResetCause.BROWN_OUT}
    return known.get(told, cause)


@dataclass(frozen=True, slots=True)
class BootRecord:
    """`boots` since the first; `unconfirmed` boots in a row that did not prove good; last cause."""

    boots: int = 0
    unconfirmed: int = 0
    cause: ResetCause = ResetCause.UNKNOWN


class BootCounter:
    """The boot record on storage; every method may raise StoreError, which SAFE survives."""

    def __init__(self, storage: Storage) -> None:
        self._record = Record(storage, "boot", VERSION)

    def load(self) -> BootRecord:
        """The stored record; zeros if there is none that is valid."""
        payload = self._record.load().payload
        if payload is None or len(payload) != _BOOT.size:
            return BootRecord()
        boots, unconfirmed, cause = _BOOT.unpack(payload)
        known = {member.value for member in ResetCause}
        return BootRecord(
            boots, unconfirmed, ResetCause(cause) if cause in known else ResetCause.UNKNOWN
        )

    def begin(self, cause: ResetCause) -> BootRecord:
        """Count this boot, before anything risky; the record as stored."""
        last = self.load()
        return self._save(_raised(last.boots), _raised(last.unconfirmed), cause)

    def confirm(self) -> BootRecord:
        """This boot has been good for long enough: the guard count starts again at zero."""
        last = self.load()
        return self._save(last.boots, 0, last.cause)

    def _save(self, boots: int, unconfirmed: int, cause: ResetCause) -> BootRecord:
        self._record.save(_BOOT.pack(boots, unconfirmed, cause.value))
        return BootRecord(boots, unconfirmed, cause)


class RunMarker:
    """A note that a run began, taken back when it ends in order: the next boot knows why it came."""

    def __init__(self, storage: Storage) -> None:
        self._record = Record(storage, "run", VERSION)
        self._machine_boot = ""

    def begin(self, machine_boot: str) -> ResetCause:
        """Why this run began, and note that it did; StoreError if the note is not durable.

        Args:
            machine_boot: an id that differs after each boot of the machine; empty if unknown.
        """
        payload = self._record.load().payload
        self._machine_boot = machine_boot
        self._record.save(b"R" + machine_boot.encode())
        if payload is None:
            return ResetCause.POWER_ON
        before = payload[1:].decode(errors="replace")
        if payload[:1] == b"E":
            return ResetCause.COMMAND
        if not before or not machine_boot:
            return ResetCause.UNKNOWN
        return ResetCause.CRASH if before == machine_boot else ResetCause.POWER_ON

    def end(self) -> None:
        """This run ends in order; StoreError if the note is not durable."""
        self._record.save(b"E" + self._machine_boot.encode())


@unique
class CeilingState(Enum):
    """Whether a stored ceiling may be believed.

    LOST: no copy is whole, so frames sent before could pass again and numbers could repeat under one
    key; nothing may be accepted or sent with that key, and the controller asks for a new one. A store
    that was wiped looks like NEVER_SAVED: after wiping one, use a new key too.
    """

    VALID = "valid"
    NEVER_SAVED = "never saved"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class StoredCeiling:
    """A ceiling as found; `value` is 0 unless the state is VALID."""

    state: CeilingState
    value: int


class CeilingStore:
    """The durable ceiling of one key's counter, at the sending or the receiving end.

    A new key id starts a new record, so a key change neither inherits nor loses a ceiling.
    """

    def __init__(self, storage: Storage, key: LinkKey | str) -> None:
        """`key`: the key, or its `ceiling_name` where the key itself is not at hand."""
        name = key if isinstance(key, str) else ceiling_name(key)
        self._record = Record(storage, name, VERSION)

    def load(self) -> StoredCeiling:
        """The newest valid ceiling; the first save after it mends a damaged slot."""
        loaded = self._record.load()
        if loaded.never_saved:
            return StoredCeiling(CeilingState.NEVER_SAVED, 0)
        if loaded.payload is None or len(loaded.payload) != _CEILING.size:
            return StoredCeiling(CeilingState.LOST, 0)
        (value,) = _CEILING.unpack(loaded.payload)
        return StoredCeiling(CeilingState.VALID, value)

    def save(self, ceiling: int) -> None:
        """Store a ceiling in both slots; StoreError means that it must not be confirmed."""
        self._record.save_both(_CEILING.pack(ceiling))


def ceiling_name(key: LinkKey) -> str:
    """Under which name the ceiling of a key is stored; ids never return, so neither does a name."""
    return f"ceiling-{key.direction.value}-{key.board}-{key.key_id}"


def _raised(count: int) -> int:
    return min(count + 1, _COUNT_MAX)
