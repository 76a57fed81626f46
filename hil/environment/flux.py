"""Trapped protons along an orbit, from a grid of AP8 that ships with the package.

The models are static and true to about a factor of two; they know no east-west effect. The South
Atlantic Anomaly has moved west since they were made, 0.3 degrees a year (RXTE at 540 km, arXiv
0902.2873), so they are asked for a place that much farther east.
"""

from dataclasses import dataclass
from enum import Enum, unique
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hil.environment.geodetic import Floats

GRID_FILE = Path(__file__).with_name("flux_grid.npz")
LATITUDES = np.arange(-90.0, 91.0, 2.0)
LONGITUDES = np.arange(-180.0, 180.0, 4.0)
ALTITUDES_KM = np.array(
    [250, 300, 350, 400, 450, 500, 550, 600, 700, 800, 900, 1000, 1200, 1400, 1700, 2000], float
)
ENERGIES_MEV = (10.0, 30.0, 100.0)
DRIFT_DEG_PER_YEAR = 0.3
YEAR_S = 365.25 * 86_400
Cells = npt.NDArray[np.complex64]
BLOCK = 16_384  # positions at once: what the processor's cache holds


@unique
class SolarPhase(Enum):
    """Which of the two models, with the year of its magnetic field."""

    MIN = ("min", 1960.0)
    MAX = ("max", 1970.0)


@dataclass(frozen=True, slots=True)
class FluxGrid:
    """One solar phase: `tables[energy]` and `shell` are flat, latitude x longitude x altitude."""

    tables: dict[float, Cells]
    shell: Cells
    field_year: float

    def flux(
        self,
        latitude: npt.ArrayLike,
        longitude: npt.ArrayLike,
        altitude_km: npt.ArrayLike,
        utc_s: npt.ArrayLike,
        energy_mev: float = 30.0,
    ) -> Floats:
        """Omnidirectional flux above one of `ENERGIES_MEV`, unshielded, p/cm2/s."""
        shift = DRIFT_DEG_PER_YEAR * (_year(utc_s) - self.field_year)
        place = (latitude, np.asarray(longitude) + shift, altitude_km)
        return np.asarray(np.expm1(self._look_up(self.tables[energy_mev], *place)), np.float64)

    def mcilwain_l(
        self, latitude: npt.ArrayLike, longitude: npt.ArrayLike, altitude_km: npt.ArrayLike
    ) -> Floats:
        """Magnetic shell in Earth radii; large over the poles."""
        return self._look_up(self.shell, latitude, longitude, altitude_km).astype(np.float64)

    def _look_up(
        self,
        table: Cells,
        latitude: npt.ArrayLike,
        longitude: npt.ArrayLike,
        altitude_km: npt.ArrayLike,
    ) -> npt.NDArray[np.float32]:
        shape = np.broadcast_shapes(*map(np.shape, (latitude, longitude, altitude_km)))
        flat = [
            np.broadcast_to(np.asarray(a, np.float32), shape).ravel()
            for a in (latitude, longitude, altitude_km)
        ]
        out = np.empty(flat[0].size, np.float32)
        for start in range(0, out.size, BLOCK):
            end = start + BLOCK
            out[start:end] = _trilinear(table, *(a[start:end] for a in flat))
        return out.reshape(shape)


@lru_cache(maxsize=2)
def load_grid(phase: SolarPhase = SolarPhase.MIN) -> FluxGrid:
    """The grid that ships with the package."""
    name, year = phase.value
    with np.load(GRID_FILE, allow_pickle=False) as file:
        logs = file[name].astype(np.float32) * np.float32(np.log(10))
        shell = file["shell"].astype(np.float32)
    tables = {e: _cells(logs[i]) for i, e in enumerate(ENERGIES_MEV)}
    return FluxGrid(tables, _cells(shell), year)


def _year(utc_s: npt.ArrayLike) -> Floats:
    return 1970.0 + np.asarray(utc_s, dtype=float) / YEAR_S


def _cells(cube: npt.NDArray[np.float32]) -> Cells:
    """Lay the cube out flat, the first longitude repeated at the end; each cell holds a value and
    its rise to the layer above, so that one memory access fetches both.
    """
    whole = np.concatenate([cube, cube[:, :1]], axis=1)
    rise = np.diff(whole, axis=2, append=whole[..., -1:])
    return np.ascontiguousarray(whole + 1j * rise, dtype=np.complex64).ravel()


_LEVELS = len(ALTITUDES_KM)
_ROW = (len(LONGITUDES) + 1) * _LEVELS
# Altitudes are uneven: a table by 50 km steps says between which two of them a height lies.
_COARSE_KM = 50.0
_LEVEL_OF = np.searchsorted(ALTITUDES_KM, np.arange(250.0, 2000.0, _COARSE_KM), "right") - 1
_STEP_KM = np.diff(ALTITUDES_KM).astype(np.float32)
_BASE_KM = ALTITUDES_KM.astype(np.float32)


def _trilinear(
    table: Cells,
    latitude: npt.NDArray[np.float32],
    longitude: npt.NDArray[np.float32],
    altitude_km: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Linear in each direction; heights outside the grid take the nearest layer."""
    y = (latitude + np.float32(90)) * np.float32(0.5)
    row = np.minimum(y.astype(np.intp), len(LATITUDES) - 2)
    x = longitude * np.float32(0.25) + np.float32(45)
    x -= np.floor(x * np.float32(1 / 90)) * np.float32(90)
    column = np.minimum(x.astype(np.intp), 89)
    z = np.clip(altitude_km, np.float32(250), np.float32(1999.9))
    coarse = ((z - np.float32(250)) * np.float32(1 / _COARSE_KM)).astype(np.intp)
    level = _LEVEL_OF.take(coarse)
    v, u = y - row, x - column
    w = (z - _BASE_KM.take(level)) / _STEP_KM.take(level)
    at = row * _ROW + column * _LEVELS + level
    cells = [table.take(at + offset) for offset in (0, _ROW)]
    lows = [low + w * rise for low, rise in ((c.real, c.imag) for c in cells)]
    at += _LEVELS
    cells = [table.take(at + offset) for offset in (0, _ROW)]
    highs = [low + w * rise for low, rise in ((c.real, c.imag) for c in cells)]
    south = lows[0] + u * (highs[0] - lows[0])
    north = lows[1] + u * (highs[1] - lows[1])
    return np.asarray(south + v * (north - south))
