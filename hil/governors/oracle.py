"""The best that any policy could do: a linear programme that knows every arrival and the true plant.

An upper bound, never an estimate: each simplification can only help the oracle. Tiles are a fluid, so
a half-done one counts half; particles spoil nothing; levels are mixed within a step; the radiator sheds
heat along the chord of T^4 between its temperatures under an idle and a fully busy board, which is more
than the true curve in between. Die temperature stays below limit and band, and charge above the cut-off,
at the end of every step.

Solved by HiGHS (through scipy, extra `bench`): about 7,000 unknowns and ten seconds for each run.
"""

from dataclasses import dataclass

import numpy as np

from hil.environment.conditions import Conditions
from hil.environment.flown_board import BoardPhysics, FlownBoard
from hil.environment.heat import STEFAN_BOLTZMANN, ZERO_C_K
from hil.environment.power import PowerModel
from hil.environment.thermal import ThermalNode
from hil.environment.vehicle import Vehicle
from hil.governors.plant import BAND_K, CORES, DEADLINE_S, LEVELS_MHZ, LIMIT_C, TILE_S, Trace

STEP_S = 12.0
SLACK_K = 0.05  # what the order of work within a step can change at its end: P t^2 / (8 C tau)
CHORD_K = 1.0  # the chord reaches so far beyond the coldest and hottest flight
WH_J = 3600.0
NODES = 3
Window = tuple[int, int, float]
_LEVELS = len(LEVELS_MHZ)


@dataclass(frozen=True, slots=True)
class _Unknowns:
    """Where each kind of unknown begins: run time by step and level, work by window, heat, charge."""

    steps: int
    work: int
    heat: int
    charge: int
    total: int


