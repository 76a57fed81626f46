"""Runs one case of storage use through every crash and every failure, and lists what broke a promise."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hil.faults.disk import Disk, Failure, Note
from hil.faults.disk_states import State, Tree, crash_states, last_state, lay_out, rotten

SHOWN = 8  # broken promises told of one case

Values = Mapping[str, object]


class Case(Protocol):
    """A user of storage.

    `prepare` is what lies there before; `work` stores values, through `disk.store`; `found` boots on
    what is there and tells the values; `carry_on` boots and does more work, storing as `work` does.
    After bit rot the newest value or the one before may be found, without `rot_old` only the newest, or
    a value of `rot_also`.
    """

    name: str
    rot_old: bool
    rot_also: tuple[object, ...]

    def prepare(self, folder: Path) -> None: ...
    def work(self, folder: Path, disk: Disk) -> None: ...
    def found(self, folder: Path) -> Values: ...
    def carry_on(self, folder: Path, disk: Disk) -> None: ...


@dataclass(slots=True)
class Tally:
    """How many crash points were tried, and what went wrong."""

    points: int = 0
    disks: int = 0
    broken: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        """Note a broken promise; after some, only their number."""
        self.broken.append(text)

    def told(self) -> str:
        """For the assertion."""
        more = len(self.broken) - SHOWN
        return "\n".join([*self.broken[:SHOWN], *([f"… and {more} more"] if more > 0 else [])])


@dataclass(slots=True)
class Explorer:
    """Explores one case below a scratch folder.

    Args:
        every_byte_to: the size of a write that is torn at each byte; longer ones at so many places.
        stride: of the operations that fail, of the bytes that rot, and of the disks that the first cut
            leaves whose recovery is cut too.
    """

    case: Case
    scratch: Path
    every_byte_to: int
    stride: int = 1
    tally: Tally = field(default_factory=Tally)
    _seen: set[tuple[Tree, object]] = field(default_factory=set)

    def crashes(self, depth: int) -> None:
        """Power cut at each operation, and at depth 2 again at each operation of the recovery."""
        disk = self._worked()
        self._all_states(disk, allowed_start={}, depth=depth)

    def rot(self) -> None:
        """One flipped bit in what lies there at the end: the newest value, or the one before."""
        disk = self._worked()
        end = last_state(disk)
        places = rotten(end, every_byte_to=self.every_byte_to)
        for path, state in itertools.islice(places, 0, None, self.stride):
            allowed = _after_rot(disk.notes, self.case)
            self._try(state, allowed, f"bit rot in {path}")

    def failures(self) -> None:
        """Each operation once answers with an error: the work goes on, and a cut then loses nothing."""
        total = self._worked().calls
        for failure in Failure:
            for number in range(0, total, self.stride):
                disk = self._worked(number, failure)
                how = f"{failure.value} at operation {number}"
                for state in _after(disk, number):
                    self._try(state, _allowed(disk.notes, state.at, {}), how)

    def _worked(self, fail_at: int | None = None, failure: Failure = Failure.IO_ERROR) -> Disk:
        folder = self.scratch / "work"
        lay_out((), folder)
        self.case.prepare(folder)
        disk = Disk(folder, fail_at, failure)
        with disk.watching():
            self.case.work(folder, disk)
        return disk

    def _all_states(self, disk: Disk, allowed_start: Values, depth: int) -> None:
        sound = 0
        for state in crash_states(disk, every_byte_to=self.every_byte_to):
            allowed = _allowed(disk.notes, state.at, allowed_start)
            op = disk.ops[state.at].what if state.at < len(disk.ops) else "the end"
            found = self._try(state, allowed, f"{state.model} at {state.at} ({op})")
            if depth > 1 and found is not None:
                if sound % self.stride == 0:
                    self._again(state, found, depth - 1)
                sound += 1

    def _try(self, state: State, allowed: Mapping[str, list[object]], how: str) -> Values | None:
        """Boot on this disk; the values found, or None if it is known already or broke a promise."""
        self.tally.points += 1
        key = (state.tree, repr(sorted(allowed.items())))
        if key in self._seen:
            return None
        self._seen.add(key)
        self.tally.disks += 1
        folder = self.scratch / "cut"
        lay_out(state.tree, folder)
        try:
            found = self.case.found(folder)
        except Exception as error:  # noqa: BLE001  whatever it is, this is a boot that failed
            self.tally.complain(f"{self.case.name}: {how}: no boot: {error!r}")
            return None
        for name, values in allowed.items():
            if found.get(name) not in values:
                told = f"{found.get(name)!r} is none of {values!r}"
                self.tally.complain(f"{self.case.name}: {how}: {name}: {told}"[:400])
                return None
        return found

    def _again(self, state: State, found: Values, depth: int) -> None:
        """Boot on a disk that a cut left, carry on, and cut that at each operation too."""
        folder = self.scratch / "work"
        lay_out(state.tree, folder)
        disk = Disk(folder)
        with disk.watching():
            self.case.carry_on(folder, disk)
        self._all_states(disk, found, depth)


def _after(disk: Disk, number: int) -> Iterable[State]:
    """The disks soon after a failure, and the last one."""
    yield last_state(disk)
    for state in crash_states(disk, every_byte_to=0, first=number):
        if state.at > number + 4:
            return
        if state.model in ("cut", "unsynced dropped"):
            yield state


def _allowed(notes: list[Note], at: int, start: Values) -> dict[str, list[object]]:
    """The values that may be found after `at` operations: the last promised, or any offered since."""
    allowed = {name: [value] for name, value in start.items()}
    for note in notes:
        if note.at > at:
            break
        known = allowed.setdefault(note.name, [None])
        allowed[note.name] = [note.value] if note.done else [*known, note.value]
    return allowed


def _after_rot(notes: list[Note], case: Case) -> dict[str, list[object]]:
    """The newest promised value, and the one before it if the case may fall back on that."""
    done: dict[str, list[object]] = {}
    for note in notes:
        if note.done:
            done.setdefault(note.name, [None]).append(note.value)
    newest = -2 if case.rot_old else -1
    return {name: [*values[newest:], *case.rot_also] for name, values in done.items()}
