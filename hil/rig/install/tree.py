"""Changes to a board's file system: planned as data, shown as a diff, applied with a way back.

A record of what was there before is kept on the board itself, so that any later `uninstall` gives
the tree back byte for byte. Each file is replaced in one step, the record first.
"""

import contextlib
import difflib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flight_sw.errors import UserError

STATE = "var/lib/vanallen/install"
RECORD = f"{STATE}/record.json"
BACKUP = f"{STATE}/before"
FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Change:
    """What one path shall be: a file with `content`, or a link to `target`."""

    path: str
    content: bytes | None = None
    target: str | None = None
    mode: int = FILE_MODE


class Entry(msgspec.Struct, frozen=True):
    """What was there before, and what we put there.

    Args:
        before: `absent`, `file` or `link`.
        sha256: of the content, or of the link's target.
    """

    path: str
    before: str
    sha256: str


class Record(msgspec.Struct, frozen=True):
    """Everything needed to go back; `folders` are those that we made, outermost first."""

    profile: str
    entries: tuple[Entry, ...]
    folders: tuple[str, ...]


def pending(root: Path, changes: list[Change]) -> list[Change]:
    """Those that would change something."""
    return [change for change in changes if not _holds(root, change)]


def diff(root: Path, changes: list[Change]) -> str:
    """Every pending change as a unified diff, as `diff -u` prints it."""
    parts = []
    for change in pending(root, changes):
        before, after = _text(root, change.path), _wanted_text(change)
        if before is None or after is None:
            size = len(change.content or b"")
            parts.append(f"new file /{change.path} ({size} bytes, not text)\n")
            continue
        old = f"/{change.path}" if _exists(root / change.path) else "/dev/null"
        lines = difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            old,
            f"/{change.path}",
        )
        parts.append("".join(line if line.endswith("\n") else f"{line}\n" for line in lines))
    return "".join(parts)


def apply(root: Path, profile: str, changes: list[Change]) -> list[str]:
    """Make the changes; returns the paths that changed.

    Raises:
        UserError: the tree cannot be written.
    """
    todo = pending(root, changes)
    if not todo:
        return []
    try:
        record = _remember(root, profile, todo, changes)
        _write_record(root, record)
        for change in todo:
            _put(root, change)
    except OSError as error:
        raise UserError(
            f"{error.filename or root}: cannot be written: {error.strerror}; "
            "run as root, or name a tree that is yours with --root"
        ) from error
    return [change.path for change in todo]


def restore(root: Path) -> list[str]:
    """Give back what was there before the first installation; returns the paths.

    Raises:
        UserError: nothing is installed there.
    """
    record = read_record(root)
    if record is None:
        raise UserError(f"{root}: nothing of ours is installed there (no /{RECORD})")
    for entry in record.entries:
        path, kept = root / entry.path, root / BACKUP / entry.path
        path.unlink(missing_ok=True)
        if entry.before != "absent":
            shutil.copy2(kept, path, follow_symlinks=False)
    shutil.rmtree(root / STATE)
    for folder in reversed(record.folders):
        with contextlib.suppress(OSError):  # something else lives in it now: that is not ours
            (root / folder).rmdir()
    return [entry.path for entry in record.entries]


def altered(root: Path) -> list[str]:
    """Paths of ours that are no longer as we put them, for the check after a flash."""
    record = read_record(root)
    if record is None:
        return []
    return [entry.path for entry in record.entries if _digest(root / entry.path) != entry.sha256]


def read_record(root: Path) -> Record | None:
    """What is installed, or None."""
    try:
        return msgspec.json.decode((root / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def firmware_hash(root: Path) -> str:
    """One digest over everything that we installed: the identity of the software on a board."""
    record = read_record(root)
    lines = [f"{e.path} {e.sha256}" for e in record.entries] if record else []
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _remember(root: Path, profile: str, todo: list[Change], changes: list[Change]) -> Record:
    old = read_record(root) or Record(profile, (), ())
    wanted = [*(change.path for change in todo), RECORD]
    fresh = [folder for path in wanted for folder in _missing_folders(root, path)]
    before = {entry.path: entry.before for entry in old.entries}
    for change in todo:
        if change.path not in before:
            before[change.path] = _back_up(root, change.path)
    digests = {change.path: _wanted_digest(change) for change in changes}
    entries = tuple(
        Entry(path, what, digests.get(path) or _digest(root / path) or "")
        for path, what in before.items()
    )
    # The state folder goes as a whole; its parents are ours only if they were not there.
    folders = dict.fromkeys([*old.folders, *fresh])
    return Record(profile, entries, tuple(folders))


def _back_up(root: Path, name: str) -> str:
    path, kept = root / name, root / BACKUP / name
    if not _exists(path):
        return "absent"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, kept, follow_symlinks=False)
    return "link" if path.is_symlink() else "file"


def _missing_folders(root: Path, name: str) -> list[str]:
    parents = [str(parent) for parent in Path(name).parents if str(parent) != "."]
    own = f"{STATE}"
    return [
        folder
        for folder in reversed(parents)
        if folder != own and not folder.startswith(f"{own}/") and not (root / folder).is_dir()
    ]


def _write_record(root: Path, record: Record) -> None:
    path = root / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    fresh.replace(path)


def _put(root: Path, change: Change) -> None:
    path = root / change.path
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.vanallen-new")
    fresh.unlink(missing_ok=True)
    if change.target is not None:
        fresh.symlink_to(change.target)
    else:
        fresh.write_bytes(change.content or b"")
        kept = path.stat().st_mode & 0o7777 if path.is_file() else change.mode
        os.chmod(fresh, kept)  # noqa: PTH101 a FAT partition refuses quietly
    fresh.replace(path)


def _holds(root: Path, change: Change) -> bool:
    return _digest(root / change.path) == _wanted_digest(change)


def _wanted_digest(change: Change) -> str:
    data = f"-> {change.target}".encode() if change.target is not None else change.content or b""
    return hashlib.sha256(data).hexdigest()


def _digest(path: Path) -> str | None:
    try:
        data = f"-> {path.readlink()}".encode() if path.is_symlink() else path.read_bytes()
    except OSError:
        return None
    return hashlib.sha256(data).hexdigest()


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _text(root: Path, name: str) -> str | None:
    path = root / name
    if path.is_symlink():
        return f"link to {path.readlink()}\n"
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        return None


def _wanted_text(change: Change) -> str | None:
    if change.target is not None:
        return f"link to {change.target}\n"
    try:
        return (change.content or b"").decode()
    except UnicodeDecodeError:
        return None
