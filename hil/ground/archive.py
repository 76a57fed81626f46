"""Everything that came down, kept in one SQLite file: raw packets, and what they decode to.

SQLite in WAL mode because a second process (a plot, `sqlite3`, DuckDB) can read while this one
writes. Rows are committed in batches: a crash of the ground loses at most the last batch.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_sw.dictionary.events import Severity
from flight_sw.dictionary.field import Field, Kind, Value
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import StoreError, UserError
from flight_sw.space_link.packet import Telemetry
from hil.ground.reports import (
    EventReport,
    Housekeeping,
    JobConfirmed,
    JobFailed,
    Report,
    Result,
    Verification,
    Withdrawal,
)

VERSION = 2  # PRAGMA user_version of the file
BATCH_ROWS = 500  # rows per commit; single-row commits are six times slower
BUSY_TIMEOUT_MS = 2000

_SCHEMA = """
CREATE TABLE packets(
  id INTEGER PRIMARY KEY, received REAL, time REAL, service INTEGER, subtype INTEGER, raw BLOB);
CREATE TABLE commands(
  id INTEGER PRIMARY KEY, time REAL, request INTEGER, name TEXT, arguments TEXT);
CREATE TABLE verifications(
  id INTEGER PRIMARY KEY, time REAL, request INTEGER, stage TEXT, reason TEXT);
CREATE TABLE samples(
  parameter TEXT, time REAL, value, PRIMARY KEY (parameter, time)) WITHOUT ROWID;
CREATE TABLE events(
  id INTEGER PRIMARY KEY, time REAL, name TEXT, severity TEXT, arguments TEXT, sentence TEXT);
CREATE TABLE results(
  id INTEGER PRIMARY KEY, time REAL, job INTEGER, attempt INTEGER, model INTEGER, protection TEXT,
  epoch TEXT, elapsed REAL, frequency INTEGER, digest TEXT, output BLOB);
CREATE TABLE verdicts(
  id INTEGER PRIMARY KEY, time REAL, job INTEGER, attempt INTEGER, word TEXT, reason TEXT);
