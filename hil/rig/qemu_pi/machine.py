"""The emulated Pi put together: switch, cable, silicon and heat around QEMU, stepped by the clock.

The same surface as `hil.emulator.machine`, so that the rig's port serves both: what differs is what
computes inside. Heat and power are a model here too, driven by the processor time that the guest
reports and read by the guest's own sensor driver.
"""

import tempfile
from pathlib import Path

from flight_sw.errors import VanAllenError
from flight_sw.profile import Profile
from hil.emulator.settings import (
    EmulatorOptions,
    Silicon,
    serial_number,
)
from hil.emulator.stand import Own, Stand
from hil.faults.rig_messages import PlantReport
from hil.rig.qemu_pi.board import PiBoard
from hil.rig.qemu_pi.data import make_data
from hil.rig.qemu_pi.image import Image, copy_card, write_data
from hil.rig.qemu_pi.injector import PiInjector, PiParts
from hil.rig.qemu_pi.ram import Request

POLL_S = 0.005  # the silicon is looked at 200 times a second
PHYSICS_S = 0.05
CARD = "sd.img"


class PiMachine:
    """One emulated Raspberry Pi; `step` it at least every `POLL_S`."""

    def __init__(
        self, options: EmulatorOptions, profile: Profile, silicon: Silicon, image: Image
    ) -> None:
        self._options = options
        self._silicon = silicon
        state = options.state_dir.absolute()
        self._make_card(state / CARD, image)
        self.stand = Stand(options, profile, silicon)
        self.board = PiBoard(state / CARD, state, serial_number(options.seed))
        self.injector = PiInjector(PiParts(self.board, self.stand.cable, self.stand.plant, state))
        self._top_mhz = float(profile.frequency.levels_mhz[-1])
        self._reset_cause = "none"
        self._started_s: float | None = None
        self._physics_s = self._next_poll_s = 0.0
        self._cpu = (0.0, 0.0)  # up_s and cpu_s of the guest's last word
        self._busy_cores = 0.0
        self._show()

    def step(self, now_s: float) -> None:
        """Move bytes that are due, and do what else is due.

        Raises:
            VanAllenError: QEMU ended by itself; with its last words.
        """
        self.stand.cable.move(now_s)
        if now_s < self._next_poll_s:
            return
        self._next_poll_s = now_s + POLL_S
        if self._started_s is None:
            self._started_s = self._physics_s = now_s
        self._heed_switch(now_s)
        if self.board.exited():
            raise VanAllenError(f"QEMU ended by itself: {self.board.console_tail(3)}")
        self._heed_silicon(now_s)
        self.injector.service(now_s)
        if now_s - self._physics_s >= PHYSICS_S:
            self._advance(now_s)

    def wake_at_s(self, now_s: float) -> float:
        """Return when `step` is due again."""
        wait_s = self.stand.cable.wait_s(now_s)
        return self._next_poll_s if wait_s is None else min(self._next_poll_s, now_s + wait_s)

    def report(self, now_s: float) -> PlantReport:
        """Return the true state of the board."""
        up_s = now_s - self._started_s if self._started_s is not None else 0.0
        hardware = self.board.hardware
        left_s = hardware.power_block.time_left_s(now_s) if hardware else None
        return self.stand.report(self.board, Own(self._reset_cause, left_s, up_s))

    def close(self) -> None:
        """Cut the power and put everything away; card and console log stay for a look."""
        self.board.close()
        self.stand.close()

    def _make_card(self, card: Path, image: Image) -> None:
        """A card that was flown before is flown again, as one in a drawer; its data is made new."""
        if not card.exists():
            copy_card(image, card)
        with tempfile.TemporaryDirectory(dir=card.parent, prefix="data-") as temporary:
            make_data(Path(temporary), self._options.profile, self._options.models)
            write_data(card, Path(temporary))

    def _heed_switch(self, now_s: float) -> None:
        position = self.stand.switch()
        if position.on and not self.board.powered:
            if self.stand.is_discharged(now_s):
                self.board.discharged()
            self._start_afresh("power-on")
            self.stand.cable.say_to_controller(self._silicon.boot_text.encode())
            self.board.boot(self.stand.cable.connect_board())
        elif not position.on and self.board.powered:
            self.board.cut()
            self.stand.cut(now_s)
        elif position.reset and self.board.powered:
            self._start_afresh("reset-line")
            self.board.reset()

    def _heed_silicon(self, now_s: float) -> None:
        match self.board.tick(now_s):
            case Request.RESET:
                self._start_afresh("watchdog")
                self.board.reset()
            case Request.HALT:
                self.board.halted = True
                self._reset_cause = "halted"

    def _start_afresh(self, cause: str) -> None:
        self._reset_cause = cause
        self.stand.plant.boot()
        self.stand.plant.powered = True
        self._cpu = (0.0, 0.0)
        self._busy_cores = 0.0

    def _advance(self, now_s: float) -> None:
        elapsed_s, self._physics_s = now_s - self._physics_s, now_s
        self._hear_guest()
        self.stand.plant.observe_load(self._busy_cores, elapsed_s)
        self.stand.advance(elapsed_s)
        self._show()

    def _hear_guest(self) -> None:
        guest = self.board.guest
        if guest is None:
            self.stand.plant.limit_mhz = self._top_mhz
            return
        self.stand.plant.limit_mhz = self._top_mhz * quota_share(guest.quota)
        up_s, cpu_s = self._cpu
        if guest.up_s > up_s:
            self._busy_cores = max(0.0, guest.cpu_s - cpu_s) / (guest.up_s - up_s)
            self._cpu = (guest.up_s, guest.cpu_s)

    def _show(self) -> None:
        hardware = self.board.hardware
        if hardware is not None:
            hardware.ram.set_temperature(self.stand.plant.temp_c)


def quota_share(cpu_max: str | None) -> float:
    """The share of a core that a cgroup's `cpu.max` leaves, at most 1."""
    words = (cpu_max or "max").split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or int(words[1]) == 0:
        return 1.0
    return min(1.0, int(words[0]) / int(words[1]))
