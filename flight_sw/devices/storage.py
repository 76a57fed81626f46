"""Durable storage as named blobs, and the key file with its mode 0600.

`FileStorage.write` returns only when the new content survives a power cut: temporary file, fsync,
rename, fsync of the directory. Names come from a small alphabet, so no path can be formed.
"""

import errno
import fcntl
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from flight_sw.errors import KeyFileError, StoreError, UserError

CONTENT_BYTES_MAX = 64 * 1024 * 1024
KEY_FILE_BYTES_MAX = 64 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}(\.[a-z0-9]{1,8})?")
_TEMPORARY = ".NEW"  # capitals: no blob can have this name
_LOCK = ".lock"  # nor this one
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Storage(Protocol):
    """A place for named blobs; `write` is atomic and durable."""

    def read(self, name: str) -> bytes | None:
        """The content, None if there is none; StoreError if it cannot be read."""

    def write(self, name: str, content: bytes) -> None:
        """Replace the content; StoreError if it may not have become durable."""


class FileStorage:
    """Blobs as files of one directory, which is made if missing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock_fd: int | None = None
        try:
            _make_durable_folder(directory)
        except OSError as error:
            raise StoreError(f"cannot make store {directory}: {error.strerror}") from error

    def claim(self) -> None:
        """Keep other processes out until `close`: two users of one counter would repeat an IV."""
        path = self._directory / _LOCK
        try:
            lock_fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreError(f"cannot lock {self._directory}: {error.strerror}") from error
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock_fd)
            raise UserError(
                f"store {self._directory} is in use by another process; "
                "end that one or choose another directory"
            ) from None
        self._lock_fd = lock_fd

    def close(self) -> None:
        """Let other processes in again."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def read(self, name: str) -> bytes | None:
        """The content, None if there is none; StoreError if it cannot be read."""
        try:
            with self._path(name).open("rb") as file:
                content = file.read(CONTENT_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {name}: {error.strerror}") from error
        if len(content) > CONTENT_BYTES_MAX:
            raise StoreError(f"{name} is larger than {CONTENT_BYTES_MAX} bytes")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Replace the content; after a StoreError it is the old or the new, never a mixture.

        On a full disk an existing blob that is large enough is written over in place, so that counters
        still work there. That is not atomic: `store.records` never writes over its newest whole slot.
        """
        path = self._path(name)
        try:
            try:
                self._write_new(path, content)
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                _overwrite(path, content)
            _fsync_directory(self._directory)
        except OSError as error:
            raise StoreError(f"cannot write {name}: {error.strerror}") from error

    def _write_new(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(path.name + _TEMPORARY)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise StoreError(f"{name!r} is not a name of a stored blob")
        return self._directory / name


def _overwrite(path: Path, content: bytes) -> None:
    """Write over blocks that the file already has; OSError if it has too few."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(fd, "wb", closefd=True) as file:
        if os.fstat(fd).st_size < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.write(content)
        file.flush()
        os.ftruncate(fd, len(content))
        os.fsync(fd)


def read_key_file(path: Path) -> str:
    """The text of a key file; KeyFileError if missing, open to others or no text."""
    try:
        key_fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyFileError(f"no key file {path}; make one with: vanallen keys new") from None
    except OSError as error:
        raise KeyFileError(f"cannot read key file {path}: {error.strerror}") from None
    try:
        status = os.fstat(key_fd)  # of the open file: nobody can swap it in between
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"key file {path} is not a regular file; name the file itself")
        if status.st_mode & 0o077:
            raise KeyFileError(f"key file {path} is open to other users; run: chmod 600 {path}")
        content = os.read(key_fd, KEY_FILE_BYTES_MAX + 1)
    finally:
        os.close(key_fd)
    if len(content) > KEY_FILE_BYTES_MAX:
        raise KeyFileError(f"{path} is too large for a key file; name the right file")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is not text; name the right file") from None


def write_key_file(path: Path, text: str) -> None:
    """Make a key file with mode 0600, whole or not at all; KeyFileError if there is one already."""
    temporary = path.with_name(path.name + _TEMPORARY)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # of one that a cut-off attempt left, too
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, this never replaces keys
        _fsync_directory(path.parent)
    except FileExistsError:
        raise KeyFileError(f"{path} exists; move it away first, its keys may be in use") from None
    except OSError as error:
        raise KeyFileError(f"cannot write key file {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def _make_durable_folder(directory: Path) -> None:
    """Make a folder, and the names of it and of those above it that are new, survive a power cut."""
    fresh = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The folder's own name even if it is there: whoever made it may have been killed before the sync.
    for folder in {directory, *fresh}:
        with suppress(PermissionError):
            _fsync_directory(folder.parent)


def replace_key_file(path: Path, draft: Path) -> None:
    """Let a key file that is written and durable take the place of another, all or nothing."""
    try:
        draft.replace(path)
        _fsync_directory(path.parent)
    except OSError as error:
        raise KeyFileError(f"cannot put {draft} in place of {path}: {error.strerror}") from None


def _fsync_directory(directory: Path) -> None:
    """Make the rename itself durable: without this a power cut may bring the old name back."""
    directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory_fd)
    finally:
        os.close(directory_fd)
