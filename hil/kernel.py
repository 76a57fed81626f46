"""Virtual time and named streams of chance: the same seed gives the same run, bit for bit.

Every use of chance draws from its own stream, `stream(seed, "upsets:weights")`, whose start is a
hash of seed and name. Two uses never share one, so adding a fault class leaves all others as they were.
"""

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

MAX_ARRIVALS = 1_000_000  # a plan larger than this is a mistake in its rate


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the stream of this name; the same arguments always give the same numbers."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.Generator(np.random.PCG64([int(word) for word in words]))


def poisson_arrivals(
    chance: np.random.Generator, rate_per_s: float, from_s: float, until_s: float
) -> list[float]:
    """Draw arrival times, rising, of a Poisson process of constant rate in [from_s, until_s).

    Raises:
        ValueError: the rate or span is negative, or more than `MAX_ARRIVALS` are expected.
    """
    span_s = until_s - from_s
    if not (rate_per_s >= 0 and span_s >= 0 and rate_per_s * span_s <= MAX_ARRIVALS):
        raise ValueError(f"arrivals: rate {rate_per_s:g}/s over {span_s:g} s is out of range")
    count = int(chance.poisson(rate_per_s * span_s))
    return sorted(float(from_s + span_s * u) for u in chance.random(count))


@dataclass(slots=True)
class Actor:
    """Something that is stepped when it is due; an earlier wish replaces a later one."""

    name: str
    act: Callable[[float], None]
    due_s: float = field(default=float("inf"))


class Timeline:
    """One virtual clock and one heap of what comes next; ties go by order of asking.

    Nothing runs in parallel and nothing waits: a quiet hour costs nothing.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.steps = 0
        self._heap: list[tuple[float, int, Actor]] = []
        self._asked = 0

    def wake(self, actor: Actor, at_s: float) -> None:
        """Step `actor` at `at_s` at the latest, but never in the past."""
        at_s = max(at_s, self.now_s)
        if at_s < actor.due_s:
            actor.due_s = at_s
            self._asked += 1
            heapq.heappush(self._heap, (at_s, self._asked, actor))

    def call(self, at_s: float, name: str, act: Callable[[float], None]) -> None:
        """Call `act` once."""
        self.wake(Actor(name, act), at_s)

    def run(self, until_s: float) -> None:
        """Step everything that is due before `until_s`, in order of time."""
        while self._heap and self._heap[0][0] < until_s:
            at_s, _, actor = heapq.heappop(self._heap)
            if actor.due_s != at_s:
                continue  # it was stepped earlier than this wish
            actor.due_s = float("inf")
            self.now_s = at_s
            self.steps += 1
            actor.act(at_s)
        self.now_s = max(self.now_s, until_s)
