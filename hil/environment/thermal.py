"""Heat of a board: one node, die to mount, and the firmware's last resort against overheating.

Fitted to a Raspberry Pi 4B in orbit (BUPT-1 CubeSat, arXiv 2401.03435): C = 11.9 J/K and
R = 15.6 K/W from runs with one and three busy cores; the runs with two and four cores and a
detector, not used in the fit, are met within 1.2 to 2.3 K root mean square.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

LONGEST_STEP_S = 2.0  # firmware and power are held over a step; short against R·C = 186 s
MAX_STEPS = 10_000

# Degrees Celsius and mean clock in MHz, seen in orbit. The last row is assumed: no run went there,
# and without it nothing would stop a board on a hot mount.
FIRMWARE_TABLE = (
    (80.0, 1800.0),
    (81.0, 1774.0),
    (82.0, 1739.0),
    (83.0, 1688.0),
    (84.0, 1666.0),
    (85.0, 1651.0),
    (90.0, 600.0),
)


@dataclass(frozen=True, slots=True)
class ThermalNode:
    """Heat capacity of the die and its resistance to the mount."""

    capacity_j_per_k: float = 11.9
    resistance_k_per_w: float = 15.6

    @property
    def time_constant_s(self) -> float:
        """Time in which the distance to the final temperature falls to 1/e."""
        return self.capacity_j_per_k * self.resistance_k_per_w

    def steady_c(self, mount_c: float, power_w: float) -> float:
        """Temperature that constant power ends in."""
        return mount_c + self.resistance_k_per_w * power_w

    def after(self, temp_c: float, steady_c: float, elapsed_s: float) -> float:
        """Temperature after any time towards `steady_c`: the exact solution, not a small step."""
        return steady_c + (temp_c - steady_c) * math.exp(-elapsed_s / self.time_constant_s)


def firmware_limit_mhz(
    temp_c: float, table: tuple[tuple[float, float], ...] = FIRMWARE_TABLE
) -> float:
    """Clock that the firmware allows at a temperature, linear between the table's rows."""
    if temp_c <= table[0][0]:
        return table[0][1]
    for (low_c, low_mhz), (high_c, high_mhz) in pairwise(table):
        if temp_c <= high_c:
            return low_mhz + (high_mhz - low_mhz) * (temp_c - low_c) / (high_c - low_c)
    return table[-1][1]


def steps_of(elapsed_s: float) -> tuple[int, float]:
    """Divide a gap into equal steps short enough for the firmware's answer; count and length."""
    count = min(max(1, math.ceil(elapsed_s / LONGEST_STEP_S)), MAX_STEPS)
    return count, elapsed_s / count
