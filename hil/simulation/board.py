"""The board inside the simulation: the real node on live weights, with its devices in memory."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flight_sw.board_link import messages as m
from flight_sw.inference.bundle import Part
from flight_sw.inference.job import Protection
from flight_sw.inference.store import ModelStore
from flight_sw.node import BoardFacts, Node, NodeInputs, Readings
from flight_sw.profile import Profile
from hil.emulator.settings import Work
from hil.environment.flown_board import FlownBoard
from hil.simulation.shelf import stage_part, staged_parts
from hil.simulation.worker import VirtualWorker

BOOT_S = 12.0  # from power to a node that speaks: Linux on a Raspberry Pi, assumed
IDLE_CORES = 0.02  # the node's own work
SENSOR_STEP_C = 0.487  # one count of the processor's sensor
WATCHDOG_BOOT_S = 10.0


@dataclass(frozen=True, slots=True)
class BoardParts:
    """What the board is made of; jobs of class `protection` find their parts staged."""

    profile: Profile
    work: Work
    models: Path
    memory: Path
    macs: Mapping[int, int]
    protection: Protection = Protection.STANDARD


class PlacelessNode(Node):
    """The node, telling no addresses: they differ from process to process, and a flight must not."""

    def _say(self, message: m.Message) -> None:
        if isinstance(message, m.Region):
            message = m.Region(message.name, 0, message.length)
        super()._say(message)


class VirtualBoard:
    """One board; off, booting, running or hung. All times are seconds since the flight's start."""

    def __init__(
        self, parts: BoardParts, physics: FlownBoard, sessions: np.random.Generator
    ) -> None:
        self.physics = physics
        self.node: Node | None = None
        self.hung = False
        self.boots = 0
        self.serial_in = b""
        self.line_reopened = False
        self.boot_s = BOOT_S
        self._parts = parts
        self._sessions = sessions
        top_mhz = float(parts.profile.frequency.levels_mhz[-1])
        self.worker = VirtualWorker(parts.work, parts.macs, top_mhz)
        self._store = ModelStore(parts.models)
        self._boot_due_s: float | None = None
        self._read_due_s = 0.0
        self._worker_out = b""

    @property
    def running(self) -> bool:
        """Whether the node's software runs."""
        return self.node is not None and not self.hung and self.physics.powered

    def switch(self, now_s: float, *, on: bool) -> None:
        """The supply switch: power comes, the board boots; power goes, all is lost."""
        was = self.physics.powered
        self.physics.advance_to(now_s)
        self.physics.switch(on=on)
        if self.physics.powered and not was:
            self._boot_due_s = now_s + self.boot_s
        if not self.physics.powered:
            self.fall()

    def reset(self, now_s: float) -> None:
        """The reset line, or the board's own watchdog."""
        if self.physics.powered:
            self.fall()
            self._boot_due_s = now_s + self.boot_s

    def fall(self) -> None:
        """The software ends."""
        self.node, self.hung, self._boot_due_s = None, False, None
        self.worker.crash()
        self.serial_in = b""
        self.physics.busy_cores = 0.0

    def step(self, now_s: float) -> tuple[bytes, float]:
        """Let what is due happen; bytes for the line, and when to come back at the latest."""
        self.physics.advance_to(now_s)
        if not self.physics.powered and (self.node is not None or self._boot_due_s is not None):
            self.fall()
        if self._boot_due_s is not None and now_s >= self._boot_due_s:
            self._boot()
        node = self.node
        if node is None or self.hung:
            return b"", self._boot_due_s if self._boot_due_s is not None else float("inf")
        inputs = NodeInputs(
            serial=self.serial_in,
            serial_reopened=self.line_reopened,
            worker=self.worker.receive(now_s),
            worker_alive=self.worker.alive,
            worker_cpu_s=self.worker.cpu_s(now_s),
            readings=self._readings(now_s),
        )
        self.serial_in, self.line_reopened = b"", False
        outputs, wake_at = node.step(now_s, inputs)
        if outputs.start_worker:
            self.worker.start()
        if outputs.level is not None:
            levels = self._parts.profile.frequency.levels_mhz
            self.physics.limit_mhz = float(levels[outputs.level])
        if outputs.worker:
            self.worker.send(outputs.worker, now_s, self.physics.clock_mhz)
        working = self.worker.works(now_s)
        self.physics.busy_cores = self._parts.work.busy_cores if working else IDLE_CORES
        wake_at = min(wake_at, self.worker.next_s())
        return outputs.serial, wake_at

    def _boot(self) -> None:
        """A node with fresh weights from the stored models."""
        self._boot_due_s = None
        self.boots += 1
        live = self._parts.memory / "live"
        shutil.rmtree(live, ignore_errors=True)
        models = tuple(
            stage_part(slot, part, stored, live / f"slot-{slot:02d}-{part.value}")
            for slot in self._store.catalogue()
            for part, stored in self._staged_in(slot).items()
        )
        facts = BoardFacts("virtual", self.boots, int(self._sessions.integers(1, 2**32)))
        self.node = PlacelessNode(self._parts.profile, models, facts)
        self.physics.limit_mhz = float(self._parts.profile.frequency.levels_mhz[-1])

    def _staged_in(self, slot: int) -> dict[Part, Path]:
        return staged_parts(self._store.directory(slot), self._parts.protection)

    def _readings(self, now_s: float) -> Readings | None:
        if now_s < self._read_due_s:
            return None
        self._read_due_s = now_s + self._parts.profile.heartbeat.period_s
        temp_c = round(self.physics.temp_c / SENSOR_STEP_C) * SENSOR_STEP_C
        return Readings(temp_c, round(self.physics.power_w, 2), self.physics.clock_mhz)
