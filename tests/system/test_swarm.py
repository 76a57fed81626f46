"""Days in orbit under swarm faults: no safety violation, and no control step that overruns its tick."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures.scale import SWARM_DAYS
from tests.system import swarm as swarm_flights

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("swarm.py")
LIMIT_S = 6 * 3600
LATE_ONCE_MAX = 1e-4  # of all steps: more is no accident, whether it repeats or not
CORES = 2


def swarm(first, flights, days):
    """Fly so many in a few processes; one line each."""
    share = -(-flights // CORES)
    shares = [(at, min(share, first + flights - at)) for at in range(first, first + flights, share)]
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(at), str(count), str(days)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for at, count in shares
    ]
    try:
        texts = [process.communicate(timeout=LIMIT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.mark.figure("F2", "F10")
@pytest.mark.parametrize(
    ("first", "flights", "days"),
    [(1, 2, 0.03), pytest.param(1000, SWARM_DAYS.value, 1.0, marks=pytest.mark.long)],
)
def test_days_under_swarm_faults_break_no_promise(first, flights, days, figure):
    """No wrong answer stays, no board breaks, the mode is one that answers, each step is in time."""
    lines = swarm(first, flights, days)
    broken = [f"{line['violations']}: {line['again']}" for line in lines if line["violations"]]
    late = [line["again"] for line in lines if line["overruns"]]
    figure("F2.days", sum(line["days"] for line in lines))
    figure("F2.violations", sum(len(line["violations"]) for line in lines))
    figure("F10.days", sum(line["days"] for line in lines))
    figure("F10.overruns", sum(line["overruns"] for line in lines))
    assert len(lines) == flights
    assert not broken, broken[:3]
    assert not late, late[:3]
    steps = sum(line["steps"] for line in lines)
    assert steps > 100 * flights
    assert sum(line["late_once"] for line in lines) <= max(1, LATE_ONCE_MAX * steps)


def test_a_step_that_is_late_in_the_same_flight_again_is_an_overrun(monkeypatch):
    """With no time at all every step overruns, in both flights."""
    monkeypatch.setattr(swarm_flights, "TICK_S", 0.0)
    line = swarm_flights.flown(swarm_flights.drawn(1, 0.005))
    assert line["overruns"] == line["late_once"] == line["steps"] > 0
