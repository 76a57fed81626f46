"""Bit flips in the live memory of a process, from outside, through /proc/PID/mem.

A flip counts only if the byte reads back changed; otherwise it is void, with the reason. The write
goes to the pages themselves, also where the process mapped them shared: the worker's weights and
the scrubber's view are then hit alike, as by a particle. Needs the right to trace the process:
the same user and, where Yama restricts it, being its ancestor.
"""

import errno
import os
from dataclasses import dataclass
from types import TracebackType
from typing import Self

BITS = 8
REASONS = {
    errno.ENOENT: "process gone",
    errno.ESRCH: "process gone",
    errno.EIO: "page gone",
    errno.EFAULT: "page gone",
    errno.EACCES: "no permission to write the memory of that process",
    errno.EPERM: "no permission to write the memory of that process",
}


@dataclass(frozen=True, slots=True)
class Flip:
    """What became of one bit flip; `reason` says why it did not land, and is empty if it did."""

    landed: bool
    before: int
    after: int
    reason: str = ""


class ProcessMemory:
    """The memory of one process, open for reading and writing; use it as a context."""

    def __init__(self, pid: int) -> None:
        """Open it.

        Raises:
            OSError: the process is gone or may not be traced.
        """
        self.pid = pid
        self._fd = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)

    def read(self, address: int, length: int) -> bytes:
        """Return bytes as the process sees them.

        Raises:
            OSError: nothing is mapped there.
        """
        return os.pread(self._fd, length, address)

    def write(self, address: int, data: bytes) -> int:
        """Put bytes in place and return how many were taken.

        Raises:
            OSError: nothing is mapped there, or it may not be written.
        """
        return os.pwrite(self._fd, data, address)

    def flip(self, address: int, bit: int) -> Flip:
        """Invert bit 0 to 7 of one byte and read it back; never raises for a process that left."""
        if not 0 <= bit < BITS:
            raise ValueError(f"bit {bit} is not in a byte")
        try:
            before = self.read(address, 1)
            if len(before) != 1:
                return Flip(False, 0, 0, "process gone")
            wanted = before[0] ^ (1 << bit)
            self.write(address, bytes([wanted]))
            after = self.read(address, 1)
        except OSError as error:
            return Flip(False, 0, 0, reason_of(error))
        if after != bytes([wanted]):
            seen = after[0] if after else 0
            return Flip(False, before[0], seen, "changed back before it could be read")
        return Flip(True, before[0], wanted)

    def close(self) -> None:
        """Let go of the process."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def flip_bit(pid: int, address: int, bit: int) -> Flip:
    """Open the process, flip one bit, close it; a process that is gone gives a void flip."""
    try:
        with ProcessMemory(pid) as memory:
            return memory.flip(address, bit)
    except OSError as error:
        return Flip(False, 0, 0, reason_of(error))


def read_byte(pid: int, address: int) -> int | None:
    """Return one byte of a process, or None if it can no longer be read."""
    try:
        with ProcessMemory(pid) as memory:
            data = memory.read(address, 1)
    except OSError:
        return None
    return data[0] if data else None


def reason_of(error: OSError) -> str:
    """Say in a few words why memory could not be reached."""
    return REASONS.get(error.errno or 0, error.strerror or "unreachable")
