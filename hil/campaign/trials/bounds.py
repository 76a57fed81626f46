"""Statistics of a campaign: how many faults a bound needs, what a count proves, and when to stop early.

Exact bounds of Clopper and Pearson, as `interval` computes them. Upper bounds are one-sided: 0 failures
in 2,995 trials say 0.1 % at 95 %. Everything here holds for the sampling, not for an orbit.
"""

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from hil.campaign.trials.interval import CONFIDENCE, clopper_pearson

TRIALS_MAX = 10_000_000
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Rate:
    """A counted rate; `low` and `high` bound it two-sided, `upper` from above alone."""

    events: int
    trials: int
    low: float
    high: float
    upper: float

    @property
    def rate(self) -> float:
        """As counted; 0 without trials."""
        return self.events / self.trials if self.trials else 0.0


def rate_of(events: int, trials: int, confidence: float = CONFIDENCE) -> Rate:
    """Bounds of a count; nothing is known without trials."""
    if trials == 0:
        return Rate(0, 0, 0.0, 1.0, 1.0)
    low, high = clopper_pearson(events, trials, confidence)
    return Rate(events, trials, low, high, upper_bound(events, trials, confidence))


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound: the two-sided one of twice the tail."""
    return clopper_pearson(events, trials, 2 * confidence - 1)[1] if trials else 1.0


def sample_size(bound: float, failures: int = 0, confidence: float = CONFIDENCE) -> int:
    """The fewest trials after which so many failures still keep the rate below `bound`.

    ValueError for a bound outside (0, 1) or one that needs more than TRIALS_MAX trials.
    """
    if not 0 < bound < 1:
        raise ValueError(f"a bound is between 0 and 1, not {bound:g}")
    low, high = failures, max(2 * failures, 16)
    while upper_bound(failures, high, confidence) > bound:
        low, high = high, 2 * high
        if high > TRIALS_MAX:
            raise ValueError(f"a bound of {bound:g} needs more than {TRIALS_MAX} trials")
    while high - low > 1:
        middle = (low + high) // 2
        enough = upper_bound(failures, middle, confidence) <= bound
        low, high = (low, middle) if enough else (middle, high)
    return high


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When to stop before the last trial: decided at `looks` equally spaced moments, fixed in the plan.

    Each look spends an equal part of the error (Bonferroni), so that looking often proves nothing extra.
    """

    bound: float
    looks: int = 4


def looks_at(stop: Stop, planned: int, unit: int) -> tuple[int, ...]:
    """After how many trials the plan looks: equal steps, rounded up to whole shards of `unit`."""
    steps = (
        math.ceil(planned * look / stop.looks / unit) * unit for look in range(1, stop.looks + 1)
    )
    return tuple(dict.fromkeys(min(step, planned) for step in steps))


def decide(stop: Stop, events: int, trials: int) -> str:
    """`met`, `missed`, or an empty text to go on; ask it at the planned looks alone."""
    confidence = 1 - (1 - CONFIDENCE) / stop.looks
    if upper_bound(events, trials, confidence) <= stop.bound:
        return "met"
    low = clopper_pearson(events, trials, 2 * confidence - 1)[0]
    return "missed" if low > stop.bound else ""


def stratified(
    items: Iterable[T], key: Callable[[T], K], failed: Callable[[T], bool]
) -> dict[K, Rate]:
    """A rate for each stratum, such as a region, a layer or a bit, in order of their names."""
    counts: dict[K, list[int]] = {}
    for item in items:
        count = counts.setdefault(key(item), [0, 0])
        count[0] += failed(item)
        count[1] += 1
    return {k: rate_of(*counts[k]) for k in sorted(counts, key=str)}
