"""Runs a Node on a real clock, a real serial port and the board's own devices."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from flight_sw.board_link.health import BoardHealth
from flight_sw.board_updates import ShelfNews, ShelfOrder
from flight_sw.devices.board_identity import (
    is_other_board,
    read_identity,
    read_memory_errors,
    read_reset_cause,
)
from flight_sw.devices.clock import SystemClock
from flight_sw.devices.cpu_quota import CpuQuota
from flight_sw.devices.frequency import CpufreqControl, FrequencyControl, NoFrequencyControl
from flight_sw.devices.power_mode import PowerModeControl
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.devices.sensors import CpuFrequency, HwmonRail, ThermalZone, ThrottleFlags
from flight_sw.devices.service_manager import ServiceManager
from flight_sw.devices.shared_memory import SharedMemory
from flight_sw.devices.sysfs import read_text
from flight_sw.devices.watchdog import HardwareWatchdog, NoWatchdog, Watchdog
from flight_sw.devices.worker_process import WorkerProcess
from flight_sw.errors import PortError, ProfileError
from flight_sw.model_shelf import ModelShelf
from flight_sw.node import BoardFacts, Node, NodeInputs, NodeOutputs, Readings
from flight_sw.profile import Profile
from flight_sw.runner import Loop, draw_session, write_memory_map

SERIAL_BACKLOG_MAX = 16_384
HEALTH_PERIOD_S = 5.0  # counters that move seldom, and bits that stay set
WORKER_BACKLOG_MAX = 8 << 20
REST = 3.0  # a quarter of a slow processor at most goes into steps while the line is busy
WORKER_MEMORY_MIB = 2048  # a runaway ends itself before it ends the board


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Where the node finds its board; `root` is `/` but for an emulated board's file tree."""

    profile: Profile
    port: str
    models: Path
    root: Path


def run_node(options: NodeOptions) -> int:
    """Run until SIGTERM; returns the exit code.

    Raises:
        UserError: the port cannot be opened, a model store is unusable, or this is another board
            than the profile describes.
    """
    memory = SharedMemory()
    runner = _NodeRunner(options, memory)
    try:
        runner.run()
    finally:
        runner.close()
        memory.close()
    return 0