"""

_FIELDS: dict[str, Field] = {
    field.name: field for fields in HOUSEKEEPING.values() for field in fields
}


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one parameter in order of time.

    Args:
        time: UTC seconds, shape (n,).
        value: in `unit`, shape (n,); a choice is its position in `choices`, yes and no are 1 and 0.
    """

    parameter: str
    unit: str
    choices: tuple[str, ...]
    time: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last word on a job: `confirmed`, `withdrawn` or `failed`; `attempt` is 0 if failed."""

    time: float
    job: int
    attempt: int
    word: str
    reason: str


class Archive:
    """One archive file, opened for writing (and created) or for reading only."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file.

        Raises:
            UserError: it is not an archive, was made by another version, or cannot be opened.
        """
        self._path = path
        self._pending = 0
        try:
            self._db = _open(path, read_only)
        except sqlite3.Error as error:
            raise UserError(
                f"{path}: not a telemetry archive that can be opened ({error}); name another file"
            ) from error

    def packet(self, telemetry: Telemetry, received: float) -> None:
        """Keep one packet as it came, with the ground's own time of arrival."""
        row = (received, telemetry.time, telemetry.service, telemetry.subtype, telemetry.pack())
        self._insert("packets(received, time, service, subtype, raw)", row)

    def report(self, report: Report) -> None:
        """Keep what a packet decoded to; kinds without a table stay in `packets` alone."""
        if isinstance(report, Housekeeping):
            for name, value in report.values.items():
                sample = (name, report.time, _number(_FIELDS[name], value))
                self._insert("samples(parameter, time, value)", sample)
        elif isinstance(report, EventReport):
            event = (report.time, report.name, report.severity.name, _json(report.values))
            columns = "events(time, name, severity, arguments, sentence)"
            self._insert(columns, (*event, report.sentence))
        elif isinstance(report, Result):
            self._result(report)
        elif isinstance(report, Verification):
            reason = report.reason.name if report.reason else None
            row = (report.time, report.request, report.stage.value, reason)
            self._insert("verifications(time, request, stage, reason)", row)
        elif isinstance(report, Withdrawal | JobConfirmed):
            word = "withdrawn" if isinstance(report, Withdrawal) else "confirmed"
            self._verdict(Verdict(report.time, report.job, report.attempt, word, ""))
        elif isinstance(report, JobFailed):
            self._verdict(Verdict(report.time, report.job, 0, "failed", report.reason.name))

    def command(self, time: float, request: int, name: str, arguments: Mapping[str, Value]) -> None:
        """Keep a telecommand that was sent; long inputs are kept by their length only."""
        row = (time, request, name, _json(arguments))
        self._insert("commands(time, request, name, arguments)", row)

    def commit(self) -> None:
        """Make everything so far visible to other processes.

        Raises:
            StoreError: the disk is full or the file was taken away.
        """
        try:
            self._db.commit()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error
        self._pending = 0

    def close(self) -> None:
        """Commit and let go of the file."""
        try:
            self.commit()
        finally:
            self._db.close()

    def series(self, parameter: str) -> Series:
        """All samples of one housekeeping parameter.

        Raises:
            UserError: no such parameter; the text names the ones there are.
        """
        field = _FIELDS.get(parameter)
        if field is None:
            raise UserError(f"no parameter {parameter!r}; known: {', '.join(_FIELDS)}")
        sql = "SELECT time, value FROM samples WHERE parameter = ? ORDER BY time"
        table = np.array(self._rows(sql, (parameter,)), float).reshape(-1, 2)
        return Series(parameter, field.unit, field.choices, table[:, 0], table[:, 1])

    def events(self) -> list[EventReport]:
        """Every event in order of arrival."""
        sql = "SELECT time, name, severity, arguments, sentence FROM events ORDER BY id"
        return [
            EventReport(time, name, Severity[severity], json.loads(arguments), sentence)
            for time, name, severity, arguments, sentence in self._rows(sql)
        ]

    def results(self) -> list[Result]:
        """Every result in order of arrival, withdrawn ones included."""
        sql = (
            "SELECT time, job, attempt, model, protection, epoch, elapsed, frequency, digest, output"
            " FROM results ORDER BY id"
        )
        return [
            Result(*row[:5], int(row[5]), *row[6:])  # an epoch may exceed SQLite's integers
            for row in self._rows(sql)
        ]

    def verdicts(self) -> list[Verdict]:
        """Every confirmation, withdrawal and failure of a job in order of arrival."""
        sql = "SELECT time, job, attempt, word, reason FROM verdicts ORDER BY id"
        return [Verdict(*row) for row in self._rows(sql)]

    def packets(self) -> Iterator[Telemetry]:
        """Every raw packet in order of arrival, decoded anew from its bytes."""
        for (raw,) in self._rows("SELECT raw FROM packets ORDER BY id"):
            yield Telemetry.unpack(raw)

    def _result(self, report: Result) -> None:
        columns = "time, job, attempt, model, protection, epoch, elapsed, frequency, digest, output"
        row = (report.time, report.job, report.attempt, report.model, report.protection)
        # An epoch has 64 bits without sign, SQLite's integers have one: it is kept as text.
        rest = (str(report.epoch), report.elapsed, report.frequency, report.digest, report.output)
        self._insert(f"results({columns})", (*row, *rest))

    def _verdict(self, verdict: Verdict) -> None:
        row = (verdict.time, verdict.job, verdict.attempt, verdict.word, verdict.reason)
        self._insert("verdicts(time, job, attempt, word, reason)", row)

    def _insert(self, target: str, row: tuple[object, ...]) -> None:
        marks = ", ".join("?" * len(row))
        try:
            self._db.execute(f"INSERT OR REPLACE INTO {target} VALUES ({marks})", row)  # noqa: S608 own words
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error
        self._pending += 1
        if self._pending >= BATCH_ROWS:
            self.commit()

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error


def _open(path: Path, read_only: bool) -> sqlite3.Connection:
    uri = path.absolute().as_uri() + ("?mode=ro" if read_only else "?mode=rwc")
    db = sqlite3.connect(uri, uri=True)
    db.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    is_empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if is_empty and not read_only:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA + f"PRAGMA user_version={VERSION};")
    elif version != VERSION:
        db.close()
        raise sqlite3.DatabaseError(f"archive version {version}, this program reads {VERSION}")
    return db


def _number(field: Field, value: Value) -> float | int:
    if field.kind is Kind.ENUM:
        return field.choices.index(str(value))
    if isinstance(value, str | bytes):
        raise TypeError(f"{field.name}: housekeeping holds numbers and choices")
    return float(value) if value > 2**63 - 1 else value


def _json(values: Mapping[str, Value]) -> str:
    plain = {
        name: f"{len(value)} bytes" if isinstance(value, bytes) else value
        for name, value in values.items()
    }
    return json.dumps(plain, ensure_ascii=False)
