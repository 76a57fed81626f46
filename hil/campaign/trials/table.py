"""From trials to the table: outcomes, rates with bounds, strata, latencies.

A rate counts failures (silent, hang, dead) over faults that landed; void ones are shown and not counted.
"""

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from hil.campaign.record import FAILURES, Outcome
from hil.campaign.trials.bounds import Rate, rate_of, stratified
from hil.campaign.trials.plan import Cell, FaultId, Plan, Shard, cells_of
from hil.campaign.trials.shards import ShardFile
from hil.campaign.trials.trial import Trial
from hil.faults.classes import CATALOG

FAILURES_SHOWN = 20
OF_OUR_SAMPLING = (
    "Rates hold for our sampling: evenly over the listed bits, moments and ways to strike, "
    "at 95 % (Clopper-Pearson). They are not rates in an orbit."
)


def make_table(plan: Plan, found: Mapping[Shard, ShardFile]) -> dict[str, Any]:
    """The whole table as plain data."""
    cells = {}
    for cell in cells_of(plan):
        trials = trials_of(found, cell)
        if trials:
            cells[cell.name] = _row(plan, cell, trials)
    return {
        "name": plan.name,
        "plan": plan.digest,
        "seed": plan.seed,
        "model": plan.model,
        "board": plan.board,
        "planned_per_cell": plan.n,
        "cells": cells,
        "failures": sum(row["failures"] for row in cells.values()),
        "trials": sum(row["trials"] for row in cells.values()),
        "digest": digest_of(plan, found),
        "holds_for": OF_OUR_SAMPLING,
    }


def trials_of(found: Mapping[Shard, ShardFile], cell: Cell) -> tuple[Trial, ...]:
    """A cell's trials in order."""
    files = sorted((f for s, f in found.items() if s.cell == cell), key=lambda file: file.first)
    return tuple(trial for file in files for trial in file.trials)


def digest_of(plan: Plan, found: Mapping[Shard, ShardFile]) -> str:
    """Names every outcome, place and latency of the campaign, and no time of any clock."""
    text = [(c.name, trials_of(found, c)) for c in cells_of(plan)]
    return hashlib.sha256(msgspec.json.encode(text)).hexdigest()[:16]


def landed_of(trials: Iterable[Trial]) -> list[Trial]:
    """Trials whose fault landed."""
    return [trial for trial in trials if trial.outcome != Outcome.VOID.value]


def _row(plan: Plan, cell: Cell, trials: Sequence[Trial]) -> dict[str, Any]:
    landed = landed_of(trials)
    failures = [trial for trial in landed if trial.failed]
    counts = Counter(trial.outcome for trial in trials)
    return {
        "class": cell.fault.value,
        "protection": cell.protection.value,
        "trials": len(trials),
        "landed": len(landed),
        "outcomes": {outcome.value: counts[outcome.value] for outcome in Outcome},
        "failures": len(failures),
        "failure_rate": _rate(rate_of(len(failures), len(landed))),
        "silent_rate": _rate(rate_of(counts[Outcome.SILENT.value], len(landed))),
        "changed_decisions": sum(trial.changed > 0 for trial in landed),
        "by_way": _strata(landed, lambda trial: trial.variant),
        "by_region": _strata(landed, lambda trial: trial.region.partition(":")[0] or "-"),
        "by_layer": _strata(landed, lambda trial: trial.layer or "-"),
        "by_bit": _strata(landed, lambda trial: str(trial.bit)),
        "detect_s": latencies([t.detect_s for t in landed if t.detect_s is not None]),
        "recover_s": latencies([t.recover_s for t in landed if t.recover_s is not None]),
        "limits_s": [CATALOG[cell.fault].detect_s, CATALOG[cell.fault].recover_s],
        "void": dict(Counter(t.why for t in trials if t.outcome == Outcome.VOID.value)),
        "examples": [_example(plan, cell, trial) for trial in failures[:FAILURES_SHOWN]],
    }


def latencies(values: Sequence[float]) -> dict[str, float] | None:
    """Median, 95th percentile and longest, in seconds; None without any."""
    if not values:
        return None
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
        "longest": round(ordered[-1], 4),
    }


def fault_id(plan: Plan, cell: Cell, index: int) -> str:
    """What `vanallen campaign replay` takes."""
    return str(FaultId(cell.fault, plan.seed, cell.protection, plan.model, plan.board, index))


def _example(plan: Plan, cell: Cell, trial: Trial) -> dict[str, Any]:
    place = " ".join(part for part in (trial.region, trial.layer) if part)
    return {
        "id": fault_id(plan, cell, trial.index),
        "way": trial.variant,
        "place": place + (f" bit {trial.bit}" if trial.bit >= 0 else ""),
        "outcome": trial.outcome,
        "why": trial.why,
    }


def _strata(trials: Sequence[Trial], key: Any) -> dict[str, Any]:
    return {
        name: _rate(rate)
        for name, rate in stratified(trials, key, lambda trial: trial.failed).items()
    }


def _rate(rate: Rate) -> dict[str, float]:
    return {name: round(value, 8) for name, value in asdict(rate).items()} | {
        "rate": round(rate.rate, 8)
    }


def is_failure(outcome: str) -> bool:
    """Whether an outcome's word counts against us."""
    return Outcome(outcome) in FAILURES
