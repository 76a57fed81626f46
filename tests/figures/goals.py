"""The figures F1 to F14 that the project holds itself to, and what counts as held in each tier.

A figure is made of parts, each with one goal per tier. Values come from tests alone, by the fixture
`figure`; a part that no test of the run recorded is "not measured", which counts as short.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Tier(StrEnum):
    """Which run the goals are for."""

    CI = "ci"
    LONG = "long"


@unique
class Side(StrEnum):
    """On which side of its goal a value must be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


Combine = Callable[[Iterable[float]], float]


@dataclass(frozen=True, slots=True)
class Part:
    """One number of a figure.

    Args:
        key: the name to record under, such as `F9.executed`.
        combine: how values of several tests become one; values of one label are summed before.
        ci, long: the goals; None where the tier has none. What CI does too little of to be judged
            by, such as simulated days, has none there: the table then says "long only".
    """

    key: str
    what: str
    side: Side
    combine: Combine
    ci: float | None
    long: float | None

    @property
    def figure(self) -> str:
        """The figure that this is a part of."""
        return self.key.partition(".")[0]

    def goal(self, tier: Tier) -> float | None:
        """What to hold in a tier; None if nothing is asked there."""
        return self.ci if tier is Tier.CI else self.long

    def holds(self, value: float, tier: Tier) -> bool:
        """Whether a value is on the right side."""
        goal = self.goal(tier)
        if goal is None:
            return True
        return value >= goal if self.side is Side.AT_LEAST else value <= goal


FIGURES = {
    "F1": "replay identity: one seed, one trace",
    "F2": "simulated days under swarm faults",
    "F3": "liveness after the faults stop",
    "F4": "injections per fault class",
    "F5": "crash points: every write, every failure model",
    "F6": "decoder inputs without a foreign exception",
    "F7": "C core",
    "F8": "Python flight path",
    "F9": "forged or replayed commands",
    "F10": "control tick under fault",
    "F11": "soak on the real clock",
    "F12": "flaky tests",
    "F13": "canaries: builds broken on purpose",
    "F14": "wall time of the CI tier",
}


def _least(key: str, what: str, ci: float | None, long: float | None, how: Combine = sum) -> Part:
    return Part(key, what, Side.AT_LEAST, how, ci, long)


def _most(key: str, what: str, ci: float | None, long: float | None, how: Combine = sum) -> Part:
    return Part(key, what, Side.AT_MOST, how, ci, long)


PARTS: tuple[Part, ...] = (
    _least("F1.seeds", "seeds flown twice", 20, 200),
    _most("F1.differing", "seeds whose traces differ", 0, 0),
    _least("F2.days", "simulated days", None, 1000),
    _most("F2.violations", "safety violations", 0, 0),
    _most("F3.worst_s", "slowest return to NOMINAL or SAFE, s", 60, 60, max),
    _most("F3.not_back", "runs that did not return", 0, 0),
    _least("F4.landed", "landed faults of the rarest class", None, 2995, min),
    _most("F4.failures", "silent, hang or dead", 0, 0),
    _least("F5.points", "crash points tried", 1, 1),
    _least("F5.depth", "crashes in a row; of large cases a sample", 1, 2, min),
    _most("F5.failures", "a third value, a lost counter, no boot", 0, 0),
    _least("F5.kills", "kill -9 of real processes", 4, 300),
    _most("F5.kill_failures", "promises broken by kill -9", 0, 0),
    _least("F6.python_inputs", "inputs to Python decoders", 1e6, 1e8),
    _least("F6.c_inputs", "inputs to C decoders", 4e6, 1e10),  # of four decoders
    _most("F6.foreign", "foreign exceptions, hangs, growth", 0, 0),
    _least("F7.mcdc_percent", "MC/DC, %", 100, 100, min),
    _most("F7.sanitizer", "findings of ASan and UBSan", 0, 0),
    _most("F7.warnings", "compiler warnings", 0, 0),
    _most("F7.valgrind", "findings of valgrind", None, 0),
    _least("F8.branch_percent", "branch coverage, lowest package, %", None, 100, min),
    _most("F8.mypy", "findings of mypy --strict", 0, 0),
    _least("F8.mutation_percent", "mutants killed, lowest package, %", None, 90, min),
    _least("F9.tried", "frames forged or replayed", 1e5, 1e7),
    _most("F9.executed", "of them executed", 0, 0),
    _least("F10.days", "simulated days watched", None, 20),
    _most("F10.overruns", "ticks that overran", 0, 0),
    _least("F11.seconds", "longest soak, s", 120, 7200, max),
    _most("F11.growth_percent", "growth of memory during the soak, %", 5, 5, max),
    _most("F11.slope_percent_per_day", "slope of memory, % per day", None, 1, max),
    _most("F11.fd_change", "change in descriptors", 0, 0, max),
    _most("F11.thread_change", "change in threads", 0, 0, max),
    _least("F12.repeats", "runs of the fast tests in random order", None, 20),
    _most("F12.differences", "tests that came out differently", 0, 0),
    _least("F13.canaries", "broken builds tried", 4, 4),
    _most("F13.missed", "of them not caught", 0, 0),
    _most("F14.minutes", "minutes of a commit's tests", 15, 15, max),
)
BY_KEY = {part.key: part for part in PARTS}
