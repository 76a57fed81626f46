"""Two-band thermal scenes with wildfires, from Planck radiances: what a hot-spot camera would
see.

Land, bare soil and water with their emissivities, reflected sunlight, sun glint, clouds, hot
roofs, fires far smaller than a pixel, the point spread, detector noise and saturation. The
numbers are typical values, not a retrieval: scores on these scenes compare detectors with each
other and say little about the field, where the best detector in orbit reaches F1 0.69 to 0.74
(arXiv 2605.06273).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hil.environment import planck
from hil.environment.smooth_noise import smooth_noise

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Range = tuple[float, float]

MWIR_UM = 3.9
LWIR_UM = 11.0
SIZE = 64
PIXEL_M = 375.0  # VIIRS imagery bands
SATURATION_K = (367.0, 380.0)  # VIIRS I4 and I5
VISIBLE_FIRE_M2 = 50.0  # least fire area in a pixel's view that counts as fire
TRACE_FIRE_M2 = 5.0  # least area that makes a pixel neither fire nor clear
MAX_FIRE_TEMP_K = 1150.0
_OPAQUE = 0.5  # cloud cover from which a fire below does not count
_REFERENCE_K = 300.0  # temperature at which the noise is specified


@dataclass(frozen=True, slots=True)
class Ranges:
    """What scenes are drawn from; pairs are lower and upper bounds, probabilities are plain."""

    day: float = 0.6
    sun_zenith_deg: Range = (10.0, 75.0)
    land_day_k: Range = (288.0, 312.0)
    land_night_k: Range = (272.0, 293.0)
    soil_warmer_k: Range = (3.0, 12.0)
    water_k: Range = (281.0, 298.0)
    land_emissivity: Range = (0.95, 0.98)  # 3.9 um, vegetation
    soil_emissivity: Range = (0.82, 0.93)  # 3.9 um, bare soil and sand
    texture_k: Range = (0.4, 1.8)
    water: float = 0.5
    glint: float = 0.3  # of day scenes with water
    glint_reflectance: Range = (0.05, 0.4)
    cloud: float = 0.55
    cloud_k: Range = (225.0, 280.0)
    cloud_reflectance: Range = (0.03, 0.25)  # 3.9 um
    roofs: Range = (0.0, 8.0)
    roof_warmer_k: Range = (5.0, 25.0)
    fires: Range = (0.0, 7.0)
    fire_m2: Range = (50.0, 20_000.0)
    fire_k: Range = (600.0, MAX_FIRE_TEMP_K)
    psf_sigma_px: Range = (0.28, 0.38)
    nedt_k: tuple[float, float] = (0.4, 0.2)
    field_slope: float = 1.6  # steepness of the landscape's spectrum


TRAINING = Ranges()
# A second world, parameterised apart from the first: hotter deserts, rougher ground, dimmer fires,
# noisier detectors. A detector that only learnt the first world shows it here.
SECOND = replace(
    TRAINING,
    day=0.5,
    sun_zenith_deg=(25.0, 80.0),
    land_day_k=(283.0, 318.0),
    land_night_k=(265.0, 297.0),
    soil_warmer_k=(0.0, 16.0),
    soil_emissivity=(0.78, 0.95),
    texture_k=(0.8, 2.5),
    glint=0.5,
    glint_reflectance=(0.02, 0.6),
    cloud_reflectance=(0.02, 0.35),
    roofs=(0.0, 16.0),
    fires=(0.0, 5.0),
    fire_k=(550.0, 1000.0),
    psf_sigma_px=(0.25, 0.5),
    nedt_k=(0.7, 0.4),
    field_slope=1.2,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene and its truth; maps are (SIZE, SIZE), temperatures in K, areas in m2."""

    bands: npt.NDArray[np.float32]  # (2, SIZE, SIZE): brightness temperature at 3.9 and 11 um
    fire: Mask
    unclear: Mask  # a trace of fire, or fire under cloud: not scored either way
    fire_area_m2: Floats
    water: Mask
    soil: Mask
    cloud: Floats
    glint_angle_deg: Floats  # angle to the mirror direction of the Sun; 180 where there is none
    is_day: bool


@dataclass(frozen=True, slots=True)
class _Surface:
    temp_k: Floats
    emissivity: Floats
    water: Mask
    soil: Mask
    glint: Floats
    glint_angle_deg: Floats


def make_scene(seed: int, ranges: Ranges = TRAINING) -> Scene:
    """Draw one scene; the same seed and ranges give the same scene bit for bit."""
    rng = np.random.default_rng(seed)
    is_day = bool(rng.random() < ranges.day)
    cos_sun = float(np.cos(np.radians(rng.uniform(*ranges.sun_zenith_deg)))) if is_day else 0.0
    surface = _surface(rng, ranges, is_day=is_day)
    area = _fire_areas(rng, ranges, ~surface.water)
    fire_temp = rng.uniform(*ranges.fire_k, size=area.shape)
    cover, cloud_temp, cloud_reflectance = _clouds(rng, ranges)
    sigma = rng.uniform(*ranges.psf_sigma_px)
    bands = []
    for i, wavelength in enumerate((MWIR_UM, LWIR_UM)):
        ground = _ground_radiance(wavelength, surface, cos_sun)
        share = np.minimum(area / PIXEL_M**2, 1.0)
        ground = (1 - share) * ground + share * planck.radiance(wavelength, fire_temp)
        above = planck.radiance(wavelength, cloud_temp)
        if wavelength == MWIR_UM:
            above = above * (1 - cloud_reflectance)
            above = above + planck.reflected_solar(wavelength, cloud_reflectance, cos_sun)
        seen = _blur((1 - cover) * ground + cover * above, sigma)
        noise = planck.noise_radiance(wavelength, _REFERENCE_K, ranges.nedt_k[i])
        seen = np.maximum(seen + rng.normal(0, noise, seen.shape), noise)
        bands.append(np.minimum(planck.brightness_temp_k(wavelength, seen), SATURATION_K[i]))
    visible = _blur(area, sigma)
    fire = (visible >= VISIBLE_FIRE_M2) & (cover < _OPAQUE)
    return Scene(
        bands=np.stack(bands).astype(np.float32),
        fire=fire,
        unclear=(visible >= TRACE_FIRE_M2) & ~fire,
        fire_area_m2=visible,
        water=surface.water,
        soil=surface.soil,
        cloud=cover,
        glint_angle_deg=surface.glint_angle_deg,
        is_day=is_day,
    )


