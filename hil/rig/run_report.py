"""Report of a run or an acceptance: one HTML page that needs nothing else, from the records alone."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hil.rig.record import RunRecord, Verdict, read_records
from hil.rig.run_plots import draw_limits, draw_timeline

REPORT, SUMMARY = "report.html", "summary.json"
GOOD = frozenset({Verdict.PASSED, Verdict.SKIPPED})
ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class BoardResult:
    """All records of one board, and what they come to."""

    name: str
    serial: str
    records: tuple[RunRecord, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Tests by verdict, the usual ones first."""
        found = Counter(record.verdict for record in self.records)
        return {verdict.value: found[verdict] for verdict in ORDER if found[verdict]}

    @property
    def passed(self) -> bool:
        """Whether something passed and nothing spoke against the board."""
        verdicts = {record.verdict for record in self.records}
        return Verdict.PASSED in verdicts and not verdicts & {
            Verdict.FAILED,
            Verdict.INFRASTRUCTURE,
        }

    @property
    def took_s(self) -> float:
        """From the first test's start to the last one's end."""
        starts = [record.started_s for record in self.records]
        return max(record.ended_s for record in self.records) - min(starts)


def boards_of(records: list[RunRecord]) -> list[BoardResult]:
    """Records by board; a record of a board that never said its serial number counts by its name."""
    serials = {one.board.name: one.board.serial for one in records if one.board.serial}
    by_board: dict[str, list[RunRecord]] = {}
    for record in records:
        by_board.setdefault(record.board.name, []).append(record)
    return [
        BoardResult(name, serials.get(name, ""), tuple(found)) for name, found in by_board.items()
    ]


def write_run_report(folder: Path) -> Path:
    """Write the report of all records below a folder, and return its path.

    Raises:
        UserError: a record is damaged.
    """
    boards = boards_of(read_records(folder))
    path = folder / REPORT
    path.write_text(render("HIL run", boards, folder), encoding="utf-8")
    return path


def render(title: str, boards: list[BoardResult], folder: Path) -> str:
    """The page as text; plots and console logs are in it."""
    environment = html_environment()
    return environment.get_template("run.html").render(
        title=title,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        boards=boards,
        passed=bool(boards) and all(board.passed for board in boards),
        timelines={board.name: draw_timeline(board.records, folder) for board in boards},
        limits={board.name: draw_limits(board.records) for board in boards},
    )


def html_environment() -> Any:
    """Where the rig's pages come from."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("hil.rig"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
