"""Exact bounds for a rate that was counted: Clopper and Pearson (Biometrika 26, 1934)."""

from collections.abc import Callable
from math import exp, lgamma, log

CONFIDENCE = 0.95
_STEPS = 60  # bisections: more digits than a double has


def clopper_pearson(
    events: int, trials: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Lower and upper bound of the rate behind `events` out of `trials`; ValueError for no trials."""
    if not 0 <= events <= trials or trials == 0:
        raise ValueError(f"{events} events in {trials} trials")
    tail = (1 - confidence) / 2
    lower = 0.0 if events == 0 else _solve(lambda p: 1 - _at_most(events - 1, trials, p) - tail)
    upper = 1.0 if events == trials else _solve(lambda p: tail - _at_most(events, trials, p))
    return lower, upper


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _at_most(events: int, trials: int, rate: float) -> float:
    """Probability of at most so many events: terms of the binomial, summed as logarithms."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return float(events >= trials)
    head = lgamma(trials + 1)
    logs = (
        head - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(rate) + (trials - k) * log(1 - rate)
        for k in range(events + 1)
    )
    return min(1.0, sum(exp(value) for value in logs))
