"""Every byte of a link, both ways, with its time: one file for each board and test, JSON lines.

The first line says whose keys and counters the bytes belong to, so that a recording can be replayed
against a decoder years later (`hil.rig.replay`). Text is chosen over pcap: `grep` works on it.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from flight_sw.errors import UserError

SUFFIX = ".link.jsonl"
BYTES_MAX = 256_000_000  # of one test; a recording that reaches it says so and ends
FORMAT = 1


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a decoder must know; `keys` is a file, relative to the recording's folder if not absolute."""

    format: int
    board: str
    test: str
    profile: str
    keys: str
    tc_counter: int


class Chunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes at a moment, UTC seconds since 1970: `up` to the payload, `down` from it.

    The line itself is told in words: `opened`, `lost`, and `note` for what the rig did to it.
    """

    at_s: float
    way: Literal["up", "down", "opened", "lost", "note"]
    hex: str = ""
    text: str = ""

    @property
    def data(self) -> bytes:
        """The bytes, empty for words."""
        return bytes.fromhex(self.hex)


class LinkLog:
    """Writes one recording; `heard` is what a ground's `listen` takes."""

    def __init__(self, path: Path, head: Head) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.bytes_up = self.bytes_down = 0
        self._file = path.open("wb")
        self._write(head)

    def heard(self, what: str, data: bytes) -> None:
        """Bytes passed, or the line came or went."""
        if what not in ("up", "down"):
            self._put(Chunk(time.time(), what, text=data.decode(errors="replace")))  # type: ignore[arg-type]
            return
        room = BYTES_MAX - self.bytes_up - self.bytes_down
        self.bytes_up += len(data) if what == "up" else 0
        self.bytes_down += len(data) if what == "down" else 0
        if len(data) <= room:
            self._put(Chunk(time.time(), what, data.hex()))  # type: ignore[arg-type]
        elif room > 0:
            self.note(f"the recording is full at {BYTES_MAX} bytes")

    def note(self, text: str) -> None:
        """Something that was done to board or line, told between the bytes."""
        self._put(Chunk(time.time(), "note", text=text))

    def close(self) -> None:
        """End the recording; closing twice is harmless."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _put(self, chunk: Chunk) -> None:
        if not self._file.closed:
            self._write(chunk)

    def _write(self, line: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")


def read_recording(path: Path) -> tuple[Head, Iterator[Chunk]]:
    """The head of a recording, and its chunks as they are asked for.

    Raises:
        UserError: no such file, or no recording; the text names the line.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        head = msgspec.json.decode(file.readline(), type=Head)
    except msgspec.DecodeError as error:
        file.close()
        raise UserError(f"{path}:1: not a link recording (NAME{SUFFIX}): {error}") from error

    def chunks() -> Iterator[Chunk]:
        with file:
            for number, line in enumerate(file, start=2):
                try:
                    chunk = msgspec.json.decode(line, type=Chunk)
                    bytes.fromhex(chunk.hex)
                except (msgspec.DecodeError, ValueError) as error:
                    raise UserError(f"{path}:{number}: damaged: {error}") from error
                yield chunk

    return head, chunks()
