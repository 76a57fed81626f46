"""Planck radiances and their inverse, and the Sun as a source in the same units.

Spectral radiance is in W/m2/sr/um, wavelength in um, temperature in K; all functions take
scalars or arrays. The reflected-solar term carries the 1/pi of a diffuse reflector: without it
bare soil glows three times too strong and any detector looks better than a threshold test.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

FIRST_CONSTANT = 1.191042972e8  # 2 h c^2, W um^4 / m2 / sr (CODATA 2018)
SECOND_CONSTANT = 1.438776877e4  # h c / k, um K (CODATA 2018)
SUN_TEMP_K = 5772.0  # IAU 2015 resolution B3, effective temperature
SUN_SOLID_ANGLE_SR = 6.794e-5  # pi (solar radius / 1 au)^2


def radiance(wavelength_um: float, temp_k: npt.ArrayLike) -> Floats:
    """Black-body spectral radiance; 0.895 W/m2/sr/um at 3.9 um and 310 K."""
    exponent = SECOND_CONSTANT / (wavelength_um * np.asarray(temp_k, dtype=float))
    return np.asarray(FIRST_CONSTANT / wavelength_um**5 / np.expm1(exponent))


def brightness_temp_k(wavelength_um: float, spectral_radiance: npt.ArrayLike) -> Floats:
    """Temperature of the black body of that radiance; the inverse of `radiance`."""
    ratio = FIRST_CONSTANT / wavelength_um**5 / np.asarray(spectral_radiance, dtype=float)
    return np.asarray(SECOND_CONSTANT / (wavelength_um * np.log1p(ratio)))


def solar_irradiance(wavelength_um: float) -> float:
    """Spectral irradiance at 1 au of a black-body Sun, W/m2/um; about 9.6 at 3.95 um."""
    return float(SUN_SOLID_ANGLE_SR * radiance(wavelength_um, SUN_TEMP_K))


def reflected_solar(wavelength_um: float, reflectance: npt.ArrayLike, cos_sun: float) -> Floats:
    """Radiance that a diffuse surface sends up under a Sun at zenith angle arccos(`cos_sun`)."""
    lit = max(cos_sun, 0.0)
    return np.asarray(reflectance, dtype=float) * solar_irradiance(wavelength_um) * lit / np.pi


def noise_radiance(wavelength_um: float, temp_k: float, nedt_k: float) -> float:
    """Radiance noise of a detector whose noise-equivalent temperature is `nedt_k` at `temp_k`."""
    slope = radiance(wavelength_um, temp_k + 0.5) - radiance(wavelength_um, temp_k - 0.5)
    return float(slope * nedt_k)
