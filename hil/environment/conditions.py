"""What acts on a spacecraft along its orbit, computed once for a whole flight on a grid of times."""

from dataclasses import dataclass

import numpy as np

from hil.environment.flux import FluxGrid, SolarPhase, load_grid
from hil.environment.geodetic import Floats, geodetic
from hil.environment.orbit import Orbit
from hil.environment.sun_shadow import lit_share, sun_position_km, sun_zenith_cosine

GRID_S = 10.0
CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """Arrays of one value each `GRID_S` seconds from `start_s` (seconds since 1970 UTC).

    `protons` is the flux above 30 MeV in p/cm2/s, `shell` McIlwain's L.
    """

    start_s: float
    period_s: float
    lit: Floats
    sun_zenith_cosine: Floats
    latitude: Floats
    longitude: Floats
    altitude_km: Floats
    protons: Floats
    shell: Floats
    solar: SolarPhase = SolarPhase.MIN

    @property
    def duration_s(self) -> float:
        """How long they reach."""
        return (len(self.lit) - 1) * GRID_S

    def index(self, elapsed_s: float) -> int:
        """The grid point at or before a time since the start."""
        return min(max(int(elapsed_s / GRID_S), 0), len(self.lit) - 1)


def conditions_along(
    orbit: Orbit, duration_s: float, solar: SolarPhase = SolarPhase.MIN
) -> Conditions:
    """Follow an orbit from its epoch for `duration_s`."""
    grid = load_grid(solar)
    times = orbit.epoch_s + np.arange(0.0, duration_s + 2 * GRID_S, GRID_S)
    pieces = [_piece(orbit, grid, times[i : i + CHUNK]) for i in range(0, times.size, CHUNK)]
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return Conditions(orbit.epoch_s, orbit.period_s, *columns, solar)


def _piece(orbit: Orbit, grid: FluxGrid, utc_s: Floats) -> tuple[Floats, ...]:
    position, sun = orbit.position_km(utc_s), sun_position_km(utc_s)
    place = geodetic(position, utc_s)
    return (
        lit_share(position, sun),
        sun_zenith_cosine(position, sun),
        *place,
        grid.flux(*place, utc_s),
        grid.mcilwain_l(*place),
    )
