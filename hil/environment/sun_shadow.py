"""Where the Sun is and how much of it the Earth covers, without an ephemeris file.

The Sun follows the low-precision formulae of the Astronomical Almanac (0.01 degrees); the shadow is
conical: the visible share of the solar disc as two overlapping discs on the sky. The atmosphere is
left out: refraction moves a crossing by about two seconds.
"""

import numpy as np
import numpy.typing as npt

from hil.environment.geodetic import DAY_S, EARTH_RADIUS_KM, J2000_JD, UNIX_JD, Floats

AU_KM = 149_597_870.7  # IAU 2012
SUN_RADIUS_KM = 695_700.0  # IAU 2015
TT_MINUS_UTC_S = 69.184  # since 2017
SOLAR_CONSTANT_W_M2 = 1361.0  # Kopp and Lean 2011
_TINY = 1e-12


def sun_position_km(utc_s: npt.ArrayLike) -> Floats:
    """Geocentric position of the Sun, mean equator and equinox of date, shape (..., 3)."""
    days = (np.asarray(utc_s, dtype=float) + TT_MINUS_UTC_S) / DAY_S + (UNIX_JD - J2000_JD)
    anomaly = np.radians(np.mod(357.529 + 0.98560028 * days, 360.0))
    mean = np.mod(280.459 + 0.98564736 * days, 360.0)
    longitude = np.radians(mean + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    distance = AU_KM * (1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly))
    tilt = np.radians(23.439 - 0.00000036 * days)
    along = np.sin(longitude)
    unit = np.stack([np.cos(longitude), np.cos(tilt) * along, np.sin(tilt) * along], axis=-1)
    return np.asarray(unit * distance[..., None])


def lit_share(position_km: Floats, sun_km: Floats) -> Floats:
    """Visible share of the solar disc, 1 in sunlight, 0 in umbra; shapes (..., 3) give (...)."""
    to_sun = sun_km - position_km
    sun_distance = _length(to_sun)
    radius = _length(position_km)
    sun_disc = np.arcsin(np.minimum(SUN_RADIUS_KM / sun_distance, 1.0))
    earth_disc = np.arcsin(np.minimum(EARTH_RADIUS_KM / radius, 1.0))
    cosine = -np.sum(position_km * to_sun, axis=-1) / (radius * sun_distance)
    apart = np.arccos(np.clip(cosine, -1.0, 1.0))
    covered = _overlap(sun_disc, earth_disc, apart) / (np.pi * sun_disc**2)
    share: Floats = np.clip(1.0 - covered, 0.0, 1.0)
    return share


def sun_zenith_cosine(position_km: Floats, sun_km: Floats) -> Floats:
    """Cosine of the Sun's angle from the zenith at the point below; negative at night."""
    scale = _length(position_km) * _length(sun_km)
    return np.asarray(np.sum(position_km * sun_km, axis=-1) / scale)


def beta_angle_deg(position_km: Floats, velocity_km_s: Floats, sun_km: Floats) -> Floats:
    """Angle between the Sun and the orbital plane."""
    normal = np.cross(position_km, velocity_km_s)
    sine = np.sum(normal * sun_km, axis=-1) / (_length(normal) * _length(sun_km))
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))))


def _overlap(r: Floats, big: Floats, d: Floats) -> Floats:
    """Area shared by two discs of radius `r` and `big`, centres `d` apart (flat sky)."""
    apart, inside = d >= r + big, d <= np.abs(big - r)
    d = np.where(apart | inside, big, np.maximum(d, _TINY))  # any value where it is not used
    small_cos = np.clip((d**2 + r**2 - big**2) / (2 * d * r), -1.0, 1.0)
    big_cos = np.clip((d**2 + big**2 - r**2) / (2 * d * big), -1.0, 1.0)
    kite = (-d + r + big) * (d + r - big) * (d - r + big) * (d + r + big)
    lens = r**2 * np.arccos(small_cos) + big**2 * np.arccos(big_cos)
    lens = lens - 0.5 * np.sqrt(np.maximum(kite, 0.0))
    whole = np.pi * np.minimum(r, big) ** 2
    return np.asarray(np.where(apart, 0.0, np.where(inside, whole, lens)))


def _length(vectors: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)))
