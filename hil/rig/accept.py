"""Acceptance: the whole suite on every board of an inventory at once, a process for each board.

A board that hangs, garbles or is somebody else's costs its own process and nobody else's: each has its
own lease, its own folder and a limit to its time.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hil.rig.children import Child
from hil.rig.infrastructure import ExitCode
from hil.rig.inventory import BoardEntry
from hil.rig.record import SUFFIX, RunRecord, read_records
from hil.rig.suite_process import suite_command, verdict_code

LOOK_S = 0.25
LIMIT_S = 1800.0  # for one board's whole suite, before its limits are scaled
BOARDS_PER_CORE = 2  # emulated boards that one core carries at the suite's own limits
BOARDS, OUTPUT, JUNIT = "boards", "pytest.log", "junit.xml"

Say = Callable[[str], None]
Look = Callable[["list[BoardRun]"], None]


@dataclass(frozen=True, slots=True)
class AcceptOptions:
    """How boards are accepted.

    Args:
        inventory: the file that the entries are from.
        folder: of all that is kept; must be new or empty.
        timeout_scale: of every limit; None to follow the number of emulated boards and of cores.
        part: an expression for pytest's -k; what runs only in part is not accepted.
    """

    inventory: Path
    entries: tuple[BoardEntry, ...]
    folder: Path
    wait_s: float
    timeout_scale: float | None = None
    flash: str = "never"
    limit_s: float = LIMIT_S
    part: str = ""

    @property
    def scale(self) -> float:
        """How much longer than written a limit is."""
        if self.timeout_scale is not None:
            return self.timeout_scale
        emulated = sum(entry.is_emulated for entry in self.entries)
        return max(1.0, emulated / (BOARDS_PER_CORE * (os.cpu_count() or 1)))


@dataclass(slots=True)
class BoardRun:
    """One board's suite while it runs, and what it came to."""

    entry: BoardEntry
    folder: Path
    child: Child
    started_s: float
    ended_s: float = 0.0
    code: ExitCode | None = None
    note: str = ""
    records: list[RunRecord] = field(default_factory=list)

    @property
    def took_s(self) -> float:
        """From its process's start to its end."""
        return self.ended_s - self.started_s

    @property
    def serial(self) -> str:
        """What the board said of itself; empty if it never spoke."""
        return next((one.board.serial for one in self.records if one.board.serial), "")

    @property
    def tests_so_far(self) -> int:
        """Records that are on file."""
        return sum(1 for _ in self.folder.glob(f"*/*{SUFFIX}"))


def run_boards(options: AcceptOptions, say: Say, look: Look) -> list[BoardRun]:
    """Run the suite on every board at once and wait for all.

    `say` hears of each board that is done, `look` sees those that are not, a few times a second.
    """
    runs: list[BoardRun] = []
    try:
        runs.extend(_started(options))
        waiting = list(runs)
        while waiting:
            time.sleep(LOOK_S)
            for run in waiting:
                _look_at(run, options)
                if run.code is not None:
                    say(_line(run, options.part))
            waiting = [run for run in waiting if run.code is None]
            look(waiting)
    finally:
        for run in runs:
            run.child.stop()
    return runs


def _started(options: AcceptOptions) -> Iterator[BoardRun]:
    for entry in options.entries:
        folder = options.folder / BOARDS / entry.name
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            *("-q", "-n0", "--hil-env", str(options.inventory), "--hil-board", entry.name),
            *("--hil-record", str(folder), "--hil-wait", f"{options.wait_s:g}"),
            *("--hil-timeout-scale", f"{options.scale:g}", "--hil-flash", options.flash),
            *("--junitxml", str(folder / JUNIT), "--tb=short"),
            *(("-k", options.part) if options.part else ()),
        ]
        child = Child(suite_command(arguments), folder / OUTPUT)
        yield BoardRun(entry, folder, child, time.time())


def _look_at(run: BoardRun, options: AcceptOptions) -> None:
    limit_s = options.limit_s * options.scale
    code = run.child.exit_code
    if code is None and time.time() - run.started_s <= limit_s:
        return
    run.child.stop()
    run.ended_s = time.time()
    run.records = read_records(run.folder)
    if code is None:
        run.note = f"the suite did not end within {limit_s:g} s"
        run.code = ExitCode.INTERNAL
        return
    run.code = verdict_code(code, run.records)
    if run.code is not ExitCode.OK:
        run.note = _why(run)


def _why(run: BoardRun) -> str:
    bad = [one for one in run.records if one.detail and one.verdict in ("failed", "infrastructure")]
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        return f"{bad[0].detail.splitlines()[0]}{more}"
    return (run.child.tail().splitlines() or ["pytest said nothing"])[-1]


def _line(run: BoardRun, part: str) -> str:
    word = "all passed" if run.code is ExitCode.OK else f"not accepted: {run.note}"
    if part:
        word += f" (only -k {part})"
    return f"{run.entry.name}: {len(run.records)} tests in {run.took_s:.0f} s: {word}"
