"""What is seen of one test while it runs: its bytes on the link, what programs say, its attempts."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hil.rig.board_port import board_port
from hil.rig.inventory import BoardEntry
from hil.rig.link_log import SUFFIX as LINK_SUFFIX
from hil.rig.link_log import Head, LinkLog
from hil.rig.measurement import Measurement, Measures
from hil.rig.record import (
    Attempt,
    BoardRecord,
    RunRecord,
    Verdict,
    board_folder,
    slug,
    station,
    write_record,
)
from hil.rig.versions import our_commit, our_version, versions

if TYPE_CHECKING:
    from hil.rig.running import RunningBoard

CONSOLE_BYTES = 6_000  # of each program, the last of it
FORMAT = 1


@dataclass(slots=True)
class Observed:
    """One test on one board, all attempts of it."""

    attempts: list[Attempt] = field(default_factory=list)
    started_s: float = field(default_factory=time.time)
    running: "RunningBoard | None" = None
    record: RunRecord | None = None
    _test: str = ""
    _offsets: dict[str, int] = field(default_factory=dict)
    _link: LinkLog | None = None
    _kept: Path | None = None

    def begin(self, test: str, running: "RunningBoard", folder: Path | None) -> None:
        """Listen from now on; `folder` is None if nothing shall be kept."""
        self.running = running
        self._test = test
        self.started_s = time.time()
        self._offsets = {name: path.stat().st_size for name, path in running.stack.logs.items()}
        if folder is None:
            return
        counter = running.listen(None)
        path = self._link_path(running, folder)
        head = Head(
            format=FORMAT,
            board=running.entry.name,
            test=path.name.removesuffix(LINK_SUFFIX),
            profile=str(running.entry.profile_file),
            keys=os.path.relpath(running.stack.key_file, path.parent),
            tc_counter=counter,
        )
        self._close_link()
        self._link = LinkLog(path, head)
        running.listen(self._link.heard)

    def properties(
        self, entry: BoardEntry, measurements: tuple[Measurement, ...]
    ) -> list[tuple[str, object]]:
        """What goes into the test's JUnit element; all words, for some readers take no other."""
        board = _board(entry, self.running)
        found: list[tuple[str, object]] = [
            ("board.name", board.name),
            ("board.serial", board.serial),
            ("board.profile", board.profile),
            ("fw.version", our_version()),
            ("fw.git", our_commit()),
            ("emulated", str(board.emulated).lower()),
            ("link.port", board.port),
        ]
        for number, attempt in enumerate(self.attempts, start=1):
            found.append((f"attempt.{number}", f"{attempt.verdict.value}: {attempt.detail}"))
        for one in measurements:
            found.append((f"meas.{one.name}", f"{one.value} {one.unit}".strip()))
            found.append((f"meas.{one.name}.limit", one.limits))
        return found

    def end(self, test: str, requirement: str, entry: BoardEntry, measures: Measures) -> None:
        """Stop listening and make the record."""
        if self.running is not None:
            self.running.listen(None)
        self._close_link()
        last = self.attempts[-1] if self.attempts else Attempt(verdict=Verdict.PASSED)
        failed = (Verdict.FAILED, Verdict.QUARANTINED)
        # A teardown that fails after a good call fails the test.
        worst = next((one for one in reversed(self.attempts) if one.verdict in failed), last)
        taken = measures.taken
        self.record = RunRecord(
            test=test,
            requirement=requirement,
            verdict=worst.verdict,
            detail=worst.detail,
            board=_board(entry, self.running),
            versions=versions(),
            station=station(),
            started_s=self.started_s,
            ended_s=time.time(),
            attempts=tuple(self.attempts),
            measurements=taken,
            outcomes=tuple(one.outcome.value for one in taken),
            attachments={} if self._link is None else {"link": self._link.path.name},
            console=self._console(),
            models=self._models(),
        )

    def write(self, folder: Path) -> None:
        """Keep the record beside the recording of the link; one of an earlier attempt goes.

        The first may lie elsewhere, for a board that never spoke is filed by its name.
        """
        if self.record is None:
            return
        path = write_record(folder, self.record)
        if self._kept is not None and self._kept != path:
            self._kept.unlink(missing_ok=True)
        self._kept = path

    def _models(self) -> dict[str, str]:
        known = {} if self.running is None else self.running.models
        return {name: one.digest for name, one in known.items()}

    def _link_path(self, running: "RunningBoard", folder: Path) -> Path:
        board = board_folder(_board(running.entry, running))
        again = f"-{len(self.attempts) + 1}" if self.attempts else ""
        return folder / board / f"{slug(self._test)}{again}{LINK_SUFFIX}"

    def _close_link(self) -> None:
        if self._link is not None:
            self._link.close()

    def _console(self) -> str:
        if self.running is None:
            return ""
        parts = []
        for name, path in self.running.stack.logs.items():
            with path.open("rb") as log:
                log.seek(self._offsets.get(name, 0))
                said = log.read()[-CONSOLE_BYTES:].decode(errors="replace").strip()
            if said:
                parts.append(f"--- {name} ---\n{said}")
        return "\n".join(parts)


def _board(entry: BoardEntry, running: "RunningBoard | None") -> BoardRecord:
    port = board_port(entry)
    return BoardRecord(
        name=entry.name,
        serial=running.identity.serial_number if running is not None else "",
        profile=entry.profile.name,
        emulated=entry.is_emulated,
        port=port.url or "pty",
    )
