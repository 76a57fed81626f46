"""The test stand around an emulated board: supply switch, cable, heat and power.

The same for every emulated board, whatever computes inside: processes of this machine or a guest in
QEMU. A machine holds a stand, moves it on, and says of itself what only it can know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from flight_sw.profile import Profile
from hil.emulator.cable import Cable
from hil.emulator.plant import Plant, Surroundings
from hil.emulator.settings import (
    SUPPLY_SUFFIX,
    EmulatorOptions,
    Silicon,
    beside,
    power_model,
    thermal_node,
)
from hil.emulator.supply import SupplySwitch, SwitchPosition
from hil.faults.rig_messages import EnvironmentReport, NoiseReport, PlantReport
from hil.kernel import stream


class Computing(Protocol):
    """What computes on the stand."""

    boots: int

    @property
    def powered(self) -> bool:
        """Whether it has power."""

    @property
    def latched_hang(self) -> bool:
        """Whether it hangs until its power is cut."""

    @property
    def node_pid(self) -> int | None:
        """The node's process, or None."""

    @property
    def worker_pid(self) -> int | None:
        """The worker's process, or None."""


@dataclass(frozen=True, slots=True)
class Own:
    """What only the machine knows of its board; `watchdog_left_s` is None while none is armed."""

    reset_cause: str
    watchdog_left_s: float | None
    up_s: float


class Stand:
    """One stand. All times are seconds of one monotonic clock."""

    def __init__(self, options: EmulatorOptions, profile: Profile, silicon: Silicon) -> None:
        self.supply = SupplySwitch(beside(options.link, SUPPLY_SUFFIX))
        self.plant = Plant(
            power_model(profile, silicon),
            thermal_node(silicon),
            silicon.heat.firmware_table,
            Surroundings(mount_c=silicon.heat.mount_c),
            silicon.latch_up_breaks_s,
        )
        chance = stream(options.seed, "line-noise")
        self.cable = Cable(options.link, profile.serial.baud, chance)
        self._time_scale = options.time_scale
        self._discharge_s = silicon.discharge_s
        self._off_since_s = float("-inf")
        self._heat_s = 0.0
        self.show()

    def set_environment(self, changes: Mapping[str, Any]) -> EnvironmentReport:
        """Change what acts on the board and return what holds then."""
        self.plant.surroundings = replace(self.plant.surroundings, **changes)
        return msgspec.convert(self.plant.surroundings, EnvironmentReport, from_attributes=True)

    def set_noise(self, changes: Mapping[str, Any]) -> NoiseReport:
        """Change the line and return what holds then; `unplugged` makes its port vanish."""
        rates = {name: value for name, value in changes.items() if name != "unplugged"}
        noise = replace(self.cable.noise, **rates)
        self.cable.set_noise(noise)
        if "unplugged" in changes:
            (self.cable.unplug if changes["unplugged"] else self.cable.plug_in)()
        unplugged = not self.cable.plugged_in
        return NoiseReport(noise.bit_error_rate, noise.drop_rate, noise.cut, unplugged)

    def switch(self) -> SwitchPosition:
        """What the controller asks of the supply; a broken board takes no more power."""
        position = self.supply.poll()
        return SwitchPosition(on=False, reset=False) if self.plant.broken else position

    def cut(self, now_s: float) -> None:
        """The board has lost its power."""
        self.cable.disconnect_board()
        self.plant.cut()
        self._off_since_s = now_s

    def is_discharged(self, now_s: float) -> bool:
        """Whether the power has been off for so long that the board forgot its hang."""
        return now_s - self._off_since_s >= self._discharge_s

    def advance(self, elapsed_s: float) -> None:
        """Let real seconds pass for heat and power, which run at the time scale, and show them."""
        scaled_s = elapsed_s * self._time_scale
        self.plant.advance(scaled_s)
        self.plant.endure(elapsed_s)
        self._heat_s += scaled_s
        self.show()

    def show(self) -> None:
        """Put voltage and current where the controller's supply switch reads them."""
        self.supply.show(self.plant.voltage_v, self.plant.current_a)

    def report(self, board: Computing, own: Own) -> PlantReport:
        """The true state of the board."""
        plant, cable = self.plant, self.cable
        return PlantReport(
            temp_c=plant.temp_c,
            max_temp_c=plant.max_temp_c,
            mount_c=plant.surroundings.mount_c,
            power_w=plant.power_w,
            current_a=plant.current_a,
            energy_j=plant.energy_j,
            limit_mhz=plant.limit_mhz,
            clock_mhz=plant.clock_mhz,
            busy_cores=plant.busy_cores,
            throttled=plant.flags,
            powered=board.powered,
            hung=board.latched_hang,
            broken=plant.broken,
            node_pid=board.node_pid,
            worker_pid=board.worker_pid,
            boots=board.boots,
            resets=max(0, board.boots - 1),
            reset_cause=own.reset_cause,
            watchdog_left_s=own.watchdog_left_s,
            time_scale=self._time_scale,
            up_s=own.up_s,
            heat_s=self._heat_s,
            to_board_bytes=cable.to_board.wire.carried_bytes,
            to_controller_bytes=cable.to_controller.wire.carried_bytes,
            overrun_bytes=cable.to_board.overrun_bytes + cable.to_controller.overrun_bytes,
            harmed_bytes=cable.to_board.wire.harmed_bytes + cable.to_controller.wire.harmed_bytes,
        )

    def close(self) -> None:
        """Put cable and switch away, with no power on them."""
        self.cable.close()
        self.supply.show(0.0, 0.0)
        self.supply.close()
