"""The board's model store: compiled models in numbered slots, each installed whole or not at all.

Slots are numbers because a name that comes over the link must never become a path. A slot is a
symbolic link to a directory of its own; installing fills a fresh directory and then replaces the
link, which is one atomic step: a power cut leaves the old model or the new one. Each step is synced
before the next one relies on it, because a disk may keep them in another order.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from flight_sw.errors import ModelError
from flight_sw.inference.bundle import parts_of, verify_bundle
from flight_sw.inference.manifest import Manifest, read_manifest
from flight_sw.inference.worker_messages import MAX_SLOTS

_CONTENT = "content-"
_EMPTY = "empty"  # what a trial link says of a slot that held nothing


class TrialTime(msgspec.Struct, frozen=True):
    """What a trial has left: seconds of running time, and starts of the board that it has seen."""

    left_s: float
    starts: int = 1


class ModelStore:
    """Compiled models under `root`, one directory per slot number."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def directory(self, slot: int) -> Path:
        """Where the compiled model of `slot` lies; ModelError for a number out of range."""
        if not 1 <= slot <= MAX_SLOTS:
            raise ModelError(f"slot {slot} does not exist; use 1 to {MAX_SLOTS}")
        return self._root / f"slot-{slot:02d}"

    def install(self, compiled: Path, slot: int) -> Manifest:
        """Copy a verified compiled model into `slot`; the old one stays if anything fails."""
        link = self.directory(slot)
        parts = set(parts_of(compiled, verify_bundle(compiled)).values())
        self._root.mkdir(parents=True, exist_ok=True)
        content = Path(tempfile.mkdtemp(dir=self._root, prefix=_CONTENT))
        for part in sorted(
            parts, reverse=True
        ):  # the plain part's folder, synced last, names the others
            _copy(part, content / part.relative_to(compiled))
        manifest = verify_bundle(content)
        new_link = content.with_suffix(".link")
        new_link.symlink_to(content.name)
        _sync(self._root)  # or the slot could lead to a name that is not there
        new_link.replace(link)
        _sync(self._root)
        self._drop_unused()
        return manifest

    def install_on_trial(self, compiled: Path, slot: int) -> Manifest:
        """As `install`, but the model that was there is kept until `confirm` or `roll_back`."""
        link = self.directory(slot)
        if self.on_trial(slot):
            raise ModelError(f"slot {slot}: a model is on trial; confirm it or roll it back first")
        before = link.readlink().name if link.is_symlink() and not self.leads_out(slot) else ""
        self._root.mkdir(parents=True, exist_ok=True)
        self._trial(slot).symlink_to(before or _EMPTY)
        try:
            _sync(self._root)  # or a power cut could leave the new model without its trial
            return self.install(compiled, slot)
        except (ModelError, OSError):
            self.roll_back(slot)  # the link may have been replaced before what failed
            raise

    def on_trial(self, slot: int) -> bool:
        """Whether the model in this slot has not been confirmed."""
        return self._trial(slot).is_symlink()

    def trial_time(self, slot: int) -> TrialTime | None:
        """What was last kept of a trial's time; None if nothing readable was."""
        try:
            return msgspec.json.decode(self._time_file(slot).read_bytes(), type=TrialTime)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def keep_trial_time(self, slot: int, time: TrialTime) -> None:
        """Store what the trial in this slot has left, whole or not at all."""
        if not self.on_trial(slot):
            return
        part = self._time_file(slot).with_suffix(".part")
        part.write_bytes(msgspec.json.encode(time))
        _sync(part)
        part.replace(self._time_file(slot))

    def confirm(self, slot: int) -> bool:
        """Keep the model on trial for good; False if none was; OSError if that is not durable."""
        was = self.on_trial(slot)
        self._trial(slot).unlink(missing_ok=True)
        if was:
            _sync(self._root)  # the old model may go only when nothing can lead back to it
        self._drop_unused()
        return was

    def roll_back(self, slot: int) -> bool:
        """Put back what was in the slot before the trial; False if none was on trial."""
        if not self.on_trial(slot):
            return False
        before = self._trial(slot).readlink().name
        if before == _EMPTY:
            self.directory(slot).unlink(missing_ok=True)
            _sync(self._root)
            self._trial(slot).unlink()
        else:
            self._trial(slot).replace(self.directory(slot))  # one step: never an empty slot
        _sync(self._root)
        self._drop_unused()
        return True

    def _trial(self, slot: int) -> Path:
        return self._root / f"trial-{self.directory(slot).name}"

    def _time_file(self, slot: int) -> Path:
        return self._root / f"time-{self.directory(slot).name}.json"

    def remove(self, slot: int) -> None:
        """Empty a slot; an empty slot stays empty, and a trial in it ends."""
        self.directory(slot).unlink(missing_ok=True)
        self._trial(slot).unlink(missing_ok=True)
        if self._root.is_dir():
            _sync(self._root)
        self._drop_unused()

    def filled(self) -> tuple[int, ...]:
        """Slots that hold something, readable or not."""
        slots = range(1, MAX_SLOTS + 1)
        return tuple(slot for slot in slots if self.directory(slot).is_symlink())

    def leads_out(self, slot: int) -> bool:
        """Whether somebody has linked a slot to what we did not put there; no model is taken from it."""
        link = self.directory(slot)
        if not link.is_symlink():
            return False
        target = link.readlink()
        return target != Path(target.name) or not target.name.startswith(_CONTENT)

    def catalogue(self) -> dict[int, Manifest]:
        """Manifest per filled slot; a slot that is unreadable or leads elsewhere counts as empty."""
        found = {}
        for slot in range(1, MAX_SLOTS + 1):
            if self.leads_out(slot):
                continue
            try:
                found[slot] = read_manifest(self.directory(slot))
            except ModelError:
                continue
        return found

    def _drop_unused(self) -> None:
        """Remove contents that no slot points to: replaced ones, and those of a cut-off install."""
        links = (*self._root.glob("slot-*"), *self._root.glob("trial-slot-*"))
        used = {link.readlink().name for link in links if link.is_symlink()}
        for slot in range(1, MAX_SLOTS + 1):
            if not self.on_trial(slot):
                with suppress(OSError):
                    self._time_file(slot).unlink(missing_ok=True)
        for entry in self._root.glob(f"{_CONTENT}*"):
            if entry.is_symlink():
                entry.unlink()
            elif entry.name not in used:
                shutil.rmtree(entry, ignore_errors=True)


def _copy(part: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name in read_manifest(part).files:
        shutil.copyfile(part / name, target / name)
        _sync(target / name)
    _sync(target)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
