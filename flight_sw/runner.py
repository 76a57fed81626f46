"""What both runners share: waiting for bytes or a due time, an orderly stop, the memory map file."""

import json
import secrets
import select
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

from flight_sw.devices.clock import Clock
from flight_sw.radiation.protected import MemoryRegion

STEP_S_MAX = 0.1  # a step at least ten times a second
STEP_S_MIN = 0.002  # and not more often than a board can use, whatever wake-up times say


class Loop:
    """Waits between steps until bytes arrive, the wake-up time comes, or a signal ends it all."""

    def __init__(self, clock: Clock) -> None:
        self.running = True
        self._clock = clock
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def wait(
        self, readers: Iterable[int | None], wake_at: float, writers: Iterable[int] = ()
    ) -> None:
        """Return when a descriptor is ready or `wake_at` (monotonic seconds) has come."""
        left_s = wake_at - self._clock.monotonic_s()
        timeout_s = min(max(left_s, STEP_S_MIN), STEP_S_MAX)
        open_readers = [fd for fd in readers if fd is not None]
        select.select(open_readers, list(writers), [], timeout_s)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.running = False


def draw_session() -> int:
    """A session number for the board link, unlike that of the run before."""
    return secrets.randbits(32) or 1


def write_memory_map(
    file: Path,
    pid: int,
    regions: Iterable[MemoryRegion],
    live: Mapping[str, tuple[tuple[int, int], ...]] | None = None,
) -> None:
    """Publish where protected memory lies, whole or not at all; a reader may be another process.

    `live` names for some regions the (offset, length) stretches that hold more than padding.
    """
    stretches = live or {}
    lines = [
        {
            "name": r.name,
            "pid": pid,
            "address": r.address,
            "length": r.length,
            "live": stretches.get(r.name, ()),
        }
        for r in regions
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(lines, indent=1))
    part.replace(file)