def best_on_time(
    vehicle: Vehicle, conditions: Conditions, trace: Trace, duration_s: float
) -> float:
    """An upper bound on the share of tiles that any policy answers in time.

    Raises:
        ModuleNotFoundError: scipy is not installed.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    steps = int(duration_s / STEP_S)
    windows = _windows(trace, steps)
    work = steps * _LEVELS
    heat = work + len(windows)
    charge = heat + NODES * steps
    where = _Unknowns(steps, work, heat, charge, charge + steps)
    program = _Rows(where.total)
    _time_and_work(program, where, windows, trace)
    _charge(program, where, vehicle, conditions)
    balance = _Rows(where.total)
    _heat(balance, where, vehicle, conditions)
    cost = np.zeros(where.total)
    cost[work:heat] = -1.0
    low, high = np.zeros(where.total), np.full(where.total, np.inf)
    high[work:heat] = [seconds / TILE_S for _, _, seconds in windows]
    low[heat:charge] = -np.inf
    high[heat:charge:NODES] = LIMIT_C + BAND_K + SLACK_K
    low[charge:], high[charge:] = vehicle.energy.cut_charge, 1.0
    solved = linprog(
        cost,
        A_ub=sparse.csr_matrix(program.matrix, shape=program.shape),
        b_ub=program.right,
        A_eq=sparse.csr_matrix(balance.matrix, shape=balance.shape),
        b_eq=balance.right,
        bounds=np.c_[low, high],
        method="highs-ipm",
    )
    if not solved.success:
        raise ArithmeticError(f"the oracle's programme has no solution: {solved.message}")
    return float(-solved.fun / sum(tiles for _, tiles in trace.arrivals))


class _Rows:
    """Rows of a sparse matrix with their right sides."""

    def __init__(self, columns: int) -> None:
        self.right: list[float] = []
        self._columns = columns
        self._row: list[int] = []
        self._column: list[int] = []
        self._value: list[float] = []

    def add(self, terms: dict[int, float], right: float) -> None:
        """One row: the sum of value times unknown against its right side."""
        self._row += [len(self.right)] * len(terms)
        self._column += terms
        self._value += terms.values()
        self.right.append(right)

    @property
    def matrix(self) -> tuple[list[float], tuple[list[int], list[int]]]:
        """As scipy takes it."""
        return self._value, (self._row, self._column)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.right), self._columns


def _windows(trace: Trace, steps: int) -> list[Window]:
    """(burst, step, seconds of the step in which the burst can be worked on)."""
    found = []
    for burst, (at_s, _) in enumerate(trace.arrivals):
        end_s = at_s + DEADLINE_S
        for step in range(int(at_s / STEP_S), min(int(end_s / STEP_S) + 1, steps)):
            seconds = min(end_s, (step + 1) * STEP_S) - max(at_s, step * STEP_S)
            found.append((burst, step, seconds))
    return found


def _time_and_work(rows: _Rows, where: _Unknowns, windows: list[Window], trace: Trace) -> None:
    """A step has so much time, does so much work, and a burst has so many tiles."""
    done: list[dict[int, float]] = [{} for _ in range(where.steps)]
    answered: list[dict[int, float]] = [{} for _ in trace.arrivals]
    for column, (burst, step, _) in enumerate(windows, start=where.work):
        done[step][column] = answered[burst][column] = TILE_S
    for step in range(where.steps):
        levels = range(step * _LEVELS, (step + 1) * _LEVELS)
        rows.add(dict.fromkeys(levels, 1.0), 1.0)
        able = {
            column: -STEP_S * mhz / LEVELS_MHZ[-1]
            for column, mhz in zip(levels, LEVELS_MHZ, strict=True)
        }
        rows.add(done[step] | able, 0.0)
    for terms, (_, tiles) in zip(answered, trace.arrivals, strict=True):
        rows.add(terms, float(tiles))


def _more_w() -> list[float]:
    power = PowerModel()
    return [power.board_w(mhz, CORES) - power.idle_w for mhz in LEVELS_MHZ]


def _charge(rows: _Rows, where: _Unknowns, vehicle: Vehicle, conditions: Conditions) -> None:
    """Charge grows no faster than the surplus allows, with and without the loss of charging."""
    energy, idle_w = vehicle.energy, PowerModel().idle_w
    for efficiency in (energy.charge_efficiency, 1.0):
        share = efficiency * STEP_S / (energy.battery_wh * WH_J)
        for step in range(where.steps):
            lit = float(conditions.lit[conditions.index(step * STEP_S)])
            surplus_w = vehicle.array_w(lit) - energy.bus_w - idle_w
            terms = {step * _LEVELS + i: share * watts for i, watts in enumerate(_more_w())}
            terms[where.charge + step] = 1.0
            before = energy.start_charge if step == 0 else 0.0
            if step:
                terms[where.charge + step - 1] = -1.0
            rows.add(terms, before + share * surplus_w)


def _heat(rows: _Rows, where: _Unknowns, vehicle: Vehicle, conditions: Conditions) -> None:
    """Three nodes, exact over each step for constant power."""
    cold = _radiator_c(vehicle, conditions, where.steps, 0.0)
    hot = _radiator_c(vehicle, conditions, where.steps, CORES)
    idle_w, more_w = PowerModel().idle_w, _more_w()
    strength = STEFAN_BOLTZMANN * vehicle.radiator.area_m2 * vehicle.radiator.emissivity
    before = np.full(NODES, vehicle.radiator.start_c)
    for step in range(where.steps):
        index = conditions.index(step * STEP_S)
        zenith = float(conditions.sun_zenith_cosine[index])
        absorbed_w = vehicle.absorbed_w(float(conditions.lit[index]), zenith)
        low_k, high_k = cold[step] - CHORD_K + ZERO_C_K, hot[step] + CHORD_K + ZERO_C_K
        slope = strength * (high_k**4 - low_k**4) / (high_k - low_k)
        offset_w = strength * low_k**4 - slope * (low_k - ZERO_C_K)
        fade, by_die, by_radiator = _over_a_step(vehicle, slope)
        constant = by_die * idle_w + by_radiator * (absorbed_w - offset_w)
        first = where.heat + NODES * step
        for node in range(NODES):
            terms = {step * _LEVELS + i: -by_die[node] * w for i, w in enumerate(more_w)}
            terms[first + node] = 1.0
            right = float(constant[node])
            if step:
                terms |= {first - NODES + i: -float(fade[node, i]) for i in range(NODES)}
            else:
                right += float(fade[node] @ before)
            rows.add(terms, right)


def _over_a_step(vehicle: Vehicle, slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is left of the temperatures after a step, and what a watt into die or radiator adds."""
    radiator, die = vehicle.radiator, ThermalNode()
    inner, outer = 1 / die.resistance_k_per_w, 1 / radiator.mount_to_radiator_k_per_w
    sizes = np.array([die.capacity_j_per_k, radiator.mount_j_per_k, radiator.radiator_j_per_k])
    network = np.array(
        [[inner, -inner, 0], [-inner, inner + outer, -outer], [0, -outer, outer + slope]]
    )
    root = np.sqrt(sizes)
    decay, shapes = np.linalg.eigh(network / root[:, None] / root[None, :])
    faded = np.exp(-decay * STEP_S)
    to_modes, from_modes = shapes.T * root[None, :], shapes / root[:, None]
    fade = from_modes @ (faded[:, None] * to_modes)
    by_watt = from_modes @ np.diag((1 - faded) / decay) @ to_modes / sizes[None, :]
    return fade, by_watt[:, 0], by_watt[:, 2]


def _radiator_c(
    vehicle: Vehicle, conditions: Conditions, steps: int, busy_cores: float
) -> list[float]:
    """The radiator's temperature at each step under a board that is always so busy, never cut off."""
    board = FlownBoard(
        BoardPhysics(PowerModel(), ThermalNode(), ((0.0, LEVELS_MHZ[-1]), (1e9, LEVELS_MHZ[-1]))),
        vehicle,
        conditions,
    )
    board.switch(on=True)
    board.busy_cores = busy_cores
    seen = []
    for step in range(steps):
        seen.append(board.heat.state.temps_c[2])
        board.battery.charge = 1.0
        board.advance_to((step + 1) * STEP_S)
    return seen
