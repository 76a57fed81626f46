"""What a line does to bytes while a fault is on it."""

from dataclasses import dataclass, field

import numpy as np

from hil.faults.line import LineNoise, pass_through


@dataclass(slots=True)
class Line:
    """One direction of a link: noise while it lasts, and a time before which nothing arrives.

    Args:
        harmed: how often bytes were changed, lost, held back or doubled here.
    """

    noise: LineNoise = field(default_factory=LineNoise)
    held_until_s: float = 0.0
    twice: bool = False
    harmed: int = 0

    def carry(self, data: bytes, chance: np.random.Generator) -> bytes:
        """What arrives of these bytes."""
        passed = pass_through(data, self.noise, chance)
        if self.twice:
            passed += passed
        self.harmed += passed != data
        return passed