class _NodeRunner:
    """The devices of one board and the node between them."""

    def __init__(self, options: NodeOptions, memory: SharedMemory) -> None:
        profile, root = options.profile, options.root
        serial_number = _check_identity(profile, root)
        self._clock = SystemClock()
        self._loop = Loop(self._clock, REST)
        self._period_s = profile.heartbeat.period_s
        self._port = ReopeningPort.serial(options.port, profile.serial.baud, self._clock)
        self._port.check()
        self._worker = WorkerProcess(_worker_arguments(profile))
        self._zone = ThermalZone(root, profile.thermal.zone)
        self._rail = HwmonRail(root, profile.power.rail)
        self._frequency = CpuFrequency(root)
        self._control = _frequency_control(profile, root)
        self._serial_number = serial_number
        self._shelf = ModelShelf(options.models, memory.directory)
        models = self._shelf.stage_all()
        self._shelved: tuple[ShelfNews, ...] = ()
        facts = BoardFacts(
            serial_number=serial_number,
            boots=int(read_text(root / "run/vanallen/boots") or 0),
            session=draw_session(),
            trials=self._shelf.trials,
            reset_cause=read_reset_cause(root),
            left_out=self._shelf.left_out,
        )
        self._node = Node(profile, models, facts)
        self._map_file = root / "run/vanallen/regions.json"
        self._write_map()
        self._watchdog = _watchdog(profile, root)
        self._manager = ServiceManager()
        self._serial_out = bytearray()
        self._worker_out = bytearray()
        self._opens = self._port.opens
        self._read_due_s = float("-inf")
        self._root = root
        self._limits = ThrottleFlags(root)
        self._health_due_s = float("-inf")

    def run(self) -> None:
        """Step until told to stop."""
        self._manager.ready(f"board {self._serial_number}")
        while self._loop.running:
            now = self._clock.monotonic_s()
            outputs, wake_at = self._node.step(now, self._inputs(now))
            self._carry_out(outputs, now)
            writers = [fd for fd in [self._port.fileno()] if fd is not None and self._serial_out]
            self._loop.wait([self._port.fileno(), self._worker.fileno()], wake_at, writers)

    def close(self) -> None:
        """Leave the board as it was found."""
        self._manager.stopping()
        self._worker.kill()
        self._control.close()
        self._watchdog.close()
        self._port.close()
        self._manager.close()

    def _inputs(self, now: float) -> NodeInputs:
        serial = self._port.read()
        reopened = self._port.opens != self._opens
        self._opens = self._port.opens
        if reopened:
            self._serial_out.clear()
        shelved, self._shelved = self._shelved, ()
        return NodeInputs(
            serial=serial,
            serial_reopened=reopened,
            serial_room=SERIAL_BACKLOG_MAX - len(self._serial_out),
            worker=self._worker.read(),
            worker_alive=self._worker.alive(),
            worker_cpu_s=self._worker.cpu_s(),
            readings=self._readings(now),
            shelved=shelved,
        )

    def _readings(self, now: float) -> Readings | None:
        if now < self._read_due_s:
            return None
        self._read_due_s = now + self._period_s
        rail = self._rail.read()
        return Readings(
            temp_c=self._zone.read_c(),
            power_w=None if rail is None else rail.power_w,
            frequency_mhz=self._frequency.read_mhz(),
            health=self._health(now),
        )

    def _health(self, now: float) -> BoardHealth | None:
        if now < self._health_due_s:
            return None
        self._health_due_s = now + HEALTH_PERIOD_S
        errors = read_memory_errors(self._root)
        return BoardHealth(
            corrected=None if errors is None else errors.corrected,
            uncorrected=None if errors is None else errors.uncorrected,
            limits=self._limits.read(),
        )

    def _write_map(self) -> None:
        live = {f"weights:{model.region.name}": model.live for model in self._shelf.models}
        write_memory_map(self._map_file, os.getpid(), self._node.memory_regions(), live)

    def _tend_shelf(self, orders: tuple[ShelfOrder, ...]) -> None:
        for order in orders:
            news, models = self._shelf.carry_out(order)
            self._shelved += (news,)
            if models is not None:
                self._node.adopt(order.slot, models)
                self._write_map()

    def _hold_worker(self) -> None:
        if self._worker.pid is not None:
            self._control.adopt(self._worker.pid)

    def _carry_out(self, outputs: NodeOutputs, now: float) -> None:
        if outputs.start_worker:
            self._worker_out.clear()
            self._worker.start()
            self._hold_worker()
        if outputs.level is not None:
            self._control.set_level(outputs.level)
        if outputs.feed_watchdog:  # the one place: hardware and systemd starve together
            self._watchdog.pet()
            self._manager.alive(now)
        self._tend_shelf(outputs.shelf)
        self._serial_out += outputs.serial
        del self._serial_out[: self._port.write(bytes(self._serial_out))]
        self._worker_out += outputs.worker
        del self._worker_out[: self._worker.write(bytes(self._worker_out))]
        if len(self._worker_out) > WORKER_BACKLOG_MAX:
            self._worker.kill()  # it reads nothing any more; the watch restarts it


def _check_identity(profile: Profile, root: Path) -> str:
    """The board's serial number; a board that says it is another one is refused."""
    identity = read_identity(root)
    if profile.identity and is_other_board(identity, profile.identity.compatible):
        raise ProfileError(
            f"this board is {identity.model} ({', '.join(identity.compatible[:2])}), the profile "
            f"{profile.name} is for {', '.join(profile.identity.compatible)}; take its own profile"
        )
    return identity.serial_number


def _worker_arguments(profile: Profile) -> tuple[str, ...]:
    provider = profile.inference.provider
    limit = () if provider != "cpu" else ("--memory-mib", str(WORKER_MEMORY_MIB))
    return (*limit, "--provider", provider)  # a GPU's driver reserves far more than it uses


def _frequency_control(profile: Profile, root: Path) -> FrequencyControl:
    frequency = profile.frequency
    if frequency.control == "cpufreq":
        return CpufreqControl(root, frequency.levels_mhz)
    if frequency.control == "nvpmodel":
        return PowerModeControl(root, frequency.modes)
    if frequency.control == "cgroup":
        return CpuQuota(root, frequency.levels_mhz, profile.inference.threads)
    return NoFrequencyControl()


def _watchdog(profile: Profile, root: Path) -> Watchdog:
    path = root / profile.watchdog.device.lstrip("/")
    try:
        return HardwareWatchdog(path, profile.watchdog.timeout_s)
    except PortError as error:
        print(f"no hardware watchdog: {error}", file=sys.stderr)
        return NoWatchdog()
