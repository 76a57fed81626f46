"""Which keys are in force and which wait: one record, so that a key change is all or nothing.

    record = fingerprint of the key file 16 B | highest key id 2 B | active, wrapped 80 B
             | pending, wrapped 80 B or nothing

The key file stays the root of trust: if another one is put in place, the record is void. Nothing in
the record can be read without the master key of that file.
"""

import hashlib
import struct
from dataclasses import dataclass

from flight_sw.dictionary.reason import Reason
from flight_sw.errors import DecodeError, KeyFileError
from flight_sw.space_link.key_wrap import WRAPPED_BYTES, unwrap_keys, wrap_keys
from flight_sw.space_link.keys import TEST_KEY_ID, KeySet, next_spis

RECORD_NAME = "keys"
_FINGERPRINT_BYTES = 16
_HEADER = struct.Struct(f">{_FINGERPRINT_BYTES}sH")


@dataclass(slots=True)
class KeyRing:
    """The keys as they shall be; `revision` rises with every change, `file_keys` never change.

    `highest_id` is the highest key id ever loaded: ids only rise, so no counter and no key returns.
    """

    file_keys: KeySet
    active: KeySet
    pending: KeySet | None = None
    highest_id: int = 0
    revision: int = 0

    def load(self, wrapped: bytes) -> Reason | None:
        """Take the keys that shall follow; None when they are pending, also if they were before."""
        master = self.active.master
        if master is None:
            return Reason.NOT_ALLOWED
        try:
            keys = unwrap_keys(master, wrapped)
        except DecodeError:
            return Reason.BAD_KEY
        if keys == self.pending:
            return None
        if self.pending is not None:
            return Reason.ALREADY_EXISTS
        refused = self._refused(keys)
        if refused is None:
            self.pending, self.highest_id = keys, keys.tc.key_id
            self.revision += 1
        return refused

    def drop(self) -> Reason | None:
        """Forget the pending keys."""
        if self.pending is None:
            return Reason.NO_SUCH_ENTRY
        self.pending = None
        self.revision += 1
        return None

    def activate(self, key_id: int) -> Reason | None:
        """Let the pending keys take over, once the record is durable."""
        if self.pending is None or self.pending.tc.key_id != key_id:
            return Reason.NO_SUCH_ENTRY
        self.active, self.pending = self.pending, None
        self.revision += 1
        return None

    def image(self) -> bytes:
        """The record; only a ring with a master key ever changes and needs one."""
        master = self.active.master or b""
        pending = b"" if self.pending is None else wrap_keys(master, self.pending)
        header = _HEADER.pack(_fingerprint(self.file_keys), self.highest_id)
        return header + wrap_keys(master, self.active) + pending

    def _refused(self, keys: KeySet) -> Reason | None:
        if keys.board != self.active.board or (keys.tc.spi, keys.tm.spi) != next_spis(self.active):
            return Reason.BAD_KEY
        try:
            keys.require_sound()
            KeySet(keys.tc, keys.tm).require_flight()  # the master key is the one we have
        except KeyFileError:
            return Reason.BAD_KEY
        old = {self.active.tc.secret, self.active.tm.secret}
        in_use = old & {keys.tc.secret, keys.tm.secret}
        return Reason.KEY_IN_USE if in_use or keys.tc.key_id <= self.highest_id else None


def new_ring(file_keys: KeySet) -> KeyRing:
    """The keys of the file in force, and none pending."""
    key_id = file_keys.tc.key_id
    return KeyRing(file_keys, file_keys, highest_id=0 if key_id == TEST_KEY_ID else key_id)


def restored_ring(file_keys: KeySet, image: bytes) -> KeyRing:
    """The ring as stored, or that of the file if another file made the record.

    Raises:
        DecodeError: the record is not one, or the file's master key does not open it.
    """
    sizes = (_HEADER.size + WRAPPED_BYTES, _HEADER.size + 2 * WRAPPED_BYTES)
    if len(image) not in sizes:
        raise DecodeError("not a record of keys")
    fingerprint, highest_id = _HEADER.unpack_from(image)
    if fingerprint != _fingerprint(file_keys):
        return new_ring(file_keys)
    if file_keys.master is None:
        raise DecodeError("a record of keys without a master key")
    parts = image[_HEADER.size :]
    active = unwrap_keys(file_keys.master, parts[:WRAPPED_BYTES])
    rest = parts[WRAPPED_BYTES:]
    pending = unwrap_keys(file_keys.master, rest) if rest else None
    return KeyRing(file_keys, active, pending, highest_id)


def _fingerprint(keys: KeySet) -> bytes:
    whole = b"van allen key file" + keys.tc.secret + keys.tm.secret + (keys.master or b"")
    return hashlib.sha256(whole).digest()[:_FINGERPRINT_BYTES]
