"""How much the long tier does: each number has a variable, so that a shorter run needs no edit.

The defaults reach the goals of `goals`. A run with less prints what it did and counts as short.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """One number of the long tier; `hours` is what the default takes on 2 quiet cores."""

    variable: str
    what: str
    default: int
    hours: float

    @property
    def value(self) -> int:
        """What the environment says, else the default.

        Raises:
            ValueError: the variable is no whole number above zero.
        """
        text = os.environ.get(self.variable, str(self.default))
        if not text.isdecimal() or not int(text):
            raise ValueError(f"{self.variable}={text}: give a whole number above zero")
        return int(text)


SEEDS = Scale("VANALLEN_SEEDS", "seeds flown twice, beside the 20 of CI", 180, 0.2)
SWARM_DAYS = Scale("VANALLEN_SWARM_DAYS", "simulated days under swarm faults", 1000, 1.5)
FAULTS_PERCENT = Scale("VANALLEN_FAULTS_PERCENT", "of 2,995 faults of each class", 100, 4.0)
KILLS = Scale("VANALLEN_KILLS", "kill -9 of the controller", 240, 0.3)
BOARD_KILLS = Scale("VANALLEN_BOARD_KILLS", "kill -9 of node and worker", 60, 0.2)
FUZZ_TIMES = Scale("VANALLEN_FUZZ_TIMES", "times the Python inputs of CI", 100, 2.5)
C_INPUTS = Scale("VANALLEN_C_INPUTS", "inputs to the four C decoders", 10**10, 12.0)
FORGED_TIMES = Scale("VANALLEN_FORGED_TIMES", "times the forged frames of CI", 100, 0.7)
REPEATS = Scale("VANALLEN_REPEATS", "orders of the fast tests", 20, 0.7)
SOAK_S = Scale("VANALLEN_SOAK_S", "seconds of soak", 7200, 2.0)
SCALES = (
    SEEDS, SWARM_DAYS, FAULTS_PERCENT, KILLS, BOARD_KILLS, FUZZ_TIMES, C_INPUTS, FORGED_TIMES, REPEATS,
    SOAK_S,
)  # fmt: skip
