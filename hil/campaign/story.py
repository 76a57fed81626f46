"""The story of a flight on a terminal: one plain line for each thing that happens.

A line is mission time, who speaks, and a sentence. Phases are headings. On a terminal a progress bar
stands below the lines; into a pipe or a file go the lines alone.
"""

from collections.abc import Mapping
from enum import Enum, unique
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text


@unique
class Source(Enum):
    """Who speaks; the value is the colour of its name."""

    GROUND = "cyan"
    CTRL = "green"
    BOARD = "blue"
    RIG = "magenta"


LOUD = {1: "", 2: "", 3: "yellow", 4: "bold red"}  # by severity of an event report


class Story:
    """Tells a flight; a context manager, so that the progress bar always ends."""

    def __init__(self, console: Console, duration_s: float) -> None:
        self._console = console
        self._progress: Progress | None = None
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[now]}"),
            )
            self._progress = Progress(*columns, console=console, transient=True)
            self._task = self._progress.add_task("flying", total=duration_s, now="")

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def phase(self, title: str) -> None:
        """A heading."""
        self._console.print(Rule(Text(title, style="bold"), align="left", style="dim"))

    def tell(self, at_s: float, source: Source, sentence: str, severity: int = 1) -> None:
        """One line; severity as in event reports, 1 (for information) to 4 (high)."""
        line = Text()
        line.append(f"{at_s:7.2f} s  ", style="dim")
        line.append(f"{source.name:<7}", style=source.value)
        line.append(sentence, style=LOUD[severity])
        self._console.print(line, soft_wrap=True)

    def progress(self, at_s: float, now: str) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.update(self._task, completed=at_s, now=now)

    def table(self, title: str, rows: Mapping[str, str], bad: frozenset[str] = frozenset()) -> None:
        """Name and value, line by line; the names in `bad` stand out."""
        table = Table(show_header=False)
        for name, value in rows.items():
            table.add_row(name, value, style="bold red" if name in bad else "")
        self._console.print(Text(title, style="bold red" if bad else "bold green"))
        self._console.print(table)

    def say(self, sentence: str) -> None:
        """A line outside mission time."""
        self._console.print(Text(sentence), soft_wrap=True)


def quiet_console() -> Console:
    """A console that shows nothing, for `--json`."""
    return Console(quiet=True)
