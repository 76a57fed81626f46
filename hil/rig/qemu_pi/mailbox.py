"""The rig's side of the mailbox in the guest's RAM window; see `guest/mailbox.py` for the layout."""

import struct
import zlib

import msgspec

from hil.faults.regions import Region
from hil.rig.qemu_pi.ram import WINDOW, GuestRam

OUT, IN = WINDOW + 0x10000, WINDOW + 0x80000  # behind the registers
RECORD_BYTES = 0x60000
_HEAD = struct.Struct("<II")


class GuestRegion(msgspec.Struct, frozen=True):
    """A stretch of memory in the guest and the physical frames of its pages; 0 is absent."""

    name: str
    pid: int
    address: int
    length: int
    frames: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """True if every page is in memory."""
        return bool(self.frames) and 0 not in self.frames

    def seen_at(self, pid: int, address: int) -> Region:
        """The same stretch as another process sees it."""
        return Region(self.name, pid, address, self.length)


class GuestState(msgspec.Struct, frozen=True):
    """What the guest said last.

    Args:
        cpu_s: processor time of node and worker together since boot.
        quota: the worker's `cpu.max`.
        done: number of the last order it obeyed, `outcome` why it could not.
    """

    up_s: float
    boot: str | None
    node: int | None
    worker: int | None
    cpu_s: float
    quota: str | None
    regions: tuple[GuestRegion, ...]
    done: int
    outcome: str


class Mailbox:
    """Reads what the guest publishes and leaves orders for it."""

    def __init__(self, ram: GuestRam) -> None:
        self._ram = ram
        self._number = 0
        self._last: GuestState | None = None
        self._seen = b""

    def forget(self) -> None:
        """Clear both records, as the guest starts anew."""
        self._last, self._seen, self._number = None, b"", 0
        for place in (OUT, IN):
            self._ram.bytes[place : place + _HEAD.size] = bytes(_HEAD.size)

    def state(self) -> GuestState | None:
        """The newest whole record, or None before the first of this boot."""
        head = self._ram.bytes[OUT : OUT + _HEAD.size]
        length, crc = _HEAD.unpack(head)
        if head == self._seen or not 0 < length < RECORD_BYTES:
            return self._last
        data = self._ram.bytes[OUT + _HEAD.size : OUT + _HEAD.size + length]
        if zlib.crc32(data) == crc:
            self._last = msgspec.json.decode(data, type=GuestState)
            self._seen = head
        return self._last

    def order_signal(self, pid: int, number: int) -> int:
        """Ask the guest to send a signal to one of its processes; returns the order's number."""
        self._number += 1
        order = {"number": self._number, "pid": pid, "signal": int(number)}
        data = msgspec.json.encode(order)
        self._ram.bytes[IN + _HEAD.size : IN + _HEAD.size + len(data)] = data
        self._ram.bytes[IN : IN + _HEAD.size] = _HEAD.pack(len(data), zlib.crc32(data))
        return self._number
