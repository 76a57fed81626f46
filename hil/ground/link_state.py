"""What the ground must remember of a link between two programs: counters and the last frame.

A counter used twice under one AES-GCM key gives the key away, so telecommand counters are reserved
in blocks *before* use, under a lock that other ground programs with the same key respect. Telemetry
is different: the ground keeps what it has seen, so that two listeners do not shut each other out; a
crash may let it accept the last second of telemetry again, which moves nothing on board.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from flight_sw.errors import StoreError, UserError
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.sdls import CEILING_BLOCK, COUNTER_END, SdlsSender

# Below the half block that a receiver always has in hand (sdls), so that it need not store first.
ELSEWHERE_MARGIN = CEILING_BLOCK // 4
FINGERPRINT_DIGITS = 8  # enough to tell keys apart, too little to tell anything about them

Counter = Annotated[int, msgspec.Meta(ge=0)]


class Counters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both counters of one key set.

    Args:
        tc_ceiling: no telecommand counter from here on was ever used.
        tm_seen: every telemetry counter below was received or passed over.
    """

    tc_ceiling: Counter = 0
    tm_seen: Counter = 0


class LinkState:
    """The files of one key set in the state folder."""

    def __init__(self, folder: Path, keys: KeySet) -> None:
        """Make the folder if needed.

        Raises:
            UserError: the folder cannot be made or written.
        """
        digest = hashlib.sha256(keys.tc.secret + keys.tm.secret).hexdigest()
        name = f"board-{keys.board}-key-{keys.tc.key_id}-{digest[:FINGERPRINT_DIGITS]}"
        self._path = folder / f"{name}.json"
        self._lock_path = folder / f"{name}.lock"
        self._frame_path = folder / f"{name}.last-frame"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock_path.touch(mode=0o600)
        except OSError as error:
            raise UserError(
                f"{folder}: cannot keep counters here ({error.strerror}); name a folder of your own"
            ) from error

    def counters(self) -> Counters:
        """What was stored last; zeros for keys that were never used here.

        Raises:
            UserError: the file is damaged, which no retry mends.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Counters)
        except FileNotFoundError:
            return Counters()
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(
                f"{self._path}: counters are unreadable ({error}); with these lost the keys must not "
                "be used again: make new ones with `vanallen keys new --force`"
            ) from error

    def reserve(self, sender: SdlsSender, at_least: int = 0) -> None:
        """Give `sender` a block of counters that nobody else has, at or above `at_least`.

        If `at_least` lies beyond all that is known here, the keys were used from elsewhere: numbers
        just above may have been sent and lost, so some are passed over.

        Raises:
            StoreError: the block cannot be stored, so it must not be used.
        """
        with self._lock():
            stored = self.counters()
            others = stored.tc_ceiling if stored.tc_ceiling > sender.ceiling else 0
            elsewhere = at_least + ELSEWHERE_MARGIN if at_least > stored.tc_ceiling else at_least
            sender.jump_to(max(others, elsewhere))
            ceiling = min(sender.next_counter + CEILING_BLOCK, COUNTER_END)
            self._write(msgspec.structs.replace(stored, tc_ceiling=ceiling))
        sender.ceiling_confirmed(ceiling)

    def settle(self, sender: SdlsSender) -> None:
        """Give back what `sender` did not use, unless somebody has reserved behind it."""
        with self._lock():
            stored = self.counters()
            if stored.tc_ceiling == sender.ceiling != sender.next_counter:
                self._write(msgspec.structs.replace(stored, tc_ceiling=sender.settle()))

    def seen(self, counter: int) -> None:
        """Remember how far telemetry has come."""
        with self._lock():
            stored = self.counters()
            if counter > stored.tm_seen:
                self._write(msgspec.structs.replace(stored, tm_seen=counter))

    def keep_frame(self, raw: bytes) -> None:
        """Keep the bytes of a telecommand as they went out, for a replay on purpose."""
        with open(self._frame_path, "wb", opener=_private) as file:
            file.write(raw)

    def last_frame(self) -> bytes | None:
        """The bytes of the last telecommand, or None."""
        return self._frame_path.read_bytes() if self._frame_path.exists() else None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with self._lock_path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, counters: Counters) -> None:
        draft = self._path.with_suffix(".draft")
        try:
            with open(draft, "wb", opener=_private) as file:
                file.write(msgspec.json.encode(counters) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreError(f"{self._path}: counters not stored: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    """Open a file that others on this machine cannot read: it holds frames that were authenticated."""
    return os.open(path, flags, 0o600)
