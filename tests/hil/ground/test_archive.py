"""The archive gives back what was put in, to itself and to a second reader."""

from pathlib import Path

import numpy as np
import pytest

from flight_sw.dictionary.events import Severity
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import StoreError, UserError
from flight_sw.space_link.packet import Telemetry
from hil.ground.archive import BATCH_ROWS, Archive
from hil.ground.reports import (
    Alive,
    EventReport,
    Housekeeping,
    JobConfirmed,
    JobFailed,
    Result,
    Stage,
    Verification,
    Withdrawal,
)


def health(time: float, **values: object) -> Housekeeping:
    """A structure 1 sample: zeros and first choices, besides what is given."""
    fields = HOUSEKEEPING[1]
    plain = {field.name: field.choices[0] if field.choices else 0 for field in fields}
    return Housekeeping(time, 1, {**plain, **values})


def result(job: int, attempt: int = 1) -> Result:
    """An answer to a job."""
    return Result(2.0, job, attempt, 1, "standard", 2**64 - 1, 0.25, 1800, "ab", b"\0\1\2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive is."""
    return tmp_path / "telemetry.sqlite"


def test_series_come_back_in_order_of_time(path: Path) -> None:
    """Samples are sorted by their own time; choices are positions, with their names at hand."""
    archive = Archive(path)
    for time, temp, mode in [(2.0, 71.5, "NOMINAL"), (1.0, 70.25, "SAFE"), (3.0, 73.0, "DEGRADED")]:
        archive.report(health(time, temp=temp, mode=mode))
    temp, mode = archive.series("temp"), archive.series("mode")
    assert temp.unit == "degC"
    assert np.array_equal(temp.time, [1.0, 2.0, 3.0])
    assert np.array_equal(temp.value, [70.25, 71.5, 73.0])
    assert [mode.choices[int(value)] for value in mode.value] == ["SAFE", "NOMINAL", "DEGRADED"]
    archive.close()


def test_a_parameter_without_samples_is_an_empty_series(path: Path) -> None:
    """Nothing received gives empty arrays, not an error."""
    archive = Archive(path)
    assert archive.series("boots").time.shape == archive.series("boots").value.shape == (0,)
    archive.close()


def test_an_unknown_parameter_is_named(path: Path) -> None:
    """A misspelt parameter gives the list of the real ones."""
    archive = Archive(path)
    with pytest.raises(UserError, match="no parameter 'tmep'; known: mode, "):
        archive.series("tmep")
    archive.close()


def test_the_largest_counters_survive(path: Path) -> None:
    """64-bit counters do not overflow the database's signed integers."""
    archive = Archive(path)
    archive.report(health(1.0, pages_checked=2**64 - 1))
    archive.report(result(1))
    assert archive.series("pages_checked").value[0] == float(2**64 - 1)
    assert archive.results() == [result(1)]
    archive.close()


def test_events_results_and_verdicts_come_back_equal(path: Path) -> None:
    """What the report of a run needs is read back as it was put in."""
    archive = Archive(path)
    event = EventReport(1.0, "throttled", Severity.LOW, {"mhz": 1000, "temp": 81.5}, "°C")
    for report in (
        event,
        result(7),
        Withdrawal(3.0, 7, 1),
        result(7, 2),
        JobConfirmed(4.0, 7, 2),
        JobFailed(5.0, 8, Reason.DEADLINE_PASSED),
        Verification(1.0, 42, Stage.FAILED, Reason.WRONG_MODE),
        Alive(1.0),
    ):
        archive.report(report)
    archive.command(1.0, 42, "submit-job", {"job": 7, "input": bytes(100)})
    archive.close()
    reader = Archive(path, read_only=True)
    assert reader.events() == [event]
    assert reader.results() == [result(7), result(7, 2)]
    assert [(v.job, v.attempt, v.word, v.reason) for v in reader.verdicts()] == [
        (7, 1, "withdrawn", ""),
        (7, 2, "confirmed", ""),
        (8, 0, "failed", "DEADLINE_PASSED"),
    ]
    reader.close()


def test_raw_packets_come_back_equal(path: Path) -> None:
    """Every packet is kept byte for byte, whatever it decodes to."""
    packets = [Telemetry(100, i, 200, 1, bytes([i]), 1e9 + i) for i in range(5)]
    archive = Archive(path)
    for packet in packets:
        archive.packet(packet, received=1e9)
    assert list(archive.packets()) == packets
    archive.close()


def test_a_second_reader_sees_full_batches(path: Path) -> None:
    """Rows become visible to others by the batch, and at once after a commit."""
    archive = Archive(path)
    reader = Archive(path, read_only=True)
    for job in range(BATCH_ROWS + 1):
        archive.report(result(job))
    assert len(reader.results()) == BATCH_ROWS
    archive.commit()
    assert len(reader.results()) == BATCH_ROWS + 1
    reader.close()
    archive.close()


def test_an_archive_goes_on_where_it_stopped(path: Path) -> None:
    """Opening an archive again adds to it."""
    for job in range(2):
        archive = Archive(path)
        archive.report(result(job))
        archive.close()
    reader = Archive(path, read_only=True)
    assert [report.job for report in reader.results()] == [0, 1]
    reader.close()


def test_what_is_no_archive_is_refused_in_one_line(tmp_path: Path) -> None:
    """A text file, a missing file to read and a missing folder are user errors that name the path."""
    text = tmp_path / "notes.txt"
    text.write_text("hello, this is not a database, but long enough to look like one" * 20)
    for path, read_only in [
        (text, False),
        (tmp_path / "none.sqlite", True),
        (tmp_path / "none" / "x.sqlite", False),
    ]:
        with pytest.raises(UserError, match="name another file") as error:
            Archive(path, read_only=read_only)
        assert str(path) in str(error.value)


def test_writing_to_a_read_only_archive_is_a_store_error(path: Path) -> None:
    """A row that cannot be kept is an error, never silence."""
    Archive(path).close()
    reader = Archive(path, read_only=True)
    with pytest.raises(StoreError, match="readonly"):
        reader.report(result(1))
    reader.close()
