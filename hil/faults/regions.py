"""From a fault's fraction to bits of live memory: which region, which byte, which bits.

Pure: a memory map and a fault in, a list of bits out. Bits are chosen evenly over all bits that a
fault class may hit, as particles choose them, so a large model is hit more often than a small one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hil.faults.catalog import REGIONS_OF, Fault, FaultKind

BITS = 8
CHECK_BYTES = 512  # of one page
CRC_BYTES = 4
PAGE_BYTES = 4096  # one protected block
ROW_BYTES = 64  # a codeword takes one bit column through the page's 64-byte rows
BURST_BITS = 3  # neighbouring bits of one burst that names no number
MAX_MAP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Region:
    """One named piece of a process's memory, as the node and the controller publish it.

    `live` are the (offset, length) stretches that matter, where a region also holds padding; empty
    means all of it does.
    """

    name: str
    pid: int
    address: int
    length: int
    live: tuple[tuple[int, int], ...] = ()

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """The stretches that a fault may hit."""
        return self.live or ((0, self.length),)

    @property
    def live_bytes(self) -> int:
        """How many bytes a fault may hit."""
        return sum(length for _, length in self.stretches)


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of one region; `offset` counts bytes from the region's start."""

    region: Region
    offset: int
    bit: int

    @property
    def address(self) -> int:
        """Where the byte is in its process."""
        return self.region.address + self.offset


def read_regions(path: Path) -> list[Region]:
    """Return the memory map that a process published, or nothing if there is none (yet)."""
    try:
        data = path.read_bytes()[:MAX_MAP_BYTES]
        return msgspec.json.decode(data, type=list[Region])
    except (OSError, msgspec.DecodeError):
        return []


def choose_bits(fault: Fault, regions: Sequence[Region]) -> list[Bit]:
    """Map a memory fault onto the regions that exist; empty if its kind has none or none fit."""
    prefix = REGIONS_OF[fault.kind]
    wanted = sorted((r for r in regions if r.name.startswith(prefix)), key=lambda r: r.name)
    first = _locate(fault.place, wanted)
    if first is None:
        return []
    if fault.kind is FaultKind.WEIGHT_DOUBLE_FLIP:
        return _column_pair(first, fault)
    if fault.kind is FaultKind.WEIGHT_BURST:
        return _burst(first, int(fault.level) or BURST_BITS)
    if fault.kind is FaultKind.VOTE_DOUBLE_FLIP:
        return _replica_pair(first, wanted, fault)
    if fault.kind is FaultKind.VOTE_TWO_BITS:
        return _replica_two(first, wanted, fault)
    return [first]


def page_of(region: str, offset: int) -> int:
    """The page of the weights that a byte belongs to; protection bytes lie elsewhere than it."""
    if region.startswith("check:"):
        return offset // CHECK_BYTES
    if region.startswith("crc:"):
        return offset // CRC_BYTES
    return 0 if region.startswith("parity") else offset // PAGE_BYTES


def _locate(place: float, regions: Sequence[Region]) -> Bit | None:
    total = sum(region.live_bytes for region in regions) * BITS
    index = int(place * total)
    for region in regions:
        for start, length in region.stretches:
            if index < length * BITS:
                return Bit(region, start + index // BITS, index % BITS)
            index -= length * BITS
    return None


def _column_pair(first: Bit, fault: Fault) -> list[Bit]:
    """Add the same bit of the same column in another row of the page: two errors in one codeword."""
    page_start = first.offset - first.offset % PAGE_BYTES
    column = first.offset % ROW_BYTES
    end = min(page_start + PAGE_BYTES, first.region.length)
    partners = [o for o in range(page_start + column, end, ROW_BYTES) if o != first.offset]
    if not partners:
        return []
    return [first, Bit(first.region, partners[_pick(fault, len(partners))], first.bit)]


def _burst(first: Bit, bits: int) -> list[Bit]:
    last = first.region.length * BITS - bits
    start = min(first.offset * BITS + first.bit, last)
    if start < 0:
        return []
    return [Bit(first.region, i // BITS, i % BITS) for i in range(start, start + bits)]


def _replica_pair(first: Bit, regions: Sequence[Region], fault: Fault) -> list[Bit]:
    record = first.region.name.partition(":")[2]  # voted-a:node, voted-b:node, voted-c:node
    partners = [
        r
        for r in regions
        if r is not first.region and r.name.partition(":")[2] == record and r.length > first.offset
    ]
    if not partners:
        return []
    return [first, Bit(partners[_pick(fault, len(partners))], first.offset, first.bit)]


def _replica_two(first: Bit, regions: Sequence[Region], fault: Fault) -> list[Bit]:
    """A bit of another replica that is not the same bit of the record."""
    pair = _replica_pair(first, regions, fault)
    if not pair:
        return []
    other, bits = pair[1].region, first.region.length * BITS
    here = first.offset * BITS + first.bit
    there = (here + 1 + int(fault.second * (bits - 1))) % bits
    return [first, Bit(other, there // BITS, there % BITS)]


def _pick(fault: Fault, count: int) -> int:
    """Choose a partner by `second`, or from the place itself where a plan gave none."""
    if fault.second:
        return int(fault.second * count)
    digest = hashlib.sha256(f"{fault.id}\0{fault.place!r}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % count
