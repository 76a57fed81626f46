"""Build the land mask that ships with the camera: `python -m hil.environment.build_land`.

One bit per degree from the NOAA GLOBE elevation model (public domain), as packed in `global-land-mask`.
Needed once: the result is committed.
"""

import numpy as np

from flight_sw.errors import UserError
from hil.environment.camera import LAND_FILE

PROBES = (np.arange(8) + 0.5) / 8 - 0.5
SOUTH, NORTH = -89.99, 89.99


def main() -> int:
    """Write the mask; 0 when done."""
    try:
        from global_land_mask import globe
    except ImportError as error:
        raise UserError("install it first with: pip install global-land-mask") from error
    latitude, longitude = np.arange(-89.5, 90.0), np.arange(-179.5, 180.0)
    hits = np.zeros((latitude.size, longitude.size))
    for north in PROBES:
        for east in PROBES:
            rows = np.clip(latitude + north, SOUTH, NORTH)
            hits += globe.is_land(*np.meshgrid(rows, longitude + east, indexing="ij"))
    land = hits > 0.5 * PROBES.size**2
    np.savez_compressed(LAND_FILE, allow_pickle=False, land=np.packbits(land))
    print(f"{LAND_FILE}: {100 * land.mean():.1f} % of the cells are land")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
