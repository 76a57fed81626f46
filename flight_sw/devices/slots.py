"""Two slots, A and B, for software or models: a new one is tried, confirmed if it holds, else undone.

The state is one small file, replaced whole and with a second copy: which slot is confirmed, which one
is on trial, and how many boots the trial has left. The boot side calls `choose` before anything of the
payload runs; the payload calls `confirm` once it is healthy. A trial that never confirms runs out of
boots and the confirmed slot comes back: no clock and no watchdog have to be trusted for that.

Platforms with slots of their own keep their own rule: their commands go into `Hooks`
(Raspberry Pi: `reboot "0 tryboot"`; RAUC: `rauc status mark-good`; Mender: `mender-update commit`).
"""

import os
import subprocess
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from pathlib import Path

import msgspec

from flight_sw.errors import StoreError, UserError

STATE, SPARE = "slots.json", "slots.spare.json"
CURRENT = "current"
TRIAL_BOOTS = 2  # one may be lost to a power cut that has nothing to do with the new software
TRIAL_BOOTS_MAX = 8
HOOK_TIMEOUT_S = 30.0


@unique
class Slot(StrEnum):
    """The two places."""

    A = "slot-a"
    B = "slot-b"

    @property
    def other(self) -> "Slot":
        """The place to write the next version to."""
        return Slot.B if self is Slot.A else Slot.A


@dataclass(frozen=True, slots=True)
class SlotState:
    """What holds.

    Args:
        confirmed: the slot that is known to work.
        trial: the slot that is being tried, or None.
        boots_left: how often the trial may still boot without being confirmed.
        rolled_back: how many trials were undone, for telemetry.
    """

    confirmed: Slot = Slot.A
    trial: Slot | None = None
    boots_left: int = 0
    rolled_back: int = 0


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's content; `check` is the CRC-32 of the state's JSON."""

    state: SlotState
    check: int


def begin_trial(state: SlotState, boots: int = TRIAL_BOOTS) -> SlotState:
    """Try the other slot from the next boot on.

    Raises:
        UserError: a trial runs already.
    """
    if state.trial is not None:
        raise UserError(f"{state.trial} is on trial; confirm it or roll it back first")
    boots = max(1, min(boots, TRIAL_BOOTS_MAX))
    return replace(state, trial=state.confirmed.other, boots_left=boots)


def on_boot(state: SlotState) -> tuple[SlotState, Slot]:
    """State to store before anything starts, and the slot to start."""
    if state.trial is None:
        return state, state.confirmed
    if state.boots_left <= 0:
        return roll_back(state), state.confirmed
    return replace(state, boots_left=state.boots_left - 1), state.trial


def on_healthy(state: SlotState) -> SlotState:
    """The payload has held: the trial becomes what is confirmed."""
    if state.trial is None:
        return state
    return replace(state, confirmed=state.trial, trial=None, boots_left=0)


def roll_back(state: SlotState) -> SlotState:
    """Give up the trial, if there is one."""
    if state.trial is None:
        return state
    return replace(state, trial=None, boots_left=0, rolled_back=state.rolled_back + 1)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Commands of the platform's own update system; empty ones are not there."""

    confirm: Sequence[str] = ()
    roll_back: Sequence[str] = ()


class SlotStore:
    """The state file of one folder, and its link `current`."""

    def __init__(self, folder: Path, hooks: Hooks | None = None) -> None:
        self._folder = folder
        self._hooks = hooks or Hooks()

    def load(self) -> SlotState:
        """What is stored; if both files are missing or damaged, the slot that `current` names."""
        for name in (STATE, SPARE):
            try:
                stored = msgspec.json.decode((self._folder / name).read_bytes(), type=_Stored)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                continue
            if stored.check == _check(stored.state):
                return stored.state
        return SlotState(confirmed=self._linked())

    def choose(self) -> Slot:
        """At boot: count the trial down, point `current` at the slot to start, return it.

        Raises:
            StoreError: the state could not be made durable; then nothing has changed.
        """
        before = self.load()
        after, slot = on_boot(before)
        self._save(after)
        self._point(slot)
        if after.rolled_back > before.rolled_back:
            self._run(self._hooks.roll_back)
        return slot

    def try_other(self, boots: int = TRIAL_BOOTS) -> Slot:
        """Put the other slot on trial from the next boot on.

        Raises:
            UserError: a trial runs already, or there is nothing in the other slot.
            StoreError: the state could not be made durable.
        """
        state = begin_trial(self.load(), boots)
        if state.trial is None or not (self._folder / state.trial).is_dir():
            raise UserError(f"{self._folder / (state.trial or '')}: nothing there to try")
        self._save(state)
        return state.trial

    def spare(self) -> Slot:
        """The slot that the next version may be written to.

        Raises:
            UserError: a trial runs, so either slot is needed.
        """
        state = begin_trial(self.load())
        return state.confirmed.other

    def confirm(self) -> SlotState:
        """The payload has held; returns the new state.

        Raises:
            StoreError: the state could not be made durable.
        """
        before = self.load()
        after = on_healthy(before)
        if after != before:
            self._save(after)
            self._run(self._hooks.confirm)
        return after

    def _linked(self) -> Slot:
        try:
            return Slot((self._folder / CURRENT).readlink().name)
        except (OSError, ValueError):
            return Slot.A

    def _save(self, state: SlotState) -> None:
        content = msgspec.json.encode(_Stored(state, _check(state)))
        try:
            self._replace(STATE, content)
        except OSError as error:
            path = self._folder / STATE
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
        with suppress(OSError):  # the state is durable; only its spare is one behind
            self._replace(SPARE, content)

    def _replace(self, name: str, content: bytes) -> None:
        path = self._folder / name
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(self._folder)

    def _point(self, slot: Slot) -> None:
        link = self._folder / CURRENT
        fresh = link.with_name("current.new")
        try:
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(slot.value)
            fresh.replace(link)
            _sync(self._folder)
        except OSError as error:
            raise StoreError(f"{link}: cannot be made: {error.strerror}") from error

    def _run(self, command: Sequence[str]) -> bool:
        """A hook that fails does not undo what is already durable."""
        if not command:
            return False
        try:
            done = subprocess.run(list(command), timeout=HOOK_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def _check(state: SlotState) -> int:
    return zlib.crc32(msgspec.json.encode(state))


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
