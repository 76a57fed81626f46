"""Leases: who has a board now. One small file for each, in a folder that all users of a machine share.

A lease names its owner, process, machine and end. It is void when its process is gone (a process id that
was given to another program since does not count: the start time differs) or when its time is up, so a
killed CI job blocks nobody. Holders renew it before each test and learn there if they have lost it.
"""

import fcntl
import getpass
import hashlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from flight_sw.devices.machine_boot import machine_boot_id
from flight_sw.errors import UserError
from hil.rig.infrastructure import BoardBusy, LeaseLost

FOLDER_VARIABLE = "VANALLEN_LEASES"
HOLD_S = 900.0  # without a renewal; longer than any single test
LOOK_S = 0.1
START_TIME_FIELD = 19  # of /proc/PID/stat behind the name: field 22 of proc(5)


class LeaseRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file of a lease holds; times are UTC seconds since 1970."""

    resource: str
    owner: str
    pid: int
    pid_started: int | None
    host: str
    boot_id: str
    taken_s: float
    expires_s: float

    def is_held(self, now_s: float) -> bool:
        """Whether somebody really has it."""
        if now_s >= self.expires_s:
            return False
        if self.host != socket.gethostname():
            return True  # we cannot look there, so its time decides
        same_boot = self.boot_id == machine_boot_id()
        return same_boot and process_start(self.pid) == self.pid_started is not None

    def __str__(self) -> str:
        until = time.strftime("%H:%M:%S", time.localtime(self.expires_s))
        return f"{self.owner}, process {self.pid} on {self.host}, until {until} at the latest"


class Lease:
    """One resource, held from `take` to `release`; a context manager that releases.

    Args:
        resource: what is held, such as a port's device: the same words mean the same thing.
        folder: of all leases; else $VANALLEN_LEASES, else a folder in /tmp for all users.
    """

    def __init__(self, resource: str, folder: Path | None = None, hold_s: float = HOLD_S) -> None:
        self.resource = resource
        self._folder = leases_folder() if folder is None else folder
        self._hold_s = hold_s
        self._record: LeaseRecord | None = None
        stem = re.sub(r"[^A-Za-z0-9.]+", "-", resource).strip("-")[-40:]
        digest = hashlib.sha256(resource.encode()).hexdigest()[:12]
        self._path = self._folder / f"{stem}-{digest}.lease"

    def take(self, wait_s: float = 0.0) -> Self:
        """Take it, waiting as long as given for somebody else to let go.

        Raises:
            BoardBusy: still held; the text says by whom.
            UserError: the folder cannot be used.
        """
        end_s = time.monotonic() + wait_s
        while (holder := self._try()) is not None:
            if time.monotonic() >= end_s:
                waited = f" (waited {wait_s:g} s)" if wait_s else ""
                raise BoardBusy(f"{self.resource} is in use: {holder}{waited}")
            time.sleep(LOOK_S)
        return self

    def renew(self) -> None:
        """Start its time anew.

        Raises:
            LeaseLost: somebody else has it.
        """
        with self._locked():
            held = self._read()
            if self._record is None or held is None or _identity(held) != _identity(self._record):
                self._record = None
                raise LeaseLost(f"{self.resource} was taken over: {held or 'its lease is gone'}")
            self._write(msgspec.structs.replace(held, expires_s=time.time() + self._hold_s))

    def release(self) -> None:
        """Let go, if it is still ours; releasing twice is harmless."""
        record, self._record = self._record, None
        if record is None:
            return
        with self._locked():
            held = self._read()
            if held is not None and _identity(held) == _identity(record):
                self._path.unlink(missing_ok=True)

    def holder(self) -> LeaseRecord | None:
        """Who has it now, if anybody."""
        with self._locked():
            held = self._read()
        return held if held is not None and held.is_held(time.time()) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _try(self) -> LeaseRecord | None:
        with self._locked():
            now_s = time.time()
            held = self._read()
            if held is not None and held.is_held(now_s):
                return held
            self._record = _ours(self.resource, now_s, self._hold_s)
            self._write(self._record)
        return None

    def _read(self) -> LeaseRecord | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=LeaseRecord)
        except (FileNotFoundError, msgspec.DecodeError):
            return None  # half a record is what a power cut leaves: nobody holds by it

    def _write(self, record: LeaseRecord) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(record) + b"\n")
        draft.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time looks at a lease; the kernel frees a killed one's lock."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with suppress(PermissionError):
                self._folder.chmod(0o777)  # whoever shares the boards must be able to take over
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDONLY | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(
                f"{self._folder}: leases cannot be kept here ({error.strerror}); "
                f"name another folder in {FOLDER_VARIABLE}"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def leases_folder() -> Path:
    """Where leases are unless somebody says otherwise."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir()) / "vanallen-leases"


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if there is none, or only its corpse."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if words[0] in "ZX" else int(words[START_TIME_FIELD])
    except (OSError, ValueError, IndexError):
        return None


def _ours(resource: str, now_s: float, hold_s: float) -> LeaseRecord:
    pid = os.getpid()
    return LeaseRecord(
        resource=resource,
        owner=getpass.getuser(),
        pid=pid,
        pid_started=process_start(pid),
        host=socket.gethostname(),
        boot_id=machine_boot_id(),
        taken_s=now_s,
        expires_s=now_s + hold_s,
    )


def _identity(record: LeaseRecord) -> tuple[object, ...]:
    return (record.host, record.boot_id, record.pid, record.pid_started, record.taken_s)
