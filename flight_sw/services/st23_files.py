"""ST[23] files by slot: content of up to 4 MiB in numbered slots, uploaded in chunks of any order.

Shall: take a file's chunks in any order and more than once, say which are missing, accept the whole only
if its SHA-256 is as announced, and keep it over a restart.
How verified: tests/flight_sw/services/test_st23_files.py (property over orders, repeats and damage).
Off nominal: a wrong digest empties the slot (`file-damaged`); a chunk that differs from one taken before
is refused with NOT_ALLOWED, of wrong length or number with BAD_ARGUMENT. An upload survives link
outages, and a restart as it stood at the last quarter of its chunks. Chunks wait in the queue of large
transfers, so commanding goes on; BUSY asks the sender to slow down.
Not provided: names and paths, which do not exist on this wire; editing in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.storage_commands import (
    CHUNK_BYTES_MIN,
    DIGEST_BYTES,
    FILE_BYTES_MAX,
    FILE_SLOTS,
)
from flight_sw.errors import DecodeError
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening

TOTAL_BYTES_MAX = 8 * 1024 * 1024  # all slots together
MISSING_TOLD = 128
CHUNKS_MAX = 0xFFFF
KEPT_PARTS = 4  # an upload is stored each time that such a part of it has come


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: bytes
    content: bytes


class _Partial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: bytes
    content: bytes
    chunk_bytes: int
    missing: set[int]


@dataclass(frozen=True, slots=True)
class _Upload:
    content: bytearray
    chunk_bytes: int
    digest: bytes
    missing: set[int]

    @property
    def chunks(self) -> int:
        """Of the whole file."""
        return -(-len(self.content) // self.chunk_bytes)

    @property
    def is_sound(self) -> bool:
        """Whether a stored one can be gone on with."""
        sizes = self.chunk_bytes >= CHUNK_BYTES_MIN and 0 < len(self.content) <= FILE_BYTES_MAX
        return sizes and self.chunks <= CHUNKS_MAX and self.missing < set(range(self.chunks))


class FileSlot:
    """One slot, with a record of its own: empty, loading or complete."""

    def __init__(self) -> None:
        self.revision = 0
        self.content: bytes | None = None
        self.upload: _Upload | None = None

    @property
    def size(self) -> int:
        """Bytes that the slot needs."""
        return len(self.upload.content) if self.upload else len(self.content or b"")

    def put(self, content: bytes | None) -> None:
        """Fill or empty the slot."""
        self.content, self.upload = content, None
        self.revision += 1

    def image(self) -> bytes:
        """The whole file, what has come of one, or nothing."""
        upload = self.upload
        if upload is not None:
            part = bytes(upload.content), upload.chunk_bytes, upload.missing
            return msgspec.msgpack.encode(_Partial(upload.digest, *part))
        if self.content is None:
            return b""
        return msgspec.msgpack.encode(_Image(sha256(self.content).digest(), self.content))

    def restore(self, image: bytes) -> None:
        """Take a stored file over, if it still has its digest, or what had come of one."""
        if not image:
            return
        try:
            part = read_image(image, _Partial)
        except DecodeError:
            self._restore_whole(image)
            return
        upload = _Upload(bytearray(part.content), part.chunk_bytes, part.digest, part.missing)
        if not upload.is_sound:
            raise DecodeError("an upload that cannot be")
        self.upload = upload

    def abandon(self) -> None:
        """Give an upload up."""
        self.upload = None
        self.revision += 1

    def _restore_whole(self, image: bytes) -> None:
        saved = read_image(image, _Image)
        if sha256(saved.content).digest() != saved.digest or len(saved.content) > FILE_BYTES_MAX:
            raise DecodeError("digest wrong")
        self.content = saved.content


class FileService:
    """The slots, numbered from 1."""

    def __init__(self) -> None:
        self.slots = {number: FileSlot() for number in range(1, FILE_SLOTS + 1)}
        self._events: list[Happening] = []

    @property
    def complete(self) -> int:
        """How many slots hold a verified file."""
        return sum(slot.content is not None for slot in self.slots.values())

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[23]."""
        return {
            "begin-file": self._begin,
            "write-chunk": self._write,
            "delete-file": self._delete,
            "abort-file": self._abort,
            "report-file": lambda call: [self._state(call.number("slot"))],
            "report-files": lambda _: [self._state(number) for number in self.slots],
        }

    def records(self) -> dict[str, FileSlot]:
        """Every slot under the name of its record."""
        return {f"file-{number}": slot for number, slot in self.slots.items()}

    def put(self, number: int, content: bytes) -> Reason | None:
        """Fill an empty slot with a file that came by another way."""
        slot = self.slots[number]
        refused = self._room_for(slot, len(content))
        if refused is None:
            slot.put(content)
            self._events.append(happening("file-complete", slot=number))
        return refused

    def content_of(self, number: int) -> bytes | None:
        """The verified file in a slot, None if there is none or no such slot."""
        slot = self.slots.get(number)
        return None if slot is None else slot.content

    def room_for(self, number: int, size: int) -> Reason | None:
        """Why a slot does not take a file of this size now, or None."""
        slot = self.slots.get(number)
        return Reason.NO_SUCH_ENTRY if slot is None else self._room_for(slot, size)

    def take_events(self) -> list[Happening]:
        """Files that became complete, or did not, since the last call."""
        events, self._events = self._events, []
        return events

    def _room_for(self, slot: FileSlot, size: int) -> Reason | None:
        if slot.content is not None or slot.upload is not None:
            return Reason.ALREADY_EXISTS
        used = sum(other.size for other in self.slots.values())
        fits = size <= FILE_BYTES_MAX and used + size <= TOTAL_BYTES_MAX
        return None if fits else Reason.TOO_LARGE

    def _begin(self, call: Call) -> Outcome:
        slot = self.slots[call.number("slot")]
        size, chunk_bytes, digest = call.number("size"), call.number("chunk"), call.data("digest")
        refused = self._room_for(slot, size)
        if refused is not None:
            return refused
        chunks = -(-size // chunk_bytes)
        if len(digest) != DIGEST_BYTES or chunks > CHUNKS_MAX:
            return Reason.BAD_ARGUMENT
        slot.upload = _Upload(bytearray(size), chunk_bytes, digest, set(range(chunks)))
        return None

    def _write(self, call: Call) -> Outcome:
        number, chunk, data = call.number("slot"), call.number("chunk"), call.data("data")
        slot = self.slots[number]
        upload = slot.upload
        if upload is None:
            return Reason.NO_SUCH_ENTRY
        start = chunk * upload.chunk_bytes
        expected = min(upload.chunk_bytes, len(upload.content) - start)
        if expected <= 0 or len(data) != expected:
            return Reason.BAD_ARGUMENT
        if chunk not in upload.missing:
            same = upload.content[start : start + expected] == data
            return None if same else Reason.NOT_ALLOWED
        upload.content[start : start + expected] = data
        upload.missing.discard(chunk)
        came = upload.chunks - len(upload.missing)
        slot.revision += (
            came * KEPT_PARTS // upload.chunks > (came - 1) * KEPT_PARTS // upload.chunks
        )
        return None if upload.missing else self._finish(number, slot, upload)

    def _finish(self, number: int, slot: FileSlot, upload: _Upload) -> Outcome:
        if sha256(upload.content).digest() != upload.digest:
            slot.abandon()
            self._events.append(happening("file-damaged", slot=number))
            return Reason.BAD_DIGEST
        slot.put(bytes(upload.content))
        self._events.append(happening("file-complete", slot=number))
        return None

    def _delete(self, call: Call) -> Outcome:
        slot = self.slots[call.number("slot")]
        if slot.content is None:
            return Reason.NO_SUCH_ENTRY
        slot.put(None)
        return None

    def _abort(self, call: Call) -> Outcome:
        slot = self.slots[call.number("slot")]
        if slot.upload is None:
            return Reason.NO_SUCH_ENTRY
        slot.abandon()
        return None

    def _state(self, number: int) -> Report:
        slot = self.slots[number]
        missing = sorted(slot.upload.missing) if slot.upload else []
        kept = "EMPTY" if slot.content is None else "COMPLETE"
        state = "LOADING" if slot.upload else kept
        return report(
            "file-state",
            slot=number,
            state=state,
            size=slot.size,
            chunk=slot.upload.chunk_bytes if slot.upload else 0,
            missing=len(missing),
            chunks=b"".join(chunk.to_bytes(2, "big") for chunk in missing[:MISSING_TOLD]),
        )
