"""The look-ahead governor: as slow as the deadlines allow, as fast as heat and energy allow.

Three questions at each decision. Need: the slowest level that still meets every deadline, since slow
work costs less energy and less heat. Heat: the fastest level at which the die stays below the limit
until the next decisions; die and mount follow a small observer that learns the mount from the sensor.
Energy: what share of the work that is expected over the coming orbits the battery can pay for.

Off nominal: without a believable temperature, or too near the limit, the staircase decides alone (see
`governor`); a forecast that is missing leaves the energy question out, never heat. Limits only tighten.
"""

import math
from dataclasses import dataclass

WH_J = 3600.0
SENSOR_GAIN, MOUNT_GAIN = 0.10, 0.04  # per decision of two seconds, tuned on training seeds
GAIN_PERIOD_S = 2.0
LONGEST_PREDICTION_S = 60.0  # a longer silence starts the observer anew
DEMAND_MEMORY_S = 1800.0  # how fast the rate of arriving work is learned
IDLE_MEMORY = 0.1  # share of each idle reading that goes into the learned idle power
DECISIONS = 2  # that heat is looked ahead at least
NOISE_K = 1.0  # a single reading so far over the limit is believed before the observer is


@dataclass(frozen=True, slots=True)
class LevelModel:
    """What is believed of the board: its power idle and busy by level, and its die's heat.

    Args:
        speeds: work done per second by level, 1 at the top.
    """

    speeds: tuple[float, ...]
    idle_w: float
    busy_w: tuple[float, ...]
    resistance_k_per_w: float
    time_constant_s: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The coming orbits as the spacecraft's bus tells it.

    Args:
        spare_wh: energy above the level at which the board is cut off.
        room_wh: what the battery still takes.
        surplus: (seconds, watts) in order: array less all loads but ours.
    """

    spare_wh: float
    room_wh: float
    surplus: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known now; None is unknown. `due` is (seconds left, work in seconds at the top level)."""

    now: float
    temp_c: float | None
    power_w: float | None
    due: tuple[tuple[float, float], ...]
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Caution:
    """How careful to be.

    Args:
        margin_k: distance kept from the limit.
        horizon_s: how far heat is looked ahead: the delay of the actuator, and never less than two
            decisions.
        haste: how much faster than the deadlines ask for.
        reserve_wh: energy that is never planned away: 0.1 browned out on 5 of 20 training seeds.
    """

    margin_k: float = 0.0
    horizon_s: float = 3.0
    haste: float = 1.6
    reserve_wh: float = 0.3


@dataclass(frozen=True, slots=True)
class Choice:
    """The level to run at; `hold` means: start no job. `why` names what decided."""

    level: int
    hold: bool
    why: str


