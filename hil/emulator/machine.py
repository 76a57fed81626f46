"""The emulated board put together: switch, watchdog, physics and processes, stepped by the clock.

Everything that happens to a board happens here in one order: what the controller asks of the
switch, then the watchdog, then the software's own end, then the physics.
"""

from pathlib import Path

from flight_sw.errors import UserError
from flight_sw.profile import Profile
from hil.emulator.acts import BoardParts
from hil.emulator.board import Board, NodeProgram
from hil.emulator.injector import Injector
from hil.emulator.settings import (
    EmulatorOptions,
    Silicon,
    serial_number,
)
from hil.emulator.stand import Own, Stand
from hil.emulator.sysroot import SysRoot
from hil.emulator.watchdog import WatchdogTimer
from hil.faults.rig_messages import PlantReport

POLL_S = 0.01  # the switch is looked at 100 times a second
PHYSICS_S = 0.05
USER_ERROR_EXIT = 2  # how the node says that its command line or profile is wrong
FIRST_START_S = 30.0  # after that an exit code 2 is a crash like any other
ROOT = "root"
CONSOLE = "console.log"


class Machine:
    """One board; `step` it at least every `POLL_S`."""

    def __init__(self, options: EmulatorOptions, profile: Profile, silicon: Silicon) -> None:
        self._options = options
        self._silicon = silicon
        root = (options.state_dir / ROOT).absolute()
        root.mkdir(parents=True, exist_ok=True)
        self.sysroot = SysRoot(root, profile, serial_number(options.seed))
        self._watchdog = WatchdogTimer(
            root / profile.watchdog.device.lstrip("/"), profile.watchdog.timeout_s
        )
        self.stand = Stand(options, profile, silicon)
        cable, plant = self.stand.cable, self.stand.plant
        self.board = Board(NodeProgram(_node_command(options, root), options.state_dir / CONSOLE))
        self.injector = Injector(BoardParts(self.board, cable, plant, self.sysroot))
        self._reset_cause = "none"
        self._started_s: float | None = None
        self._physics_s = 0.0
        self._next_poll_s = 0.0
        self._cpu: dict[int, float] = {}
        self._show()

    def step(self, now_s: float) -> None:
        """Move bytes that are due, and do what else is due.

        Raises:
            UserError: the node refuses to start at all, with its own words.
        """
        self.stand.cable.move(now_s)
        if now_s < self._next_poll_s:
            return
        self._next_poll_s = now_s + POLL_S
        if self._started_s is None:
            self._started_s = self._physics_s = now_s
        self._heed_switch(now_s)
        self._heed_watchdog(now_s)
        if self.board.service(now_s):
            self._forgive_or_refuse(now_s)
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
        own = Own(self._reset_cause, self._watchdog.time_left_s(now_s), up_s)
        return self.stand.report(self.board, own)

    def close(self) -> None:
        """Cut the power and put everything away."""
        self.board.cut()
        self.stand.close()
        self._watchdog.close()
        self.sysroot.close()

    def _heed_switch(self, now_s: float) -> None:
        position = self.stand.switch()
        if position.on and not self.board.powered:
            if self.stand.is_discharged(now_s):
                self.board.discharged()
            self._boot("power-on")
        elif not position.on and self.board.powered:
            self.board.cut()
            self._watchdog.disarm()
            self.stand.cut(now_s)
        elif position.reset and self.board.powered:
            self._boot("reset-line")

    def _heed_watchdog(self, now_s: float) -> None:
        if self._watchdog.bites(now_s) and self.board.powered:
            self._boot("watchdog")

    def _boot(self, cause: str) -> None:
        self._reset_cause = cause
        self.board.cut()
        self._watchdog.disarm()
        self.sysroot.boot(cause, self.board.boots + 1)
        self.stand.plant.boot()
        self.stand.plant.powered = True
        self._cpu = {}
        self.stand.cable.say_to_controller(self._silicon.boot_text.encode())
        self.board.boot(self.stand.cable.connect_board())

    def _forgive_or_refuse(self, now_s: float) -> None:
        """Go on after a crash; stop if the very first start shows a mistake of the user's."""
        early = now_s - (self._started_s or 0.0) < FIRST_START_S and self.board.boots == 1
        if early and self.board.last_exit == USER_ERROR_EXIT:
            raise UserError(self.board.console_tail(1) or "the node refused to start")

    def _advance(self, now_s: float) -> None:
        elapsed_s, self._physics_s = now_s - self._physics_s, now_s
        plant = self.stand.plant
        plant.limit_mhz = self.sysroot.read_limit_mhz() or plant.limit_mhz
        plant.observe_load(self._busy_cores(now_s, elapsed_s), elapsed_s)
        self.stand.advance(elapsed_s)
        self._show()

    def _show(self) -> None:
        plant, tree = self.stand.plant, self.sysroot
        tree.temperature.put(round(plant.temp_c * 1000))
        tree.rail_mv.put(round(plant.voltage_v * 1000))
        tree.rail_ma.put(round(plant.current_a * 1000))
        tree.clock_khz.put(round(plant.clock_mhz * 1000))
        tree.throttled.put(plant.flags, "x")

    def _busy_cores(self, now_s: float, elapsed_s: float) -> float:
        """Return processor seconds of node and worker per second since the last look."""
        seen = {stat.pid: stat.cpu_s for stat in self.board.members(now_s)}
        spent_s = sum(cpu_s - self._cpu.get(pid, cpu_s) for pid, cpu_s in seen.items())
        self._cpu = seen
        return max(0.0, spent_s) / elapsed_s


def _node_command(options: EmulatorOptions, root: Path) -> tuple[str, ...]:
    arguments = ["--profile", str(options.profile.absolute()), "--port", "{port}"]
    arguments += ["--root", str(root)]
    if options.models is not None:
        arguments += ["--models", str(options.models.absolute())]
    return (*options.node, *arguments)
