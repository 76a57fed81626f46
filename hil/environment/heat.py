"""Heat of a board on its spacecraft: die, mount and radiator as three nodes, solved exactly in time.

Between two looks the heat that flows in is held constant, so the nodes follow the exact solution of a
linear network, for any gap. Only the radiator's T^4 is not linear: it is replaced by its tangent at the
nearest quarter of a kelvin, which is wrong by less than 0.5 mW per square metre.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

STEFAN_BOLTZMANN = 5.670374e-8  # W/m2/K4, CODATA 2018
ZERO_C_K = 273.15
COLDEST_K, HOTTEST_K = 100, 600  # a radiator outside this is a mistake in the model
NODES = 3
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]


@dataclass(frozen=True, slots=True)
class HeatPath:
    """Capacities in J/K, resistances in K/W, from the die outwards; the radiator sees space.

    Args:
        emitting_m2: area times emissivity of the radiator.
    """

    die_j_per_k: float
    die_to_mount_k_per_w: float
    mount_j_per_k: float
    mount_to_radiator_k_per_w: float
    radiator_j_per_k: float
    emitting_m2: float


@dataclass(slots=True)
class HeatState:
    """Temperatures in degrees Celsius, and all heat that came and went since the start, in joules."""

    temps_c: list[float]
    came_in_j: float = 0.0
    radiated_j: float = 0.0


@dataclass(frozen=True, slots=True)
class _Modes:
    """The network at one radiator temperature, in its own modes."""

    decay_per_s: Row
    to_modes: Matrix
    from_modes: Matrix
    resting: Matrix  # heat in, W, to temperatures above absolute zero
    slope_w_per_k: float
    offset_w: float


@dataclass(slots=True)
class HeatModel:
    """Three nodes and their past."""

    path: HeatPath
    state: HeatState
    started_j: float = field(init=False)

    def __post_init__(self) -> None:
        self.started_j = self.stored_j

    @property
    def stored_j(self) -> float:
        """Heat in the nodes above absolute zero."""
        path = self.path
        sizes = (path.die_j_per_k, path.mount_j_per_k, path.radiator_j_per_k)
        return sum(c * (t + ZERO_C_K) for c, t in zip(sizes, self.state.temps_c, strict=True))

    @property
    def lost_j(self) -> float:
        """What the books do not explain: heat that came, less what left and what is stored."""
        gained = self.stored_j - self.started_j
        return self.state.came_in_j - self.state.radiated_j - gained

    def advance(self, elapsed_s: float, die_w: float, radiator_w: float) -> None:
        """Let time pass with constant heat into the die and from outside into the radiator."""
        state = self.state
        radiator_k = state.temps_c[2] + ZERO_C_K
        modes = _modes(self.path, min(max(round(4 * radiator_k) / 4, COLDEST_K), HOTTEST_K))
        sources = (die_w, 0.0, radiator_w - modes.offset_w)
        rest = _times(modes.resting, sources)
        apart = [t + ZERO_C_K - r for t, r in zip(state.temps_c, rest, strict=True)]
        parts = _times(modes.to_modes, (apart[0], apart[1], apart[2]))
        fade = [math.exp(-d * elapsed_s) for d in modes.decay_per_s]
        later = _times(modes.from_modes, _product(parts, fade))
        state.temps_c[:] = [r + d - ZERO_C_K for r, d in zip(rest, later, strict=True)]
        spans = [(1 - f) / d for f, d in zip(fade, modes.decay_per_s, strict=True)]
        excess = _times(modes.from_modes, _product(parts, spans))[2]
        kelvin_seconds = rest[2] * elapsed_s + excess
        state.radiated_j += modes.offset_w * elapsed_s + modes.slope_w_per_k * kelvin_seconds
        state.came_in_j += (die_w + radiator_w) * elapsed_s


@lru_cache(maxsize=1024)
def _modes(path: HeatPath, radiator_k: float) -> _Modes:
    """Conductances and capacities made symmetric, so that the modes are real and orthogonal."""
    capacities = np.array([path.die_j_per_k, path.mount_j_per_k, path.radiator_j_per_k])
    inner, outer = 1 / path.die_to_mount_k_per_w, 1 / path.mount_to_radiator_k_per_w
    strength = STEFAN_BOLTZMANN * path.emitting_m2
    slope = 4 * strength * radiator_k**3
    matrix = np.array(
        [[inner, -inner, 0], [-inner, inner + outer, -outer], [0, -outer, outer + slope]]
    )
    root = np.sqrt(capacities)
    decay, shapes = np.linalg.eigh(matrix / root[:, None] / root[None, :])
    return _Modes(
        decay_per_s=_row(decay),
        to_modes=_matrix(shapes.T * root[None, :]),
        from_modes=_matrix(shapes / root[:, None]),
        resting=_matrix(np.linalg.inv(matrix)),
        slope_w_per_k=slope,
        offset_w=strength * radiator_k**4 - slope * radiator_k,
    )


def _row(values: np.ndarray) -> Row:
    first, second, third = values.tolist()
    return first, second, third


def _matrix(values: np.ndarray) -> Matrix:
    return _row(values[0]), _row(values[1]), _row(values[2])


def _times(m: Matrix, v: Row) -> Row:
    x, y, z = v
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def _product(values: Row, factors: list[float]) -> Row:
    return values[0] * factors[0], values[1] * factors[1], values[2] * factors[2]