class LookAheadGovernor:
    """One board; call `decide` every few seconds."""

    def __init__(self, model: LevelModel, caution: Caution | None = None) -> None:
        self._model = model
        self._caution = caution or Caution()
        self._die_c: float | None = None
        self._mount_c = 0.0
        self._seen_s = 0.0
        self._power_scale = 1.0
        self._demand = 0.0  # seconds of work at the top level that arrive per second
        self._queued_s = 0.0
        self._idle_before = False
        self._outlook: Outlook | None = None
        self._spare_wh = math.inf
        self._paid = (1.0,) * len(model.speeds)

    @property
    def mount_c(self) -> float | None:
        """What the observer believes of the mount, or None before its first reading."""
        return None if self._die_c is None else self._mount_c

    def decide(self, situation: Situation, limit_c: float) -> Choice:
        """The level for the time until the next decision."""
        if situation.temp_c is None:
            self._die_c = None
            return Choice(0, hold=False, why="blind")
        elapsed_s = self._observe(situation)
        self._learn(situation, elapsed_s)
        need = self._need(situation.due)
        die_c = situation.temp_c if self._die_c is None else self._die_c
        horizon_s = max(self._caution.horizon_s, DECISIONS * elapsed_s)
        heat = self._coolest_enough(max(situation.temp_c - NOISE_K, die_c), limit_c, horizon_s)
        energy = self._affordable(situation, need)
        level = min(need, heat, energy)
        if level < 0:
            return Choice(0, hold=True, why="heat" if heat < 0 else "energy")
        why = "need" if level == need else "heat" if level == heat else "energy"
        return Choice(level, hold=False, why=why)

    def _observe(self, situation: Situation) -> float:
        """Die and mount by a linear observer: predicted, then moved towards the reading."""
        model, temp_c = self._model, situation.temp_c or 0.0
        power_w = model.idle_w if situation.power_w is None else situation.power_w
        elapsed_s = situation.now - self._seen_s
        self._seen_s = situation.now
        if self._die_c is None or not 0.0 < elapsed_s <= LONGEST_PREDICTION_S:
            self._die_c = temp_c
            self._mount_c = temp_c - model.resistance_k_per_w * power_w
            return 0.0
        rest_c = self._mount_c + model.resistance_k_per_w * power_w
        fade = math.exp(-elapsed_s / model.time_constant_s)
        predicted_c = rest_c + (self._die_c - rest_c) * fade
        error_k = temp_c - predicted_c
        weight = min(elapsed_s / GAIN_PERIOD_S, 5.0)
        self._die_c = predicted_c + min(SENSOR_GAIN * weight, 1.0) * error_k
        self._mount_c += min(MOUNT_GAIN * weight, 0.5) * error_k
        return elapsed_s

    def _learn(self, situation: Situation, elapsed_s: float) -> None:
        """Idle power from readings between jobs, and the rate at which work arrives."""
        queued_s = sum(work for _, work in situation.due)
        idle = not situation.due
        if idle and self._idle_before and situation.power_w:
            seen = situation.power_w / self._model.idle_w
            self._power_scale += IDLE_MEMORY * (min(max(seen, 0.5), 2.0) - self._power_scale)
        self._idle_before = idle
        share = min(elapsed_s / DEMAND_MEMORY_S, 1.0)
        arrived_s = max(0.0, queued_s - self._queued_s)
        if elapsed_s > 0:
            self._demand += share * (arrived_s / elapsed_s - self._demand)
        self._queued_s = queued_s

    def _need(self, due: tuple[tuple[float, float], ...]) -> int:
        """The slowest level that meets all deadlines; with nothing due, ready at the top: an idle
        board draws the same at any clock.
        """
        wanted = self._caution.haste * _wanted_speed(due)
        for level, speed in enumerate(self._model.speeds):
            if due and speed >= wanted:
                return level
        return len(self._model.speeds) - 1

    def _coolest_enough(self, die_c: float, limit_c: float, horizon_s: float) -> int:
        """The fastest level that keeps the die below the limit over the horizon; -1 for none."""
        model, caution = self._model, self._caution
        fade = math.exp(-horizon_s / model.time_constant_s)
        for level in range(len(model.busy_w) - 1, -1, -1):
            rest_c = (
                self._mount_c + model.resistance_k_per_w * self._power_scale * model.busy_w[level]
            )
            if rest_c + (die_c - rest_c) * fade <= limit_c - caution.margin_k:
                return level
        return -1

    def _affordable(self, situation: Situation, need: int) -> int:
        """The level up to `need` that answers the largest share of the work; -1 to save the rest.

        Slow work costs less energy, fast work misses fewer deadlines: the share is the smaller of what
        the forecast's energy and what the level's speed allow.
        """
        if situation.outlook is None:
            return need
        if situation.outlook is not self._outlook:
            self._outlook = situation.outlook
            self._plan(situation.outlook)
        if situation.due and self._spare_wh <= self._caution.reserve_wh:
            return -1
        if self._paid[need] >= 1.0:
            return need
        wanted = max(_wanted_speed(situation.due), 1e-6)
        best, best_share = need, -1.0
        for level in range(need + 1):
            share = min(self._paid[level], self._model.speeds[level] / wanted, 1.0)
            if share > best_share + 1e-9 or (not situation.due and share >= best_share):
                best, best_share = level, share
        return best

    def _plan(self, outlook: Outlook) -> None:
        """By level, the share of the work that is expected which the forecast can pay for."""
        model, reserve_wh = self._model, self._caution.reserve_wh
        idle_w = self._power_scale * model.idle_w
        self._spare_wh = least_idle = _least(outlook, idle_w)
        paid = []
        for busy_w, speed in zip(model.busy_w, model.speeds, strict=True):
            more_w = self._power_scale * (busy_w - model.idle_w)
            least = _least(outlook, idle_w + more_w * min(self._demand / speed, 1.0))
            if least >= reserve_wh or least >= least_idle:
                paid.append(1.0)
            else:
                share = (least_idle - reserve_wh) / (least_idle - least)
                paid.append(min(max(share, 0.0), 1.0))
        self._paid = tuple(paid)


def _least(outlook: Outlook, load_w: float) -> float:
    """The least that is left over the forecast under a constant load of the board, Wh."""
    spare = least = outlook.spare_wh
    full = outlook.spare_wh + outlook.room_wh
    for seconds, surplus_w in outlook.surplus:
        spare = min(spare + (surplus_w - load_w) * seconds / WH_J, full)
        least = min(least, spare)
    return least


def _wanted_speed(due: tuple[tuple[float, float], ...]) -> float:
    """The least speed that meets all deadlines, worked off in their order; 1 is the top level's."""
    work_s, wanted = 0.0, 0.0
    for left_s, more_s in due:
        work_s += more_s
        wanted = max(wanted, work_s / max(left_s, 1.0))
    return wanted
