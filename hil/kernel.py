"""Named streams of chance: the same seed gives the same run, and a new stream shifts no other.

Every use of chance draws from its own stream, `stream(seed, "upsets:weights")`, whose start is a
hash of seed and name. Two uses never share one, so adding a fault class leaves all others as they were.
"""

import hashlib

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
