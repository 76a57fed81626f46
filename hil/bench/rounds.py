"""Fair ratios on a shared machine: contenders take turns, each round gives one ratio, the median counts.

Thread CPU time: a contender that was put aside by the scheduler has not become slower. Everything here
computes in the calling thread.
"""

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 21
SPAN_S = 0.004  # shortest span that is timed: short calls are repeated until they fill it

Action = Callable[[], object]


def ratios(actions: Mapping[str, Action], reference: str, rounds: int = ROUNDS) -> dict[str, float]:
    """Time of each action over that of the reference, median over rounds in which all took part."""
    repeats = {name: _repeats(action) for name, action in actions.items()}
    seen: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds):
        order = list(actions) if number % 2 == 0 else list(reversed(actions))
        spans = {name: _span_s(actions[name], repeats[name]) for name in order}
        for name, span_s in spans.items():
            seen[name].append(span_s / spans[reference])
    return {name: statistics.median(values) for name, values in seen.items() if name != reference}


def seconds(action: Action, rounds: int = ROUNDS) -> float:
    """Median thread CPU time of one call."""
    repeats = _repeats(action)
    return statistics.median(_span_s(action, repeats) for _ in range(rounds))


def _repeats(action: Action) -> int:
    action()  # warm
    return max(1, round(SPAN_S / max(_span_s(action, 1), 1e-7)))


def _span_s(action: Action, repeats: int) -> float:
    started_s = time.thread_time()
    for _ in range(repeats):
        action()
    return (time.thread_time() - started_s) / repeats
