"""The figures of a flight, for programs; and the few of them that a person wants in a table."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import onnxruntime

from flight_sw.inference.manifest import cpu_fingerprint
from hil.campaign.flight import Flown
from hil.campaign.judge import Verdict, final_answers, tally
from hil.campaign.record import FAILURES, Flight
from hil.campaign.recorder import Recorder
from hil.campaign.workload import Workload, scores
from hil.ground.client import LinkCounts
from hil.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Outcome:
    """A flight with all that was made of it.

    Args:
        limits_c: the governor's release, soft and hard limit.
        link: the ground's counts of telecommands.
        wall_s: from the first process to the verdict.
    """

    scenario: Scenario
    board: str
    limits_c: tuple[float, float, float]
    seed: int
    workload: Workload
    flown: Flown
    flight: Flight
    verdict: Verdict
    recorder: Recorder
    link: LinkCounts
    wall_s: float

    @property
    def passed(self) -> bool:
        """Whether the exit code is 0."""
        steps_ok = all(step.ok for step in self.flown.steps)
        return (
            steps_ok
            and self.verdict.handled
            and self.verdict.golden_match
            and not self.flight.jobs.failed
        )


def summarise(outcome: Outcome) -> dict[str, Any]:
    """`summary.json`, in the order in which a person reads it."""
    verdict, flown = outcome.verdict, outcome.flown
    finals = final_answers(outcome.flight)
    max_temp_c = flown.max_temp_c
    return {
        "scenario": outcome.scenario.name,
        "board": outcome.board,
        "seed": outcome.seed,
        "passed": outcome.passed,
        "ended_early": None,
        "protection": outcome.scenario.protection,
        "faults": tally(verdict),
        "jobs": _jobs(outcome),
        "golden_match": verdict.golden_match,
        **scores(outcome.workload, {job: one.output for job, one in finals.items()}),
        "live_coverage": _coverage(outcome.recorder),
        "max_temp_c": None if max_temp_c is None else round(max_temp_c, 2),
        "link": {
            "tc_sent": outcome.link.tc_sent,
            "tc_accepted": outcome.link.tc_accepted,
            "tc_rejected": outcome.link.tc_rejected,
            "tc_failed": outcome.link.tc_failed,
        },
        "steps": {step.name: step.ok for step in flown.steps},
        "acceleration": {
            "weights": outcome.scenario.upsets.acceleration.weights,
            "voted": outcome.scenario.upsets.acceleration.voted,
            "rate_per_bit_day": outcome.scenario.upsets.rate_per_bit_day,
        },
        "time_scale": outcome.scenario.time_scale,
        "flight_s": round(flown.ended_s, 2),
        "wall_s": round(outcome.wall_s, 2),
        "versions": versions(),
    }


def table(summary: Mapping[str, Any]) -> tuple[dict[str, str], frozenset[str]]:
    """Rows for the terminal, and the names of those that are bad news."""
    faults, jobs = summary["faults"], summary["jobs"]
    words = [word for word in ("corrected", "recovered", "masked", "safe") if faults[word]]
    bad_words = [outcome.value for outcome in FAILURES]
    handled = ", ".join(f"{faults[word]} {word}" for word in words) or "none"
    missed = ", ".join(f"{faults[word]} {word}" for word in sorted(bad_words))
    hottest = summary["max_temp_c"]
    rows = {
        "faults landed": f"{faults['landed']} of {faults['injected']} ({faults['void']} void)",
        "faults handled": handled,
        "faults not handled": missed,
        "jobs": f"{jobs['done']} of {jobs['submitted']} done, {jobs['failed']} failed",
        "results taken back": f"{jobs['withdrawn']}, computed again {jobs['rerun']} jobs",
        "equal to golden twin": "all" if summary["golden_match"] else f"NO: {jobs['wrong']} differ",
        "weights proven live": f"{summary['live_coverage']:.4%}",
        "hottest": "unknown" if hottest is None else f"{hottest:.1f} °C",
        "telecommands": f"{summary['link']['tc_accepted']} of {summary['link']['tc_sent']} accepted",
        "flight, all in all": f"{summary['flight_s']:.1f} s, {summary['wall_s']:.1f} s",
    }
    if "f1" in summary:
        rows["F1, average precision"] = f"{summary['f1']:.3f}, {summary['average_precision']:.3f}"
    steps = [name for name, ok in summary["steps"].items() if not ok]
    if steps:
        rows["steps not seen"] = "; ".join(steps)
    bad = {"steps not seen"}
    bad |= {"faults not handled"} if any(faults[word] for word in bad_words) else set()
    bad |= {"equal to golden twin"} if not summary["golden_match"] else set()
    bad |= {"jobs"} if jobs["done"] < jobs["submitted"] else set()
    return rows, frozenset(bad)


def versions() -> dict[str, str]:
    """What computed, for those who compare runs."""
    return {
        "vanallen": metadata.version("vanallen"),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "cpu": cpu_fingerprint(),
    }


def _jobs(outcome: Outcome) -> dict[str, int]:
    flight, verdict = outcome.flight, outcome.verdict
    finals = final_answers(flight)
    return {
        "submitted": len(flight.jobs.submitted),
        "done": verdict.done,
        "withdrawn": len(flight.jobs.withdrawn),
        "rerun": sum(one.attempt > 1 for one in finals.values()),
        "failed": len(flight.jobs.failed),
        "unanswered": len(verdict.unanswered),
        "wrong": len(verdict.wrong),
        "confirmed": len({job for job, _ in outcome.recorder.confirmed}),
    }


def _coverage(recorder: Recorder) -> float:
    """Share of all weight bytes on the board that was proven live."""
    models = recorder.models.values()
    total = sum(model.weight_bytes for model in models)
    return round(sum(m.coverage * m.weight_bytes for m in models) / total, 6) if total else 0.0
