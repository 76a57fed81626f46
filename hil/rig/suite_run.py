"""One run of pytest over boards: who holds what, what each test came to, and the record of it.

The plugin's hooks call in here; nothing below knows how pytest finds or orders tests.
"""

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from flight_sw.errors import VanAllenError
from hil.rig.hold import HeldBoard, HoldOptions
from hil.rig.infrastructure import (
    INFRASTRUCTURE,
    BoardBusy,
    exit_code_of,
)
from hil.rig.inventory import BoardEntry, chosen, emulated_entry, read_inventory
from hil.rig.measurement import Measures
from hil.rig.needs import as_words, unmet
from hil.rig.observed import Observed
from hil.rig.quarantine import Quarantine, read_quarantine
from hil.rig.record import Attempt, Verdict

if TYPE_CHECKING:
    from hil.rig.running import RunningBoard

MEASURES = pytest.StashKey[Measures]()
OBSERVED = pytest.StashKey[Observed]()
MARKER = "needs"
ENTRY = "hil_entry"
TRIES = 2  # bringing a board up, and running a test that the bench spoilt


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the options of the run come to; `record` is None if nothing shall be kept."""

    entries: tuple[BoardEntry, ...]
    record: Path | None
    worker: str
    wait_s: float
    timeout_scale: float
    flash: str
    quarantine: Quarantine
    verify: bool
    strict: bool


def options_of(config: pytest.Config, env_file: str | None) -> RunOptions:
    """Read the options and the files that they name.

    Raises:
        UserError: inventory or quarantine file are wrong, or a selector means no board.
    """
    option, here = config.option, config.invocation_params.dir
    inventory = option.hil_env or (None if option.hil_emulated else env_file)
    entries: tuple[BoardEntry, ...] = (emulated_entry(),) if option.hil_emulated else ()
    if inventory:
        entries += read_inventory(here / inventory)
    if entries:
        entries = chosen(entries, option.hil_board)
    named = option.hil_quarantine
    return RunOptions(
        entries=entries,
        record=here / option.hil_record if option.hil_record else None,
        worker=getattr(config, "workerinput", {}).get("workerid", ""),
        wait_s=option.hil_wait,
        timeout_scale=option.hil_timeout_scale,
        flash=option.hil_flash,
        quarantine=read_quarantine(here / named) if named else Quarantine(),
        verify=option.hil_quarantine_verify,
        strict=option.hil_strict,
    )


@dataclass(slots=True)
class _Spoilt:
    """How often a board could not be brought up in a row, and what it said last."""

    times: int = 0
    error: VanAllenError | None = None


@dataclass(slots=True)
class SuiteRun:
    """Everything behind the plugin's options."""

    options: RunOptions
    _running: "dict[str, RunningBoard]" = field(default_factory=dict)
    _spoilt: dict[str, _Spoilt] = field(default_factory=dict)
    _starts: int = 0
    _scratch: Path | None = None
    _summary: list[str] = field(default_factory=list)

    @property
    def entries(self) -> tuple[BoardEntry, ...]:
        """The boards of this run."""
        return self.options.entries

    @contextmanager
    def holding(self, entry: BoardEntry) -> Iterator[HeldBoard]:
        """One board for as long as its tests last."""
        options = HoldOptions(
            self._new_folder(entry),
            self.options.wait_s,
            self.options.flash,
            self.options.timeout_scale,
        )
        held = HeldBoard(entry, options)
        try:
            yield held
        finally:
            self._drop(entry.name)
            held.close()

    def running(self, held: HeldBoard, item: pytest.Item) -> "RunningBoard":
        """The board, up; brought up anew if something of it has ended.

        Raises:
            RigError: it cannot be had, or not brought up in two tries.
        """
        from hil.rig.running import start  # half a second, which a wrong inventory need not wait

        spoilt = self._spoilt.setdefault(held.name, _Spoilt())
        if spoilt.times >= TRIES and spoilt.error is not None:
            raise spoilt.error
        try:
            held.take()
            running = self._alive(held.name)
            if running is None:
                held.options = _moved(held.options, self._new_folder(held.entry))
                running = self._running[held.name] = start(held)
        except INFRASTRUCTURE as error:
            spoilt.times += TRIES if isinstance(error, BoardBusy) else 1
            spoilt.error = error
            raise
        spoilt.times = 0
        observed_of(item).begin(item.nodeid, running, self.options.record)
        return running

    def check_needs(self, item: pytest.Item) -> None:
        """Skip a test whose needs this board does not meet; fail it if the run is strict."""
        entry = _entry(item)
        why = "no board: give --hil-env FILE or --hil-emulated" if entry is None else None
        for marker in item.iter_markers(MARKER):
            if why is None and entry is not None:
                feature, fixture = marker.kwargs.get("feature"), marker.kwargs.get("fixture")
                why = unmet(entry, as_words(feature), as_words(fixture))
        if why is not None:
            if self.options.strict:
                pytest.fail(f"{why} (--hil-strict)", pytrace=False)
            pytest.skip(why)

    def in_quarantine(self, items: Iterable[pytest.Item]) -> tuple[list[Any], list[Any]]:
        """Tests that are in quarantine on their board, and the others."""
        kept: list[Any] = []
        left: list[Any] = []
        for item in items:
            (left if self._quarantined(item) is None else kept).append(item)
        return kept, left

    def run_item(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """The whole protocol of one test, a second time if the bench spoilt the first."""
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for left in reversed(range(TRIES)):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            spoilt = [one for one in reports if getattr(one, "hil_again", False)]
            if not spoilt or not left:
                break
            for report in spoilt[:1]:
                report.outcome = "rerun"  # type: ignore[assignment]
                item.ihook.pytest_runtest_logreport(report=report)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def before_report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Hand the record's properties to pytest before it makes the report of a call."""
        if call.when == "call" or (call.when == "setup" and call.excinfo is not None):
            entry = _entry(item)
            if entry is not None:
                observed = observed_of(item)
                item.user_properties[:] = observed.properties(entry, measures_of(item).taken)

    def take_report(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Judge one phase of a test, and keep its record after the last."""
        entry = _entry(item)
        if entry is None:
            return
        observed = observed_of(item)
        error = call.excinfo.value if call.excinfo is not None and report.failed else None
        if error is not None and isinstance(error, INFRASTRUCTURE):
            report.hil_again = self._may_try_again(entry.name, error)  # type: ignore[attr-defined]
            observed.attempts.append(
                Attempt(
                    verdict=Verdict.INFRASTRUCTURE,
                    detail=str(error),
                    code=int(exit_code_of(error)),
                )
            )
            if report.when != "setup":
                self._drop(entry.name)
        elif error is not None:
            observed.attempts.append(self._failed(item, report, call))
        elif report.skipped and report.when != "teardown":
            observed.attempts.append(Attempt(verdict=Verdict.SKIPPED, detail=_reason(report)))
        elif report.when == "call":
            observed.attempts.append(Attempt(verdict=Verdict.PASSED))
        if report.when == "teardown":
            self._end(item, entry, observed)

    def finish(self) -> None:
        """Write the report of the whole run; called once, where all records can be seen."""
        folder = self.options.record
        if folder is not None and folder.is_dir():
            from hil.rig.run_report import write_run_report

            self._summary.append(f"HIL report: {write_run_report(folder)}")
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    def summary(self) -> list[str]:
        """Lines for the end of pytest's own output."""
        return self._summary

    def _failed(
        self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]
    ) -> Attempt:
        detail = call.excinfo.exconly() if call.excinfo is not None else ""
        why = self._quarantined(item)
        if why is None or self.options.verify:
            return Attempt(verdict=Verdict.FAILED, detail=detail)
        report.outcome = "skipped"
        report.wasxfail = f"quarantined: {why}"  # type: ignore[attr-defined]
        return Attempt(verdict=Verdict.QUARANTINED, detail=f"{why} | {detail}")

    def _quarantined(self, item: pytest.Item) -> str | None:
        entry = _entry(item)
        return None if entry is None else self.options.quarantine.why(item.nodeid, entry.name)

    def _may_try_again(self, name: str, error: BaseException) -> bool:
        spoilt = self._spoilt.get(name)
        return not isinstance(error, BoardBusy) and (spoilt is None or spoilt.times < TRIES)

    def _end(self, item: pytest.Item, entry: BoardEntry, observed: Observed) -> None:
        requirement = (getattr(item, "obj", None).__doc__ or "").strip().splitlines()
        observed.end(item.nodeid, requirement[0] if requirement else "", entry, measures_of(item))
        item.stash[MEASURES] = Measures()  # a second attempt starts afresh
        if self.options.record is not None:
            observed.write(self.options.record)

    def _alive(self, name: str) -> "RunningBoard | None":
        running = self._running.get(name)
        if running is None:
            return None
        try:
            running.check()
        except VanAllenError:
            running.is_spent = True
        if running.is_spent:
            self._drop(name)
            return None
        return running

    def _drop(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is not None:
            with suppress(VanAllenError):
                running.close()

    def _new_folder(self, entry: BoardEntry) -> Path:
        if self.options.record is not None:
            root = self.options.record / "stacks"
        else:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="vanallen-hil-"))
            root = self._scratch
        self._starts += 1
        worker = f"-{self.options.worker}" if self.options.worker else ""
        return root / f"{entry.name}{worker}-{time.time_ns() // 1_000_000 % 10**9}-{self._starts}"


def measures_of(item: pytest.Item) -> Measures:
    """The measurements of a test, none yet if it is new."""
    return item.stash.setdefault(MEASURES, Measures())


def observed_of(item: pytest.Item) -> Observed:
    """What is noted about a test."""
    return item.stash.setdefault(OBSERVED, Observed())


def judge_measures(item: pytest.Item) -> None:
    """Fail a test whose measurements are out of their limits, naming each."""
    bad = measures_of(item).failures()
    if bad:
        pytest.fail("\n".join(str(one) for one in bad), pytrace=False)


def _moved(options: HoldOptions, folder: Path) -> HoldOptions:
    return HoldOptions(folder, options.wait_s, options.flash, options.timeout_scale)


def _entry(item: pytest.Item) -> BoardEntry | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get(ENTRY)


def _reason(report: pytest.TestReport) -> str:
    longrepr = report.longrepr
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
