"""Power of a board: a floor, and for each busy core k·f·V², the form that all CMOS logic follows.

Fitted to a Raspberry Pi 4B in orbit at 5.1 V (BUPT-1 CubeSat, arXiv 2401.03435): 2.14 W idle,
2.96, 3.77, 4.59 and 5.30 W with one to four busy cores at 1800 MHz, 4.82 W with four cores that
the firmware held at 1649 MHz on average.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PowerModel:
    """Constants of one board.

    Args:
        idle_w: floor at any clock; the flight data gives one figure for 600 to 1800 MHz.
        core_w: one busy core at the top clock; 0.82 with one to three of them, 0.79 over all four.
        top_mhz: the top clock.
        voltage_slope: share of the core voltage that goes away as the clock goes to zero; 0.45
            the fall seen from 5.30 W at 1800 to 4.82 W at 1649 MHz.
        cores: how many can be busy.
        supply_v: voltage of the board's supply.
    """

    idle_w: float = 2.14
    core_w: float = 0.81
    top_mhz: float = 1800.0
    voltage_slope: float = 0.45
    cores: int = 4
    supply_v: float = 5.1

    def board_w(self, clock_mhz: float, busy_cores: float) -> float:
        """Power of the whole board, in watts."""
        speed = clock_mhz / self.top_mhz
        voltage = 1.0 - self.voltage_slope * (1.0 - speed)
        busy = min(max(busy_cores, 0.0), float(self.cores))
        return self.idle_w + busy * self.core_w * speed * voltage**2
