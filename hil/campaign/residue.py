"""The look at the board's memory after the flight: what is still wrong, whatever the events said.

Two witnesses. The rig looks again at every bit that it flipped; and the whole of each model's live
weights is read from outside and compared with the file that they came from.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from hil.campaign.record import Injection
from hil.faults.memory import ProcessMemory
from hil.faults.regions import PAGE_BYTES, Region

WEIGHTS_PREFIX = "weights:"
STILL_WRONG = "flipped"
VOTED_PREFIX = "voted"
COPIES = 3
TRIES = 5  # a record may be just written while it is read
Damage = frozenset[tuple[str, int]]


class Looker(Protocol):
    """What the look needs of the rig."""

    def regions(self) -> Sequence[Region]:
        """The memory map of what runs now."""
        ...

    def verify(self, number: int) -> Sequence[str]:
        """State of each bit of an injection."""
        ...


def look(
    rig: Looker,
    injections: Iterable[Injection],
    numbers: Mapping[int, int],
    files: Mapping[str, Path],
) -> Damage | None:
    """Every (region, page) that is wrong, page -1 for a voted record; None if it cannot be told.

    Args:
        numbers: by planned fault, the rig's own number of the injection.
        files: by region name without `weights:`, the file that holds its right bytes.
    """
    regions = rig.regions()
    weights = {
        region.name.removeprefix(WEIGHTS_PREFIX): region
        for region in regions
        if region.name.startswith(WEIGHTS_PREFIX)
    }
    if set(weights) != set(files):
        return None
    damage: set[tuple[str, int]] = set()
    try:
        for name, region in weights.items():
            damage |= {(name, page) for page in _wrong_pages(region, files[name])}
        for record in {name_of(r.name) for r in regions if r.name.startswith(VOTED_PREFIX)}:
            if not _copies_agree([r for r in regions if name_of(r.name) == record]):
                damage.add((record, -1))
    except OSError:
        return None
    for injection in injections:
        # What a voted record holds changes rightly all the time; its copies were compared above.
        if not injection.landed or injection.page < 0:
            continue
        if STILL_WRONG in rig.verify(numbers[injection.fault]):
            damage.add((injection.region, injection.page))
    return frozenset(damage)


def name_of(region: str) -> str:
    """What a region belongs to: `node` of `voted-a:node`, `hotspot` of `check:hotspot`."""
    return region.partition(":")[2].partition(":")[0]


def _copies_agree(regions: Sequence[Region]) -> bool:
    """Whether the three copies of a voted record, one of them stored inverted, are the same."""
    copies = sorted(
        (region for region in regions if region.name.startswith(VOTED_PREFIX)),
        key=lambda region: region.name,
    )
    if len(copies) != COPIES:
        return False
    for _ in range(TRIES):
        with ProcessMemory(copies[0].pid) as memory:
            first, second, third = (
                np.frombuffer(memory.read(one.address, one.length), np.uint8) for one in copies
            )
        if np.array_equal(first, second) and np.array_equal(first, ~third):
            return True
    return False


def _wrong_pages(region: Region, file: Path) -> list[int]:
    with ProcessMemory(region.pid) as memory:
        live = np.frombuffer(memory.read(region.address, region.length), np.uint8)
    right = np.zeros(region.length, np.uint8)  # the owner pads the last page with zeros
    golden = np.frombuffer(file.read_bytes(), np.uint8)
    right[: golden.size] = golden
    wrong = np.flatnonzero(live != right)
    return sorted({int(offset) // PAGE_BYTES for offset in wrong})
