"""Memory faults, start to end: choose the bits, flip them, say for each whether it landed."""

from collections.abc import Collection, Sequence
from typing import Literal

from hil.faults.catalog import Fault
from hil.faults.memory import flip_bit, read_byte
from hil.faults.regions import PAGE_BYTES, Bit, Region, choose_bits
from hil.faults.rig_messages import Hit

BitState = Literal["flipped", "restored", "gone", "void"]


def flip_fault(
    fault: Fault, regions: Sequence[Region], processes: Collection[int] | None = None
) -> tuple[str, tuple[Hit, ...]]:
    """Flip the bits of one fault; return why it is void (empty if it landed) and the bits.

    Args:
        regions: the memory map, as the process published it.
        processes: where given, the processes that may be hit; a number in an old map may
            meanwhile belong to someone else.
    """
    bits = choose_bits(fault, regions)
    if not bits:
        return f"no memory region for {fault.kind} exists now", ()
    hits = tuple(_flip_one(bit, processes) for bit in bits)
    return next((hit.reason for hit in hits if not hit.landed), ""), hits


def state_of(hit: Hit) -> BitState:
    """Look at a bit again: is it still flipped, or was it repaired?"""
    if not hit.landed:
        return "void"
    value = read_byte(hit.pid, hit.address)
    if value is None:
        return "gone"
    mask = 1 << hit.bit
    return "flipped" if value & mask == hit.after & mask else "restored"


def _flip_one(bit: Bit, processes: Collection[int] | None) -> Hit:
    region = bit.region
    before = after = 0
    if processes is not None and region.pid not in processes:
        landed, reason = False, "process gone"
    else:
        flip = flip_bit(region.pid, bit.address, bit.bit)
        before, after, landed, reason = flip.before, flip.after, flip.landed, flip.reason
    return Hit(
        region=region.name,
        pid=region.pid,
        address=bit.address,
        offset=bit.offset,
        page=bit.offset // PAGE_BYTES,
        bit=bit.bit,
        before=before,
        after=after,
        landed=landed,
        reason=reason,
    )
