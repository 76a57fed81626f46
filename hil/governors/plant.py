"""The plant of the comparison: one board in orbit, a queue of tiles with deadlines, and a policy.

Everything a policy cannot choose is the same for all of one seed: arrivals, orbit, sensor noise,
actuator delay, the particles that spoil a run. The plant is the emulator's own; what policies believe
of it is wrong by up to 20 %, drawn once per seed.
"""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from flight_sw.resources.lookahead import LevelModel, Outlook
from hil.environment.conditions import GRID_S, Conditions
from hil.environment.flown_board import BoardPhysics, FlownBoard
from hil.environment.forecast import outlook_of
from hil.environment.power import PowerModel
from hil.environment.thermal import FIRMWARE_TABLE, ThermalNode
from hil.environment.vehicle import Vehicle
from hil.governors.policy import Order, Policy, Sight, Task
from hil.kernel import stream

LEVELS_MHZ = (600.0, 1000.0, 1400.0, 1800.0)
CORES = 4.0
POLL_S = 1.0
DELAY_POLLS = 1  # an order acts one poll later
LIMIT_C = 80.0
BAND_K = 1.0  # so that control at the limit is not punished for its ripple
NOISE_K, STEP_C = 0.3, 0.487
MISMATCH = 0.2
DEADLINE_S = 90.0
TILE_S = 1.0  # work of one tile at the top level
BURST_EVERY_S = 120.0
BURST_TILES = (20, 70)
FORECAST_EVERY_POLLS = 60  # the bus tells once a minute
SPOILS_PER_S = 2e-4  # accelerated, declared: particles that spoil the running tile
RESTART_S = 30.0  # boot after a brown-out
WH_J = 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to; `above_ks` is kelvin seconds above limit and band."""

    offered: int
    correct: int
    energy_j: float
    above_ks: float
    brown_outs: int
    lowest_charge: float
    max_temp_c: float

    @property
    def on_time(self) -> float:
        """Share of the tiles that were answered in time."""
        return self.correct / self.offered

    @property
    def per_joule(self) -> float:
        """Correct tiles per joule of the board."""
        return self.correct / self.energy_j


@dataclass(frozen=True, slots=True)
class Trace:
    """What happens to every policy of one seed."""

    arrivals: tuple[tuple[float, int], ...]  # time, tiles
    noise_k: np.ndarray
    spoils: np.ndarray
    believed: LevelModel


def true_model() -> LevelModel:
    """The board as it is."""
    power, die = PowerModel(), ThermalNode()
    return LevelModel(
        speeds=tuple(mhz / LEVELS_MHZ[-1] for mhz in LEVELS_MHZ),
        idle_w=power.idle_w,
        busy_w=tuple(power.board_w(mhz, CORES) for mhz in LEVELS_MHZ),
        resistance_k_per_w=die.resistance_k_per_w,
        time_constant_s=die.time_constant_s,
    )


def make_trace(seed: int, duration_s: float, conditions: Conditions) -> Trace:
    """Bursts of tiles, noise, particles and a wrong belief."""
    chance = stream(seed, "governor:arrivals")
    arrivals, at_s = [], float(chance.exponential(BURST_EVERY_S))
    while at_s < duration_s:
        arrivals.append((at_s, int(chance.integers(*BURST_TILES))))
        at_s += float(chance.exponential(BURST_EVERY_S))
    polls = int(duration_s / POLL_S) + 1
    noise = stream(seed, "governor:noise").normal(0.0, NOISE_K, polls)
    index = np.minimum((np.arange(polls) * POLL_S / GRID_S).astype(int), conditions.lit.size - 1)
    rate = SPOILS_PER_S * (0.2 + conditions.protons[index] / conditions.protons.mean())
    spoils = stream(seed, "governor:spoils").random(polls) < rate * POLL_S
    wrong = 1.0 + stream(seed, "governor:belief").uniform(-MISMATCH, MISMATCH, 3)
    truth = true_model()
    believed = replace(
        truth,
        resistance_k_per_w=truth.resistance_k_per_w * float(wrong[0]),
        time_constant_s=truth.time_constant_s * float(wrong[0] * wrong[1]),
        idle_w=truth.idle_w * float(wrong[2]),
        busy_w=tuple(w * float(wrong[2]) for w in truth.busy_w),
    )
    return Trace(tuple(arrivals), noise, spoils, believed)


def fly_policy(
    policy: Policy, vehicle: Vehicle, conditions: Conditions, trace: Trace, duration_s: float
) -> Outcome:
    """One run of one policy."""
    table = FIRMWARE_TABLE
    board = FlownBoard(BoardPhysics(PowerModel(), ThermalNode(), table), vehicle, conditions)
    board.switch(on=True)
    queue, pending = _Queue(trace), deque([Order(len(LEVELS_MHZ) - 1)] * DELAY_POLLS)
    above_ks, back_s, outlook = 0.0, 0.0, outlook_of(board)
    for poll in range(int(duration_s / POLL_S)):
        now_s = poll * POLL_S
        queue.advance(now_s)
        if not board.switched_on:
            board.switch(on=True)
            back_s = now_s + RESTART_S
        working = board.powered and now_s >= back_s
        if poll % FORECAST_EVERY_POLLS == 0:
            outlook = outlook_of(board)
        pending.append(policy.decide(_sight(board, queue, trace, poll, outlook)))
        order = pending.popleft()
        board.limit_mhz = LEVELS_MHZ[order.level]
        busy = queue.work(
            board.clock_mhz, hold=order.hold or not working, spoiled=trace.spoils[poll]
        )
        board.busy_cores = CORES * busy
        board.advance_to(now_s + POLL_S)
        above_ks += max(0.0, board.temp_c - LIMIT_C - BAND_K) * POLL_S
    return Outcome(
        queue.offered,
        queue.correct,
        board.energy_j,
        above_ks,
        board.damage.brown_outs,
        board.battery.lowest,
        board.max_temp_c,
    )


class _Queue:
    """Tiles in order of their deadlines; late ones are dropped before they cost anything."""

    def __init__(self, trace: Trace) -> None:
        self.offered = self.correct = 0
        self._arrivals = deque(trace.arrivals)
        self._bursts: deque[list[float]] = deque()  # deadline, tiles, work left of the first
        self._now_s = 0.0

    def advance(self, now_s: float) -> None:
        """Take arrivals and drop what is late."""
        self._now_s = now_s
        while self._arrivals and self._arrivals[0][0] <= now_s:
            at_s, tiles = self._arrivals.popleft()
            self.offered += tiles
            self._bursts.append([at_s + DEADLINE_S, float(tiles), TILE_S])
        while self._bursts and self._bursts[0][0] <= now_s:
            self._bursts.popleft()

    def due(self) -> tuple[tuple[float, float], ...]:
        """Seconds left and work by burst."""
        return tuple(
            (deadline_s - self._now_s, (tiles - 1) * TILE_S + first_s)
            for deadline_s, tiles, first_s in self._bursts
        )

    def work(self, clock_mhz: float, *, hold: bool, spoiled: bool) -> float:
        """Work for one poll; returns the share of it that was busy."""
        speed = clock_mhz / LEVELS_MHZ[-1]
        if hold or speed <= 0 or not self._bursts:
            return 0.0
        if spoiled:
            self._bursts[0][2] = TILE_S  # the running tile starts again
        left_s = POLL_S
        while self._bursts and left_s > 0:
            burst = self._bursts[0]
            takes_s = burst[2] / speed
            if takes_s > left_s:
                burst[2] -= left_s * speed
                left_s = 0.0
                break
            left_s -= takes_s
            if self._now_s + POLL_S - left_s <= burst[0]:
                self.correct += 1
            burst[1] -= 1
            burst[2] = TILE_S
            if burst[1] < 1:
                self._bursts.popleft()
        return 1.0 - left_s / POLL_S


def _sight(board: FlownBoard, queue: _Queue, trace: Trace, poll: int, outlook: Outlook) -> Sight:
    temp_c = round((board.temp_c + float(trace.noise_k[poll])) / STEP_C) * STEP_C
    return Sight(
        now_s=poll * POLL_S,
        temp_c=temp_c,
        power_w=board.power_w,
        charge=board.battery.charge,
        due=queue.due(),
        outlook=outlook,
    )


def task_of(trace: Trace, vehicle: Vehicle) -> Task:
    """What a policy is told."""
    return Task(trace.believed, LIMIT_C, vehicle.energy.cut_charge)
