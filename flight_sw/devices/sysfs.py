"""Small text files of the kernel, read with patience and written without fuss.

A sensor file may vanish with its driver, or its read may hang in the kernel when a bus is stuck.
Either costs one reading: reads happen in a thread of their own, and one that is late is given up.
"""

import os
import threading
from pathlib import Path

READ_TIMEOUT_S = 0.05  # half a control tick
MAX_BYTES = 4096  # a sysfs file is at most one page
WIDEST_DIRECTORY = 1024  # entries looked at when a directory is searched


class PatientReader:
    """Reads one file at a time; while a read hangs, every further one is answered None at once."""

    def __init__(self, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._wanted = threading.Event()
        self._done = threading.Event()
        self._done.set()
        self._path = Path()
        self._text: str | None = None
        self._thread: threading.Thread | None = None

    def read(self, path: Path) -> str | None:
        """Return the file's text without surrounding white space, or None if it cannot be had."""
        if not self._done.is_set():
            return None
        if self._thread is None:
            # A daemon thread: one that hangs in the kernel must not keep the program from ending.
            self._thread = threading.Thread(target=self._serve, name="sysfs", daemon=True)
            self._thread.start()
        self._path = path
        self._done.clear()
        self._wanted.set()
        return self._text if self._done.wait(self._timeout_s) else None

    def read_int(self, path: Path) -> int | None:
        """Return the file's text as a whole number, or None."""
        text = self.read(path)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None

    def _serve(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            self._text = read_text(self._path)
            self._done.set()


def read_text(path: Path) -> str | None:
    """Return a small file's text without surrounding white space, or None if it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(MAX_BYTES) or b"").decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return None


def write_text(path: Path, text: str) -> bool:
    """Write an existing file in one go, as sysfs wants it; False if the kernel refuses."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.write(fd, text.encode()) == len(text.encode())
    except OSError:
        return False
    finally:
        os.close(fd)


def list_directory(path: Path, pattern: str = "*") -> list[Path]:
    """Return matching entries in order, or nothing if the directory is not there."""
    try:
        return sorted(path.glob(pattern))[:WIDEST_DIRECTORY]
    except OSError:
        return []
