"""An archive as files for other tools: one table each for samples, events, results and verdicts.

CSV needs nothing; Parquet needs pyarrow, which is large and therefore an extra of its own.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import UserError
from hil.ground.archive import Archive

FORMATS = ("csv", "parquet")


@dataclass(frozen=True, slots=True)
class Table:
    """One table; every row has as many values as there are columns."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def export(archive: Archive, folder: Path, form: str) -> dict[str, int]:
    """Write every table that has rows into `folder`; returns rows by file name.

    Raises:
        UserError: an unknown format, pyarrow is missing, or the folder cannot be written.
    """
    if form not in FORMATS:
        raise UserError(f"no export format {form!r}; known: {', '.join(FORMATS)}")
    write = _write_csv if form == "csv" else _parquet_writer()
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables(archive):
            if table.rows:
                file = folder / f"{table.name}.{form}"
                write(file, table)
                written[file.name] = len(table.rows)
    except OSError as error:
        raise UserError(f"{folder}: cannot write: {error.strerror}; name another folder") from error
    return written


def tables(archive: Archive) -> Iterator[Table]:
    """Every table of the archive, times in UTC seconds."""
    names = [field.name for fields in HOUSEKEEPING.values() for field in fields]
    samples = [
        (float(time), series.parameter, float(value), series.unit)
        for series in map(archive.series, names)
        for time, value in zip(series.time, series.value, strict=True)
    ]
    yield Table("samples", ("time", "parameter", "value", "unit"), sorted(samples))
    events = [(e.time, e.severity.name, e.name, e.sentence) for e in archive.events()]
    yield Table("events", ("time", "severity", "name", "sentence"), events)
    results = [
        (
            *(r.time, r.job, r.attempt, r.model, r.protection, r.elapsed, r.frequency),
            *(r.digest, r.output.hex()),
        )
        for r in archive.results()
    ]
    columns = (
        "time",
        "job",
        "attempt",
        "model",
        "protection",
        "elapsed",
        "frequency",
        "digest",
        "output_hex",
    )
    yield Table("results", columns, results)
    verdicts = [(v.time, v.job, v.attempt, v.word, v.reason) for v in archive.verdicts()]
    yield Table("verdicts", ("time", "job", "attempt", "word", "reason"), verdicts)


def _write_csv(file: Path, table: Table) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(table.columns)
        writer.writerows(table.rows)


def _parquet_writer() -> Any:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(
            "Parquet needs pyarrow, which is not installed; pip install 'vanallen[archive]', "
            "or export with --format csv"
        ) from error

    def write(file: Path, table: Table) -> None:
        columns: list[Sequence[Any]] = list(zip(*table.rows, strict=True))
        parquet.write_table(pa.table(dict(zip(table.columns, columns, strict=True))), file)

    return write
