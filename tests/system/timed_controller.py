"""A controller as it flies, with a stopwatch: timed_controller.py REPORT ARGUMENTS of `flight_sw` …

At its end it writes one JSON object: steps, the processor time of the longest, how many took longer than
the tick, and the longest time between the starts of two steps, which a write that blocks would stretch;
time in which other programs had the processor is no part of it.
"""

import json
import sys
import time
from pathlib import Path

from flight_sw.__main__ import main
from flight_sw.controller import Controller

TICK_S = 0.1
SCHEDULED = Path("/proc/self/schedstat")  # ns on a processor, ns waited for one, turns


class Stopwatch:
    """Around `Controller.step`."""

    def __init__(self) -> None:
        self.steps = self.overruns = 0
        self.worst_s = self.gap_s = 0.0
        self._last_s: float | None = None
        self._step = Controller.step

    def start(self) -> None:
        """From now on."""
        step, watch = self._step, self

        def timed(controller, now, inputs):
            watch.begins()
            started_s = time.thread_time()
            try:
                return step(controller, now, inputs)
            finally:
                watch.ends(time.thread_time() - started_s)

        Controller.step = timed

    def begins(self) -> None:
        """A step starts."""
        now_s = time.monotonic() - _waited_s()
        if self._last_s is not None:
            self.gap_s = max(self.gap_s, now_s - self._last_s)
        self._last_s = now_s

    def ends(self, spent_s: float) -> None:
        """It took so long."""
        self.steps += 1
        self.overruns += spent_s > TICK_S
        self.worst_s = max(self.worst_s, spent_s)

    def report(self) -> dict[str, float]:
        """For the file."""
        return {
            "steps": self.steps,
            "overruns": self.overruns,
            "worst_s": self.worst_s,
            "gap_s": self.gap_s,
        }


def _waited_s() -> float:
    """How long this program has waited for a processor; 0 where the kernel does not count it."""
    try:
        return int(SCHEDULED.read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


if __name__ == "__main__":
    stopwatch = Stopwatch()
    stopwatch.start()
    try:
        code = main(sys.argv[2:])
    finally:
        Path(sys.argv[1]).write_text(json.dumps(stopwatch.report()))
    sys.exit(code)
