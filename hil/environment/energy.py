"""Where a spacecraft's energy comes from and goes: array, battery, loads, and what is thrown away.

Loads and sunlight are constant between two looks, so charge moves in straight lines; the corners, a full
or an empty battery, are met exactly. The books always close: see `EnergyBooks`.
"""

from dataclasses import dataclass, field

WH_J = 3600.0


@dataclass(slots=True)
class EnergyBooks:
    """Joules since the start: what the array could give, and all the ways it went."""

    offered_j: float = 0.0
    used_j: float = 0.0
    spilled_j: float = 0.0  # full battery: the array is turned down
    lost_j: float = 0.0  # in charging
    unmet_j: float = 0.0  # loads that an empty battery could not feed


@dataclass(slots=True)
class Battery:
    """One battery between an array and its loads.

    Args:
        capacity_wh: from empty to full.
        charge_efficiency: share of the energy sent in that comes out again; paid when charging.
        charge: from 0 to 1.
    """

    capacity_wh: float
    charge_efficiency: float
    charge: float
    books: EnergyBooks = field(default_factory=EnergyBooks)
    lowest: float = 1.0
    discharged_wh: float = 0.0

    @property
    def energy_j(self) -> float:
        """What it holds."""
        return self.charge * self.capacity_wh * WH_J

    def advance(self, elapsed_s: float, array_w: float, load_w: float) -> None:
        """Let time pass with constant sunlight and loads."""
        books, size_j = self.books, self.capacity_wh * WH_J
        books.offered_j += array_w * elapsed_s
        surplus_w = array_w - load_w
        if surplus_w >= 0:
            taken_j = min(
                surplus_w * elapsed_s * self.charge_efficiency, (1.0 - self.charge) * size_j
            )
            sent_j = taken_j / self.charge_efficiency
            books.lost_j += sent_j - taken_j
            books.spilled_j += surplus_w * elapsed_s - sent_j
            books.used_j += load_w * elapsed_s
            self.charge += taken_j / size_j
            return
        needed_j = -surplus_w * elapsed_s
        given_j = min(needed_j, self.charge * size_j)
        books.unmet_j += needed_j - given_j
        books.used_j += load_w * elapsed_s - (needed_j - given_j)
        self.charge -= given_j / size_j
        self.discharged_wh += given_j / WH_J
        self.lowest = min(self.lowest, self.charge)
