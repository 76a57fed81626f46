"""Build the proton flux grid that ships with the emulator: `python -m hil.environment.build_flux`.

AP8 at solar minimum and maximum from the `aep8` package (IRBEM), which evaluates each model in the
magnetic field it was made with. `radbelt` feeds it today's field instead, which makes low orbits up to
thirteen times too hot. Needed once: the result is committed, and a test compares it with the model.
"""

import argparse
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from flight_sw.errors import UserError
from hil.environment.flux import ALTITUDES_KM, ENERGIES_MEV, GRID_FILE, LATITUDES, LONGITUDES
from hil.environment.geodetic import Floats

MODEL_DATE = "1970-01-01"  # of no effect: the models bring their own field
LARGEST_L = 1e3  # what no field line closes


def main() -> int:
    """Write the grid; 0 when done."""
    parser = argparse.ArgumentParser(description="build the proton flux grid from aep8")
    parser.add_argument("--out", type=Path, default=GRID_FILE, help="file to write (.npz)")
    out: Path = parser.parse_args().out
    arrays: dict[str, npt.NDArray[np.float16]] = {}
    phases: tuple[Literal["min", "max"], ...] = ("min", "max")
    for phase in phases:
        flux, shells = model_flux(
            phase, *np.meshgrid(LATITUDES, LONGITUDES, ALTITUDES_KM, indexing="ij")
        )
        arrays[phase] = np.log10(1 + flux).astype(np.float16)
        if phase == "min":
            arrays["shell"] = shells.astype(np.float16)
    np.savez_compressed(out, allow_pickle=False, **arrays)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")
    return 0


def model_flux(
    phase: Literal["min", "max"], latitude: Floats, longitude: Floats, altitude_km: Floats
) -> tuple[Floats, Floats]:
    """Integral proton flux above `ENERGIES_MEV` (first axis) in p/cm2/s, and McIlwain's L.

    Raises:
        UserError: aep8 is not installed.
    """
    try:
        import aep8
        from astropy import units as u
        from astropy.coordinates import EarthLocation
        from astropy.time import Time
        from astropy.utils import iers
    except ImportError as error:
        raise UserError(f"{error.name} is missing; install it with: pip install aep8") from error
    iers.conf.auto_download = False
    place = EarthLocation.from_geodetic(longitude * u.deg, latitude * u.deg, altitude_km * u.km)
    model = aep8.model("p", phase)
    shell, strength = model.geomagnetic_coordinates(place, Time(MODEL_DATE))
    flux = [
        np.asarray(
            model.integral_flux_for_geomagnetic_coordinates(shell, strength, energy * u.MeV).value
        )
        for energy in ENERGIES_MEV
    ]
    known = np.isfinite(shell) & (np.asarray(shell) > 0) & (np.asarray(shell) < LARGEST_L)
    return (
        np.stack([np.where(np.isfinite(f), np.maximum(f, 0), 0.0) for f in flux]),
        np.where(known, shell, LARGEST_L),
    )


if __name__ == "__main__":
    raise SystemExit(main())
