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
REST_S_MAX = 0.05  # at 115200 baud about half a segment of the board link arrives meanwhile


class Loop:
    """Waits between steps until bytes arrive, the wake-up time comes, or a signal ends it all.

    Args:
        rest: how many times as long as a step took to rest after it, if bytes had caused it. A slow line
            brings a few bytes at a time, and a slow processor that steps for each few of them does
            nothing else. After a pause the first bytes are answered at once.
    """

    def __init__(self, clock: Clock, rest: float = 0.0) -> None:
        self.running = True
        self._clock = clock
        self._rest = rest
        self._woke_s = clock.monotonic_s()
        self._was_told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def wait(
        self, readers: Iterable[int | None], wake_at: float, writers: Iterable[int] = ()
    ) -> None:
        """Return when a descriptor is ready or `wake_at` (monotonic seconds) has come."""
        stepped_s = self._clock.monotonic_s()
        timeout_s = min(max(wake_at - stepped_s, STEP_S_MIN), STEP_S_MAX)
        rest_s = min(self._rest * (stepped_s - self._woke_s), REST_S_MAX, timeout_s)
        open_readers = [fd for fd in readers if fd is not None]
        told, _, _ = select.select(open_readers, list(writers), [], timeout_s)
        early_s = stepped_s + rest_s - self._clock.monotonic_s()
        if self._was_told and early_s > 0 and self.running:
            select.select([], [], [], early_s)
        self._was_told = bool(told)
        self._woke_s = self._clock.monotonic_s()

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
