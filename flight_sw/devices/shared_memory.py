"""Bytes that two processes share: the weights that the scrubber guards and the worker computes on.

Files on tmpfs, mapped shared by both, in a directory that only this user may enter. The directory
is locked while its owner lives, so that the next start can clear away what a killed one left; a
lock outlives no process and works across process-id namespaces, where numbers would lie.
"""

import ctypes
import fcntl
import mmap
import os
import shutil
import tempfile
from pathlib import Path

from flight_sw.errors import StoreError

TMPFS = Path("/dev/shm")  # noqa: S108 the point is to be in memory; directories are 0700
PREFIX = "vanallen-"
OWNER = "owner"
MAX_STALE = 256  # directories looked at when clearing up
MAX_ATTEMPTS = 8


class SharedFile:
    """One mapped file: `view` is live, writable memory; `address` is where it starts."""

    def __init__(self, path: Path, length: int) -> None:
        """Map `length` bytes of an existing file, shared and writable.

        Raises:
            StoreError: the file is missing, shorter than that, or cannot be mapped.
        """
        self.path = path
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                self._map = mmap.mmap(fd, length, mmap.MAP_SHARED)
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be mapped: {error}") from error
        self.view = memoryview(self._map)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def close(self) -> None:
        """Unmap, unless someone still holds a slice: then the last holder does."""
        self.view.release()
        try:
            self._map.close()
        except BufferError:
            return


class SharedMemory:
    """This process's directory of shared files; construct one, close it at the end."""

    def __init__(self, parent: Path | None = None) -> None:
        """Make the directory, in memory where possible, and clear away those of dead owners.

        Raises:
            StoreError: there is no place to put it.
        """
        self._parent = parent or (TMPFS if os.access(TMPFS, os.W_OK) else _fallback())
        remove_stale(self._parent)
        self.directory, self._lock = _make_owned(self._parent)
        self._files: list[SharedFile] = []

    def put(self, name: str, data: bytes | bytearray | memoryview) -> SharedFile:
        """Write bytes to a new file of this name and map it.

        Raises:
            StoreError: the memory is full, the name is no plain file name or already taken.
        """
        if not data or Path(name).name != name:
            raise StoreError(f"shared memory: needs a plain name and some bytes, got {name!r}")
        path = self.directory / name
        try:
            with path.open("xb") as file:
                file.write(data)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
        shared = SharedFile(path, len(data))
        self._files.append(shared)
        return shared

    def remove(self, shared: SharedFile) -> None:
        """Unmap one file and delete it; a process that still maps it keeps its pages."""
        self._files.remove(shared)
        shared.close()
        shared.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmap and delete everything; closing twice is harmless."""
        for shared in self._files:
            shared.close()
        self._files = []
        if self._lock >= 0:
            shutil.rmtree(self.directory, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def remove_stale(parent: Path) -> int:
    """Delete directories whose owner is dead; return how many there were."""
    removed = 0
    for directory in sorted(parent.glob(f"{PREFIX}*"))[:MAX_STALE]:
        lock = _try_lock(directory)
        if lock is not None:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(lock)
            removed += 1
    return removed


def _make_owned(parent: Path) -> tuple[Path, int]:
    for _ in range(MAX_ATTEMPTS):
        try:
            directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            (directory / OWNER).touch(mode=0o600)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"{parent}: no place for shared memory: {error.strerror}") from error
        lock = _try_lock(directory)
        # Another start may have taken the new directory for a stale one before it was locked.
        if lock is not None and (directory / OWNER).exists():
            return directory, lock
    raise StoreError(f"{parent}: shared memory directories vanish as soon as they are made")


def _try_lock(directory: Path) -> int | None:
    """Return the locked descriptor of a directory that nobody owns, else None."""
    try:
        lock = os.open(directory / OWNER, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _fallback() -> Path:
    return Path(tempfile.gettempdir())
