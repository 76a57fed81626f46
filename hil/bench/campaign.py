"""`vanallen bench campaign`: how fast faults are sampled, on one processor and two, and days flown.

`injections_per_s` counts two things apart: whole trials of the stack, each one flip with jobs, scrub
and telemetry around it, and bare injections into a live model (flip, run, flip back), as PyTorchFI does.
Scaling needs two processors that have nothing else to do; `busy` says whether they had.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flight_sw.inference.bundle import Guarding
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.job import Protection
from flight_sw.radiation.native import crc32c
from hil.applications.models import shipped_models
from hil.bench.inference import SHAPES, Built, injections
from hil.bench.mapped import load_mapped, scratch
from hil.campaign.trials.benches import Benches
from hil.campaign.trials.engine import LocalEngine
from hil.campaign.trials.plan import Cell, Plan, Shard
from hil.campaign.trials.runner import RunOptions, run_campaign
from hil.faults.classes import FaultClass
from hil.simulation.flight import FlightOptions, fly, summary

TRIALS, SCALING_TRIALS = 48, 800  # batches that two workers share evenly
DAYS = 0.5
SCALING_GOAL, DAYS_GOAL = 1.8, 300.0
BUSY_LOAD = 0.5  # processes of others that wait or run


def run(
    trials: int = TRIALS, scaling: int = SCALING_TRIALS, days: float = DAYS
) -> Mapping[str, Any]:
    """All figures and the goals."""
    others = os.getloadavg()[0]
    stack = {name: _stack_trials_per_s(name, trials) for name in shipped_models()}
    bare = _bare()
    speedup = _scaling(scaling)
    per_hour = _days_per_core_hour(days)
    return {
        "injections_per_s": {
            "stack": {name: round(rate, 2) for name, rate in stack.items()},
            "model": {name: round(found["injections_per_s"], 1) for name, found in bare.items()},
        },
        "vs_pytorchfi": {name: found["injections_vs_pytorchfi"] for name, found in bare.items()},
        "scaling_2_workers": round(speedup, 3),
        "sim_days_per_core_hour": round(per_hour, 1),
        "load_before": round(others, 2),
        "busy": others > BUSY_LOAD,
        "goals": {
            "scaling_2_workers": speedup >= SCALING_GOAL,
            "sim_days_per_core_hour": per_hour >= DAYS_GOAL,
        },
    }


def _stack_trials_per_s(model: str, trials: int) -> float:
    """Trials per second of processor time, one fault each, the stack's start included."""
    with Benches(model, "emulated") as benches:
        benches.check(Protection.STANDARD)
        shard = Shard(Cell(FaultClass.SEU, Protection.STANDARD), 0, trials)
        started_s = time.process_time()
        done = sum(1 for _ in benches.run(shard, 1))
        return done / (time.process_time() - started_s)


def _bare() -> dict[str, dict[str, Any]]:
    """Bare injections per second of processor time, against the peer where it is installed."""
    found = {}
    with scratch() as folder:
        for name, build in SHAPES.items():
            source = folder / f"{name}.onnx"
            feed = build(source)
            manifest, _ = compile_bundle(source, folder / name, crc32c, Guarding())
            live = load_mapped(folder / name, folder / f"{name}-live")
            tensors = [feed[spec.name] for spec in manifest.inputs]
            found[name] = injections(Built(name, source, feed), live, tensors)
    return found


def _scaling(trials: int) -> float:
    """Time of one worker over that of two, for the same plan."""
    plan = Plan(name="scaling", faults=(FaultClass.SEU.value,), n=trials)
    took_s = []
    with scratch() as folder:
        for workers in (1, 2):
            options = RunOptions(Path(folder) / str(workers))
            started_s = time.monotonic()
            run_campaign(plan, options, LocalEngine(workers), lambda _: None)
            took_s.append(time.monotonic() - started_s)
    return took_s[0] / took_s[1]


def _days_per_core_hour(days: float) -> float:
    """Simulated days of a flight with particles and jobs in an hour of one processor."""
    started_s = time.process_time()
    flown = summary(fly(FlightOptions(days=days, acceleration=1e5, device_acceleration=10.0)))
    return float(flown["days"]) * 3600 / (time.process_time() - started_s)
