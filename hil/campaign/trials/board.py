"""The board of a trial: every form of the model that a class needs, and devices that can fail.

Its software is untouched; what fails are the sensor, the supply, the processor and the clock around it.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from flight_sw.board_models import BoardModel
from flight_sw.inference.bundle import parts_of
from flight_sw.inference.manifest import read_manifest
from flight_sw.inference.worker import Worker
from flight_sw.node import BoardFacts, NodeInputs, NodeOutputs, Readings
from flight_sw.profile import Profile
from hil.campaign.trials.kit import SLOT, StackKit
from hil.simulation.board import PlacelessNode, VirtualBoard
from hil.simulation.shelf import stage_part
from hil.simulation.worker import VirtualWorker

BOOT_S = 2.0  # of the emulated board; the profile waits 5 s
NODE_RESTART_S = 1.0  # by the service manager

Sensor = Callable[[float, float | None], float | None]


class FedNode(PlacelessNode):
    """The node, and whether it asks to have its watchdog fed."""

    feeds = True

    def step(self, now: float, inputs: NodeInputs) -> tuple[NodeOutputs, float]:
        """See Node."""
        outputs, wake_at = super().step(now, inputs)
        self.feeds = outputs.feed_watchdog
        return outputs, wake_at


class TrialBoard(VirtualBoard):
    """See the module text.

    `sensor` maps (time, true temperature) to what the sensor says; `sticky` is a hang that only the
    loss of power ends.
    """

    def __init__(
        self, kit: StackKit, memory_name: str, sessions: np.random.Generator, profile: Profile
    ) -> None:
        parts = replace(kit.parts, profile=profile)
        super().__init__(parts, kit.new_physics(), sessions)
        top_mhz = float(profile.frequency.levels_mhz[-1])
        make = partial(Worker, prover=kit.proofs)
        self.worker = VirtualWorker(parts.work, parts.macs, top_mhz, make)
        self.boot_s = BOOT_S
        self.sensor: Sensor | None = None
        self.sticky = False
        self.load_cores = 0.0
        self.sensor_hangs = False
        self._fed_s = 0.0
        self.models: tuple[BoardModel, ...] = ()
        self._kit = kit
        self._live = kit.parts.memory / memory_name

    def switch(self, now_s: float, *, on: bool) -> None:
        """The supply switch; without power every hang ends."""
        if not on:
            self.sticky = False
        super().switch(now_s, on=on)

    def step(self, now_s: float) -> tuple[bytes, float]:
        """One step; other work on the cores comes on top, and a watchdog that starves bites."""
        out = super().step(now_s)
        if not isinstance(self.node, FedNode) or self.node.feeds:
            self._fed_s = now_s
        elif now_s - self._fed_s > self._parts.profile.watchdog.timeout_s:
            self.reset(now_s)
        self.physics.busy_cores = max(self.physics.busy_cores, self.load_cores)
        return out

    def reset(self, now_s: float) -> None:
        """The reset line, to which a latched processor does not listen."""
        if not self.sticky:
            super().reset(now_s)

    def crash(self, now_s: float) -> None:
        """The node's process dies; its service manager starts it again."""
        self.fall()
        self._boot_due_s = now_s + NODE_RESTART_S

    def clean_up(self) -> None:
        """Give the memory back."""
        self.fall()
        shutil.rmtree(self._live, ignore_errors=True)

    def _boot(self) -> None:
        self._boot_due_s = None
        self.sensor_hangs = False
        self._fed_s = self.physics.now_s
        self.boots += 1
        shutil.rmtree(self._live, ignore_errors=True)
        stored = self._store.directory(SLOT)
        directories = parts_of(stored, read_manifest(stored))
        self.models = tuple(
            stage_part(SLOT, part, directories[part], self._live / part.value)
            for part in self._kit.staged
        )
        facts = BoardFacts("virtual", self.boots, int(self._sessions.integers(1, 2**32)))
        self.node = FedNode(self._parts.profile, self.models, facts)
        self.physics.limit_mhz = float(self._parts.profile.frequency.levels_mhz[-1])

    def _readings(self, now_s: float) -> Readings | None:
        readings = super()._readings(now_s)
        if self.sensor_hangs:
            return None
        if readings is None or self.sensor is None:
            return readings
        return replace(readings, temp_c=self.sensor(now_s, readings.temp_c))
