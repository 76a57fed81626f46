"""Fly days under swarm faults in virtual time: swarm.py FIRST COUNT DAYS, one JSON line a flight.

Swarm: first it is drawn which kinds of trouble a flight has at all, then how much of each, so flights
differ in kind and not only in dice.
"""

import json
import sys
import time
from typing import Self

import numpy as np

from flight_sw.controller import Controller
from flight_sw.errors import VanAllenError
from flight_sw.on_board import OnBoard
from hil.environment.solar_storm import S_SCALE, SolarStorm
from hil.kernel import stream
from hil.simulation.flight import FlightOptions, fly, rerun, summary
from hil.simulation.pace import Pace

TICK_S = 0.1  # the control tick


class StepClock:
    """Processor time of every control step of a flight; `late` are the numbers of those too long."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self.steps = 0
        self.late: set[int] = set()
        self._step = Controller.step
        self._handler_failed = OnBoard._handler_failed

    def __enter__(self) -> Self:
        step, clock = self._step, self

        def timed(controller, now, inputs):
            started_s = time.thread_time()
            try:
                return step(controller, now, inputs)
            finally:
                clock.note(time.thread_time() - started_s)

        Controller.step = timed
        OnBoard._handler_failed = _raise_again
        return self

    def __exit__(self, *_: object) -> None:
        Controller.step = self._step
        OnBoard._handler_failed = self._handler_failed

    def note(self, spent_s: float) -> None:
        """One step took so long."""
        if spent_s > TICK_S:
            self.late.add(self.steps)
        self.steps += 1
        self.worst_s = max(self.worst_s, spent_s)


def _raise_again(*_: object) -> None:
    """In flight a defect of a handler is told and survived; here it ends the flight."""
    raise  # noqa: PLE0704  called where it is handled


def drawn(seed: int, days: float) -> FlightOptions:
    """The options of one flight of the swarm."""
    chance = stream(seed, "swarm")
    has_upsets, has_crashes, has_storm, has_rush = chance.random(4) < (0.7, 0.6, 0.3, 0.5)
    storm = SolarStorm(str(chance.choice(list(S_SCALE))), float(chance.uniform(0, days * 86_400)))
    return FlightOptions(
        days=days,
        seed=seed,
        level=str(chance.choice(["low", "nominal", "high"])),
        acceleration=float(10 ** chance.uniform(4, 6.5)) if has_upsets else 0.0,
        device_acceleration=float(10 ** chance.uniform(1, 3)) if has_crashes else 0.0,
        jobs_per_day=float(chance.uniform(300, 800) if has_rush else chance.uniform(20, 150)),
        storms=(storm,) if has_storm else (),
        pace=Pace(),
    )


def flown(options: FlightOptions) -> dict[str, object]:
    """Fly it; what was promised and broken, in words.

    A step that is too long is an overrun if it is too long in the same flight again; else the machine
    was slow and not the step.
    """
    line, clock = _timed(options)
    late_again = clock.late and clock.late & _timed(options)[1].late
    return line | {
        "again": rerun(options),
        "steps": clock.steps,
        "overruns": len(late_again),
        "late_once": len(clock.late),
        "worst_ms": round(1000 * clock.worst_s, 2),
    }


def _timed(options: FlightOptions) -> tuple[dict[str, object], StepClock]:
    line: dict[str, object] = {"seed": options.seed, "days": options.days, "landed": 0}
    with StepClock() as clock:
        try:
            figures = summary(fly(options))
        except (VanAllenError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            return line | {"violations": [f"the flight ended in {error!r}"]}, clock
    landed, answered = figures["hits"]["landed"], figures["jobs"]["answered"]
    return line | {"landed": landed, "jobs": answered, "violations": _violations(figures)}, clock


def _violations(figures: dict) -> list[str]:
    """A wrong answer that was not taken back, a broken board, books of heat that do not close."""
    found = []
    if figures["jobs"]["wrong"]:
        found.append(f"{figures['jobs']['wrong']} wrong answers")
    if figures["broken"]:
        found.append("the board is broken")
    if figures["mode_at_end"] not in ("SAFE", "NOMINAL", "DEGRADED"):
        found.append(f"mode {figures['mode_at_end']} at the end")
    if not np.isclose(figures["heat_lost_j"], 0.0, atol=1.0):
        found.append("the books of heat do not close")
    return found


def main(first: int, count: int, days: float) -> None:
    """Fly each of them."""
    for seed in range(first, first + count):
        print(json.dumps(flown(drawn(seed, days))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
