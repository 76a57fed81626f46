"""The physics of the emulated board: heat, clock, power and the firmware's flags.

Advanced over any gap: heat exactly, clock and power held over steps that are short against the
time constant. Scaled time: `time_scale` seconds of heat pass in one second of flight software.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec

from flight_sw.profile import Celsius
from hil.environment.power import PowerModel
from hil.environment.thermal import ThermalNode, firmware_limit_mhz, steps_of

CAPPED, THROTTLED = 0x2, 0x4  # bits of get_throttled, Raspberry Pi documentation
SINCE_BOOT_SHIFT = 16
HARD_LIMIT_C = 85.0
LOAD_SMOOTHING_S = 0.25  # the kernel counts processor time in steps of 10 ms

Watts = Annotated[float, msgspec.Meta(ge=0, le=100)]
Amperes = Annotated[float, msgspec.Meta(ge=0, le=20)]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What acts on the board from outside.

    Args:
        mount_c: temperature of what the board is mounted on.
        extra_load_w: work beside ours, in watts at the top clock; slower clocks make it cheaper.
        latch_up_a: current of a latch-up on the supply; heats and does not heed the clock.
    """

    mount_c: Celsius
    extra_load_w: Watts = 0.0
    latch_up_a: Amperes = 0.0


class Plant:
    """State of one board's physics; powered off it draws nothing and cools."""

    def __init__(
        self,
        power: PowerModel,
        node: ThermalNode,
        firmware_table: tuple[tuple[float, float], ...],
        surroundings: Surroundings,
        breaks_after_s: float = math.inf,
    ) -> None:
        self._power = power
        self._breaks_after_s = breaks_after_s
        self._latched_s = 0.0
        self._node = node
        self._table = firmware_table
        self.surroundings = surroundings
        self.powered = False
        self.broken = False
        self.limit_mhz = power.top_mhz
        self.busy_cores = 0.0
        self.temp_c = surroundings.mount_c
        self.max_temp_c = self.temp_c
        self.clock_mhz = 0.0
        self.power_w = 0.0
        self.energy_j = 0.0
        self.flags = 0

    @property
    def current_a(self) -> float:
        """Current from the supply."""
        return self.power_w / self._power.supply_v

    @property
    def voltage_v(self) -> float:
        """Voltage at the board."""
        return self._power.supply_v if self.powered else 0.0

    def boot(self) -> None:
        """Forget what a reset forgets: the clock limit and the flags since boot."""
        self.limit_mhz = self._power.top_mhz
        self.flags = 0
        self.busy_cores = 0.0

    def cut(self) -> None:
        """Lose power: a latch-up ends with it."""
        self.powered = False
        self._latched_s = 0.0
        self.surroundings = replace(self.surroundings, latch_up_a=0.0)

    def endure(self, elapsed_s: float) -> None:
        """Count the seconds of a latch-up, not scaled: they run against the controller's own clock."""
        if self.powered and self.surroundings.latch_up_a > 0:
            self._latched_s += elapsed_s
            self.broken = self.broken or self._latched_s >= self._breaks_after_s

    def observe_load(self, busy_cores: float, over_s: float) -> None:
        """Take in how many cores were busy over the last real seconds, smoothed."""
        share = min(1.0, over_s / LOAD_SMOOTHING_S)
        self.busy_cores += share * (busy_cores - self.busy_cores)

    def advance(self, elapsed_s: float) -> None:
        """Let `elapsed_s` seconds of (scaled) time pass."""
        count, step_s = steps_of(elapsed_s)
        for _ in range(count):
            self._step(step_s)

    def _step(self, step_s: float) -> None:
        firmware_mhz = firmware_limit_mhz(self.temp_c, self._table)
        self.clock_mhz = min(self.limit_mhz, firmware_mhz) if self.powered else 0.0
        self.power_w = self._draw_w()
        steady_c = self._node.steady_c(self.surroundings.mount_c, self.power_w)
        self.temp_c = self._node.after(self.temp_c, steady_c, step_s)
        self.max_temp_c = max(self.max_temp_c, self.temp_c)
        self.energy_j += self.power_w * step_s
        self._set_flags(firmware_mhz)

    def _draw_w(self) -> float:
        if not self.powered:
            return 0.0
        busy = self.busy_cores + self.surroundings.extra_load_w / self._power.core_w
        latch_up_w = self.surroundings.latch_up_a * self._power.supply_v
        return self._power.board_w(self.clock_mhz, busy) + latch_up_w

    def _set_flags(self, firmware_mhz: float) -> None:
        if not self.powered:
            return
        now = CAPPED if firmware_mhz < self._power.top_mhz else 0
        now |= THROTTLED if self.temp_c >= HARD_LIMIT_C else 0
        since = (self.flags >> SINCE_BOOT_SHIFT) | now
        self.flags = now | since << SINCE_BOOT_SHIFT