def _surface(rng: np.random.Generator, ranges: Ranges, *, is_day: bool) -> _Surface:
    slope = ranges.field_slope
    shore = rng.uniform(-1.5, 1.0) if rng.random() < ranges.water else np.inf
    water = _field(rng, slope + 0.6) > shore
    soil = (_field(rng, slope) > rng.uniform(-0.5, 2.0)) & ~water
    base = rng.uniform(*(ranges.land_day_k if is_day else ranges.land_night_k))
    temp = base + rng.uniform(*ranges.texture_k) * _field(rng, slope)
    if is_day:
        temp = temp + soil * rng.uniform(*ranges.soil_warmer_k)
    temp = np.where(water, rng.uniform(*ranges.water_k), temp)
    for _ in range(int(rng.uniform(*ranges.roofs))):
        y, x = rng.integers(0, SIZE, 2)
        temp[y, x] += 0.0 if water[y, x] else rng.uniform(*ranges.roof_warmer_k)
    grain = 0.008 * _field(rng, slope)
    emissivity = np.where(
        soil, rng.uniform(*ranges.soil_emissivity), rng.uniform(*ranges.land_emissivity)
    )
    emissivity = np.where(water, 0.976, np.clip(emissivity + grain, 0.7, 0.99))
    glint, angle = _glint(rng, ranges, water, is_day=is_day)
    return _Surface(temp, emissivity, water, soil, glint, angle)


def _glint(
    rng: np.random.Generator, ranges: Ranges, water: Mask, *, is_day: bool
) -> tuple[Floats, Floats]:
    if not is_day or not water.any() or rng.random() >= ranges.glint:
        return np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 180.0)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    centre = rng.uniform(0, SIZE, 2)
    distance_px = np.hypot(y - centre[0], x - centre[1])
    angle = distance_px * (12.0 / rng.uniform(20, 60))  # waves spread the mirror image over ~12 deg
    speckle = np.exp(0.3 * _field(rng, 0.3))
    strength = rng.uniform(*ranges.glint_reflectance) * np.exp(-((angle / 6.0) ** 2)) * speckle
    return np.where(water, strength, 0.0), angle


def _ground_radiance(wavelength_um: float, surface: _Surface, cos_sun: float) -> Floats:
    if wavelength_um == LWIR_UM:
        emissivity = np.where(surface.soil, 0.96, 0.985)
        return emissivity * planck.radiance(wavelength_um, surface.temp_k)
    reflectance = 1 - surface.emissivity + surface.glint
    emitted = surface.emissivity * planck.radiance(wavelength_um, surface.temp_k)
    return emitted + planck.reflected_solar(wavelength_um, reflectance, cos_sun)


def _fire_areas(rng: np.random.Generator, ranges: Ranges, land: Mask) -> Floats:
    area = np.zeros((SIZE, SIZE))
    places = np.argwhere(land)
    if not len(places):
        return area
    log_range = np.log(ranges.fire_m2)
    for _ in range(int(rng.uniform(*ranges.fires))):
        y, x = places[rng.integers(len(places))]
        for _ in range(rng.integers(1, 6)):  # a front of neighbouring pixels
            if land[y, x]:
                area[y, x] = max(area[y, x], float(np.exp(rng.uniform(*log_range))))
            y, x = np.clip((y + rng.integers(-1, 2), x + rng.integers(-1, 2)), 0, SIZE - 1)
    return area


def _clouds(rng: np.random.Generator, ranges: Ranges) -> tuple[Floats, Floats, float]:
    temp = rng.uniform(*ranges.cloud_k) + 4.0 * _field(rng, 1.5)
    reflectance = rng.uniform(*ranges.cloud_reflectance)
    if rng.random() >= ranges.cloud:
        return np.zeros((SIZE, SIZE)), temp, reflectance
    edge = rng.uniform(-0.5, 1.5)
    cover = np.clip((_field(rng, ranges.field_slope) - edge) / rng.uniform(0.15, 0.6), 0.0, 1.0)
    return cover, temp, reflectance


def _field(rng: np.random.Generator, slope: float) -> Floats:
    """Smooth noise over a scene."""
    return smooth_noise(rng, slope, SIZE)


def _blur(values: Floats, sigma_px: float) -> Floats:
    """Point spread: a Gaussian integrated over three pixels each way, edges repeated."""
    side = float(np.exp(-0.5 / sigma_px**2))
    weights = np.array([side, 1.0, side]) / (1 + 2 * side)
    for axis in (0, 1):
        padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        low, high = np.take(padded, range(SIZE), axis), np.take(padded, range(2, SIZE + 2), axis)
        values = weights[0] * low + weights[1] * values + weights[2] * high
    return values
