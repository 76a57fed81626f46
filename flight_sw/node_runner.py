"""Runs a Node on a real clock, a real serial port and the board's own devices."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flight_sw.board_models import BoardModel, region_name
from flight_sw.devices.board_identity import is_other_board, read_identity
from flight_sw.devices.clock import SystemClock
from flight_sw.devices.cpu_quota import CpuQuota
from flight_sw.devices.frequency import CpufreqControl, FrequencyControl, NoFrequencyControl
from flight_sw.devices.power_mode import PowerModeControl
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.devices.sensors import CpuFrequency, HwmonRail, ThermalZone
from flight_sw.devices.service_manager import ServiceManager
from flight_sw.devices.shared_memory import SharedMemory
from flight_sw.devices.sysfs import read_text
from flight_sw.devices.watchdog import HardwareWatchdog, NoWatchdog, Watchdog
from flight_sw.devices.worker_process import WorkerProcess
from flight_sw.errors import PortError, ProfileError, StoreError
from flight_sw.inference.bundle import VOTE_COPIES, Part, parts_of
from flight_sw.inference.golden import GoldenCopy
from flight_sw.inference.live_files import LoadError, map_weights, stage
from flight_sw.inference.manifest import PAGE_BYTES, WEIGHTS_FILE, Manifest, read_manifest
from flight_sw.inference.store import ModelStore
from flight_sw.inference.worker_messages import MAX_SLOTS, LoadFailure
from flight_sw.node import BoardFacts, Node, NodeInputs, NodeOutputs, Readings
from flight_sw.profile import Profile
from flight_sw.radiation import native
from flight_sw.radiation.protected import ProtectedRegion
from flight_sw.runner import Loop, draw_session, write_memory_map

SERIAL_BACKLOG_MAX = 16_384
WORKER_BACKLOG_MAX = 8 << 20
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
        self._loop = Loop(self._clock)
        self._period_s = profile.heartbeat.period_s
        self._port = ReopeningPort.serial(options.port, profile.serial.baud, self._clock)
        self._port.check()
        self._worker = WorkerProcess(("--memory-mib", str(WORKER_MEMORY_MIB)))
        self._zone = ThermalZone(root, profile.thermal.zone)
        self._rail = HwmonRail(root, profile.power.rail)
        self._frequency = CpuFrequency(root)
        self._control = _frequency_control(profile, root)
        self._serial_number = serial_number
        models = _stage_models(options.models, memory.directory)
        facts = BoardFacts(
            serial_number=serial_number,
            boots=int(read_text(root / "run/vanallen/boots") or 0),
            session=draw_session(),
        )
        self._node = Node(profile, models, facts)
        live = {f"weights:{model.region.name}": model.live for model in models}
        regions = self._node.memory_regions()
        write_memory_map(root / "run/vanallen/regions.json", os.getpid(), regions, live)
        self._watchdog = _watchdog(profile, root)
        self._manager = ServiceManager()
        self._serial_out = bytearray()
        self._worker_out = bytearray()
        self._opens = self._port.opens
        self._read_due_s = float("-inf")

    def run(self) -> None:
        """Step until told to stop."""
        self._manager.ready(f"board {self._serial_number}")
        while self._loop.running:
            now = self._clock.monotonic_s()
            outputs, wake_at = self._node.step(now, self._inputs(now))
            self._carry_out(outputs)
            self._manager.alive(now)
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
        return NodeInputs(
            serial=serial,
            serial_reopened=reopened,
            serial_room=SERIAL_BACKLOG_MAX - len(self._serial_out),
            worker=self._worker.read(),
            worker_alive=self._worker.alive(),
            readings=self._readings(now),
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
        )

    def _hold_worker(self) -> None:
        if self._worker.pid is not None:
            self._control.adopt(self._worker.pid)

    def _carry_out(self, outputs: NodeOutputs) -> None:
        if outputs.start_worker:
            self._worker_out.clear()
            self._worker.start()
            self._hold_worker()
        if outputs.level is not None:
            self._control.set_level(outputs.level)
        if outputs.feed_watchdog:
            self._watchdog.pet()
        self._serial_out += outputs.serial
        del self._serial_out[: self._port.write(bytes(self._serial_out))]
        self._worker_out += outputs.worker
        del self._worker_out[: self._worker.write(bytes(self._worker_out))]
        if len(self._worker_out) > WORKER_BACKLOG_MAX:
            self._worker.kill()  # it reads nothing any more; the watch restarts it


def _stage_models(store: Path, memory: Path) -> tuple[BoardModel, ...]:
    """Copy each part of each model to shared memory; a damaged one is left out, and said so."""
    models = ModelStore(store)
    staged: list[BoardModel] = []
    for slot in range(1, MAX_SLOTS + 1):
        if models.roll_back(slot):
            print(f"model in slot {slot} was never confirmed: rolled back", file=sys.stderr)
    for slot, manifest in models.catalogue().items():
        try:
            parts = parts_of(models.directory(slot), manifest)
            staged += [_stage(slot, part, stored, memory) for part, stored in parts.items()]
        except LoadError as error:
            staged = [model for model in staged if model.slot != slot]
            print(f"model in slot {slot} left out: {error}", file=sys.stderr)
    return tuple(staged)


class _NativeCode:
    """The erasure code of the native core, as the golden copy takes it."""

    def encode(self, data: Sequence[bytearray], parity: Sequence[bytearray]) -> None:
        """Fill the parity shards."""
        native.storage_encode(data, parity)

    def rebuild(self, shards: Sequence[bytearray], present: Sequence[bool], data: int) -> None:
        """Fill the shards that are not present."""
        if not all(present):
            native.storage_rebuild(shards, present, data)


def _stage(slot: int, part: Part, stored: Path, memory: Path) -> BoardModel:
    live = memory / f"slot-{slot:02d}-{part.value}"
    golden = GoldenCopy(stored, _NativeCode())
    manifest = _stage_or_mend(stored, live, golden)
    name = region_name(manifest.name, part)
    pages = _GoldenPages(golden, manifest)
    region = ProtectedRegion(name, map_weights(live), pages)
    region.encode()
    if manifest.copies < VOTE_COPIES:
        pages.held = None  # jobs that vote pay for a second golden copy in memory
    live_bytes = tuple((blob.offset, blob.length) for blob in manifest.computing_blobs)
    digest = manifest.digest.hex()
    return BoardModel(slot, manifest.name, str(live), digest, region, part, live_bytes)


def _stage_or_mend(stored: Path, live: Path, golden: GoldenCopy) -> Manifest:
    """Stage a part; weights that have rotted on storage come back from the golden copy."""
    try:
        manifest = stage(stored, live)
    except LoadError as error:
        if error.reason is not LoadFailure.DIGEST or not golden.exists:
            raise
        (stored / WEIGHTS_FILE).write_bytes(golden.read(read_manifest(stored)))
        manifest = stage(stored, live)
        print(f"{stored}: weights rebuilt from the golden copy", file=sys.stderr)
    if not golden.exists:
        golden.write((live / WEIGHTS_FILE).read_bytes())
    return manifest


class _GoldenPages:
    """Pages of the golden copy: read anew from storage for each repair, unless they are held."""

    def __init__(self, golden: GoldenCopy, manifest: Manifest) -> None:
        self.held: bytes | None = golden.read(manifest)  # encoding looks at every page
        self._golden = golden
        self._manifest = manifest

    def __call__(self, page: int) -> bytes:
        try:
            weights = self.held or self._golden.read(self._manifest)
        except LoadError as error:
            raise StoreError(str(error)) from error
        return weights[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]


def _check_identity(profile: Profile, root: Path) -> str:
    """The board's serial number; a board that says it is another one is refused."""
    identity = read_identity(root)
    if profile.identity and is_other_board(identity, profile.identity.compatible):
        raise ProfileError(
            f"this board is {identity.model} ({', '.join(identity.compatible[:2])}), the profile "
            f"{profile.name} is for {', '.join(profile.identity.compatible)}; take its own profile"
        )
    return identity.serial_number


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
