"""One JSON record for each test and board: what was tested on what, when, with which outcome and values.

Records are the only thing that reports and certificates are made from; under xdist each worker writes
its own, and whoever reports reads them all.
"""

import re
import socket
from collections.abc import Iterator
from enum import StrEnum, unique
from pathlib import Path

import msgspec

from flight_sw.errors import UserError
from hil.rig.measurement import Measurement

SUFFIX = ".record.json"
SLUG_CHARACTERS = 110


@unique
class Verdict(StrEnum):
    """What became of one test on one board."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"  # failed, as was known before
    INFRASTRUCTURE = "infrastructure"  # the bench failed, not the payload


class BoardRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The board, as the inventory and as it itself names it."""

    name: str
    serial: str
    profile: str
    emulated: bool
    port: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the test; only errors of the bench give it a second."""

    verdict: Verdict
    detail: str = ""
    code: int = 0  # the exit code that an error of the bench asks for


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one test on one board; times are UTC seconds since 1970.

    Args:
        requirement: the test's own first line.
        attachments: name and path below the record's folder.
        console: what the programs and the board said meanwhile, the end of it.
    """

    test: str
    requirement: str
    verdict: Verdict
    detail: str
    board: BoardRecord
    versions: dict[str, str]
    station: str
    started_s: float
    ended_s: float
    attempts: tuple[Attempt, ...]
    measurements: tuple[Measurement, ...] = ()
    outcomes: tuple[str, ...] = ()  # of the measurements, in their order
    attachments: dict[str, str] = {}
    console: str = ""
    models: dict[str, str] = {}

    @property
    def took_s(self) -> float:
        """Wall time of the last attempt."""
        return self.ended_s - self.started_s


def write_record(folder: Path, record: RunRecord) -> Path:
    """Keep a record below the folder, by board and test."""
    path = folder / board_folder(record.board) / f"{slug(record.test)}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    draft.replace(path)
    return path


def read_records(folder: Path) -> list[RunRecord]:
    """Every record below a folder, in order of time.

    Raises:
        UserError: a record is damaged.
    """
    return sorted(_records(folder), key=lambda record: record.started_s)


def _records(folder: Path) -> Iterator[RunRecord]:
    for path in folder.rglob(f"*{SUFFIX}"):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=RunRecord)
        except msgspec.DecodeError as error:
            raise UserError(f"{path}: not a record of ours: {error}") from error


def board_folder(board: BoardRecord) -> str:
    """The folder of a board's records: by serial number, by name while that is not known."""
    return slug(board.serial or board.name)


def slug(text: str) -> str:
    """A file's name that still says what it is; the end of a long one says most."""
    return re.sub(r"[^A-Za-z0-9_.=-]+", "-", text).strip("-")[-SLUG_CHARACTERS:]


def station() -> str:
    """The machine that the rig runs on."""
    return socket.gethostname()
