"""A board on its spacecraft: clock, heat and energy together, advanced over any gap.

The firmware answers heat in steps that are short against the die's time constant; within a step heat
and charge are exact. What a board can suffer is here too: brown-out, trip, latch-up, and the end.
"""

import math
from dataclasses import dataclass

from hil.environment.conditions import GRID_S, Conditions
from hil.environment.energy import Battery
from hil.environment.heat import HeatModel, HeatPath, HeatState
from hil.environment.power import PowerModel
from hil.environment.thermal import ThermalNode, firmware_limit_mhz
from hil.environment.vehicle import Vehicle

STEP_S = 5.0  # R C of the die is 186 s, and the firmware's table falls by 5 % per kelvin at most


@dataclass(frozen=True, slots=True)
class BoardPhysics:
    """What the board's profile says of it."""

    power: PowerModel
    die: ThermalNode
    firmware_table: tuple[tuple[float, float], ...]


@dataclass(slots=True)
class Damage:
    """What went wrong since the start."""

    brown_outs: int = 0
    trips: int = 0
    broken: bool = False
    latched_s: float = 0.0


class FlownBoard:
    """State of one board, its vehicle and what acts on them; time counts from the conditions' start."""

    def __init__(self, physics: BoardPhysics, vehicle: Vehicle, conditions: Conditions) -> None:
        self.vehicle = vehicle
        self.conditions = conditions
        self.damage = Damage()
        self.now_s = 0.0
        self.limit_mhz = physics.power.top_mhz
        self.busy_cores = 0.0
        self.latch_up_a = 0.0
        self.clock_mhz = 0.0
        self.power_w = 0.0
        self.energy_j = 0.0
        self.max_temp_c = vehicle.radiator.start_c
        self._physics = physics
        self._switched_on = False
        self._locked_out = self._feed_gone = False
        energy, radiator = vehicle.energy, vehicle.radiator
        self.battery = Battery(energy.battery_wh, energy.charge_efficiency, energy.start_charge)
        path = HeatPath(
            physics.die.capacity_j_per_k,
            physics.die.resistance_k_per_w,
            radiator.mount_j_per_k,
            radiator.mount_to_radiator_k_per_w,
            radiator.radiator_j_per_k,
            radiator.area_m2 * radiator.emissivity,
        )
        self.heat = HeatModel(path, HeatState([radiator.start_c] * 3))

    @property
    def temp_c(self) -> float:
        """Temperature of the die."""
        return self.heat.state.temps_c[0]

    @property
    def mount_c(self) -> float:
        """Temperature of what the board is mounted on."""
        return self.heat.state.temps_c[1]

    @property
    def powered(self) -> bool:
        """Whether the board has power now: switched on, not cut off, not broken."""
        cut_off = self._locked_out or self._feed_gone or self.damage.broken
        return self._switched_on and not cut_off

    @property
    def switched_on(self) -> bool:
        """The switch as it reads back: a trip or an empty battery opens it."""
        return self._switched_on

    @property
    def current_a(self) -> float:
        """Current from the supply at this moment."""
        return self._draw_w() / self._physics.power.supply_v

    def switch(self, *, on: bool) -> None:
        """Close or open the supply switch; it does not close onto an empty battery."""
        self._switched_on = on and not self._locked_out and not self._feed_gone
        if not on:
            self.latch_up_a = 0.0
            self.damage.latched_s = 0.0

    def lock_out(self, *, locked: bool) -> None:
        """The bus takes the board's feed away, or gives it back; the switch then has to be closed."""
        self._feed_gone = locked
        if locked:
            self.switch(on=False)

    def advance_to(self, now_s: float) -> None:
        """Let time pass up to `now_s`."""
        gap_s = now_s - self.now_s
        if gap_s <= 0:
            return
        start_s = self.now_s
        count = max(1, math.ceil(gap_s / STEP_S))
        for i in range(count):
            self._step(gap_s / count)
            self.now_s = start_s + gap_s * (i + 1) / count

    def _step(self, step_s: float) -> None:
        self.power_w = self._draw_w()
        index = self.conditions.index(self.now_s)
        lit = float(self.conditions.lit[index])
        vehicle = self.vehicle
        absorbed_w = vehicle.absorbed_w(lit, float(self.conditions.sun_zenith_cosine[index]))
        self.heat.advance(step_s, self.power_w, absorbed_w)
        self.battery.advance(step_s, vehicle.array_w(lit), vehicle.energy.bus_w + self.power_w)
        self.energy_j += self.power_w * step_s
        self.max_temp_c = max(self.max_temp_c, self.temp_c)
        self._protect(step_s)

    def _draw_w(self) -> float:
        physics = self._physics
        if not self.powered:
            self.clock_mhz = 0.0
            return 0.0
        firmware_mhz = firmware_limit_mhz(self.temp_c, physics.firmware_table)
        self.clock_mhz = min(self.limit_mhz, firmware_mhz)
        board_w = physics.power.board_w(self.clock_mhz, self.busy_cores)
        return board_w + self.latch_up_a * physics.power.supply_v

    def _protect(self, step_s: float) -> None:
        energy, rail = self.vehicle.energy, self.vehicle.rail
        if self._locked_out and self.battery.charge >= energy.restart_charge:
            self._locked_out = False
        if self.battery.charge <= energy.cut_charge and not self._locked_out:
            self._locked_out = True
            self.damage.brown_outs += self._switched_on
            self.switch(on=False)
        if self.power_w / self._physics.power.supply_v > rail.trip_a and self._switched_on:
            self.damage.trips += 1
            self.switch(on=False)
        if self.latch_up_a > 0:
            self.damage.latched_s += step_s
            if self.damage.latched_s >= rail.breaks_after_s:
                self.damage.broken = True


def grid_steps(duration_s: float) -> int:
    """How many grid points a duration has."""
    return int(duration_s / GRID_S) + 1
