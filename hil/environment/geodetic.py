"""From inertial positions to latitude, longitude and height over the WGS84 ellipsoid.

Times are seconds since 1970-01-01 UTC, positions kilometres, arrays of any length. UT1 is taken as
UTC, which is wrong by less than 0.9 s or 0.004 degrees of longitude.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EARTH_RADIUS_KM = 6378.137  # WGS84
FLATTENING = 1 / 298.257223563  # WGS84
UNIX_JD = 2440587.5  # Julian date of 1970-01-01
J2000_JD = 2451545.0
DAY_S = 86_400.0
JULIAN_CENTURY_DAYS = 36_525.0


def sidereal_angle_rad(utc_s: npt.ArrayLike) -> Floats:
    """Greenwich mean sidereal angle (Vallado, algorithm 15; IAU 1982)."""
    days = np.asarray(utc_s, dtype=float) / DAY_S + (UNIX_JD - J2000_JD)
    t = days / JULIAN_CENTURY_DAYS
    seconds = 67310.54841 + (876600.0 * 3600 + 8640184.812866) * t + 0.093104 * t**2
    angle: Floats = np.mod(seconds, DAY_S) * (2 * np.pi / DAY_S)
    return angle


def geodetic(position_km: Floats, utc_s: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Latitude and longitude in degrees and height in km of positions of shape (..., 3).

    Bowring's closed form, good to a micrometre below 2000 km.
    """
    x, y, z = position_km[..., 0], position_km[..., 1], position_km[..., 2]
    angle = np.arctan2(y, x) - sidereal_angle_rad(utc_s)
    longitude = np.mod(angle + np.pi, 2 * np.pi) - np.pi
    a, b = EARTH_RADIUS_KM, EARTH_RADIUS_KM * (1 - FLATTENING)
    e2 = FLATTENING * (2 - FLATTENING)
    flat = np.hypot(x, y)
    reduced = np.arctan2(z * a, flat * b)
    latitude = np.arctan2(
        z + e2 / (1 - e2) * b * np.sin(reduced) ** 3, flat - e2 * a * np.cos(reduced) ** 3
    )
    sine = np.sin(latitude)
    # This form of the height holds at the poles too.
    height = flat * np.cos(latitude) + z * sine - a * np.sqrt(1 - e2 * sine**2)
    return np.degrees(latitude), np.degrees(longitude), height
