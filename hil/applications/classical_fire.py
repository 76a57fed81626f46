"""The classical contextual fire test, after MOD14: baseline, degraded mode and cross-check of
`hotspot`.

Giglio, Descloitres, Justice, Kaufman: An enhanced contextual fire detection algorithm for MODIS,
Remote Sensing of Environment 87 (2003). Only the 3.9 and 11 um bands exist here, so the parts
that need reflectances are left out: the bright-surface screen of candidates, the reflective
cloud test and the reflective glint test (replaced by the glint angle alone).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

CLOUD_K = 265.0
MAX_WINDOW = 21
MIN_VALID_SHARE = 0.25
MIN_VALID = 8
_HOT_K = {True: 360.0, False: 320.0}  # absolute test, by day
_BACKGROUND_FIRE = {True: (325.0, 20.0), False: (310.0, 10.0)}
_GLINT_DEG = 2.0
_GLINT_NEAR_WATER_DEG = 12.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Which pixels are looked at, and by how much they must stand out; all in K."""

    candidate_day_k: float = 310.0
    candidate_night_k: float = 305.0
    candidate_difference_k: float = 10.0
    contrast_k: float = 6.0


MOD14 = Thresholds()  # as published, for pixels of 1 km
# Best F1 on the validation scenes of `hotspot`, found by hil.training.tune_classical. The two
# contrasts differ by day and night, so there are two sets; see `tuned`.
_TUNED_DAY = Thresholds(candidate_day_k=315.0, candidate_difference_k=13.0, contrast_k=4.0)
_TUNED_NIGHT = Thresholds(candidate_night_k=290.0, candidate_difference_k=4.0, contrast_k=6.0)


@dataclass(frozen=True, slots=True)
class Ancillary:
    """What the test takes from ephemeris and maps; the network gets none of it."""

    is_day: bool
    water: Mask
    glint_angle_deg: Floats


@dataclass(frozen=True, slots=True)
class _Background:
    """Means and mean absolute deviations of the valid pixels around a candidate."""

    mwir_k: float
    mwir_mad_k: float
    lwir_k: float
    lwir_mad_k: float
    difference_k: float
    difference_mad_k: float
    fires: int
    valid: int
    fires_mwir_k: float
    fires_mad_k: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out about a scene, before the thresholds that can be tuned decide."""

    hot: Mask  # fire by the absolute test
    contrast_k: Floats  # band difference above that of the surroundings; -inf where not a candidate
    rejected: Mask  # glint


def detect_fires(bands: Floats, ancillary: Ancillary, thresholds: Thresholds = MOD14) -> Mask:
    """Fire mask of a scene of brightness temperatures (2, height, width) in K at 3.9 and 11 um."""
    return decide(examine(bands, ancillary, thresholds), thresholds.contrast_k)


def tuned(ancillary: Ancillary) -> Thresholds:
    """The thresholds that serve 375 m pixels best, on the scenes that `hotspot` is measured on."""
    return _TUNED_DAY if ancillary.is_day else _TUNED_NIGHT


def decide(evidence: Evidence, contrast_k: float) -> Mask:
    """Fire mask for a required contrast."""
    return (evidence.hot | (evidence.contrast_k > contrast_k)) & ~evidence.rejected


def examine(bands: Floats, ancillary: Ancillary, thresholds: Thresholds) -> Evidence:
    """Run every test but the last contrast on each candidate of `thresholds`."""
    mwir, lwir = np.asarray(bands[0], float), np.asarray(bands[1], float)
    difference = mwir - lwir
    clear = (lwir >= CLOUD_K) & ~ancillary.water
    hot = clear & (mwir > _HOT_K[ancillary.is_day])
    least = thresholds.candidate_day_k if ancillary.is_day else thresholds.candidate_night_k
    candidates = clear & (mwir > least) & (difference > thresholds.candidate_difference_k)
    least_k, least_difference_k = _BACKGROUND_FIRE[ancillary.is_day]
    background_fire = clear & (mwir > least_k) & (difference > least_difference_k)
    contrast = np.full(mwir.shape, -np.inf)
    for y, x in np.argwhere(candidates & ~hot):
        around = _background(y, x, np.stack([mwir, lwir]), clear, background_fire)
        if around is None:
            continue
        pixel = (float(mwir[y, x]), float(lwir[y, x]))
        is_desert = ancillary.is_day and _is_desert(pixel, around)
        if _stands_out(pixel, around, is_day=ancillary.is_day) and not is_desert:
            contrast[y, x] = difference[y, x] - around.difference_k
    rejected = _glints(ancillary) if ancillary.is_day else np.zeros(mwir.shape, bool)
    return Evidence(hot, contrast, rejected)


def _background(
    y: int, x: int, bands: Floats, clear: Mask, background_fire: Mask
) -> _Background | None:
    for half in range(1, MAX_WINDOW // 2 + 1):
        rows = slice(max(y - half, 0), y + half + 1)
        columns = slice(max(x - half, 0), x + half + 1)
        valid = clear[rows, columns] & ~background_fire[rows, columns]
        valid[y - rows.start, x - columns.start] = False
        count = int(valid.sum())
        if count >= MIN_VALID and count >= MIN_VALID_SHARE * valid.size:
            fires = background_fire[rows, columns]
            return _statistics(bands[:, rows, columns], valid, fires)
    return None


def _statistics(bands: Floats, valid: Mask, fires: Mask) -> _Background:
    mwir, mwir_mad = _spread(bands[0][valid])
    lwir, lwir_mad = _spread(bands[1][valid])
    difference, difference_mad = _spread((bands[0] - bands[1])[valid])
    fires_k, fires_mad = _spread(bands[0][fires])
    return _Background(
        mwir_k=mwir,
        mwir_mad_k=mwir_mad,
        lwir_k=lwir,
        lwir_mad_k=lwir_mad,
        difference_k=difference,
        difference_mad_k=difference_mad,
        fires=int(fires.sum()),
        valid=int(valid.sum()),
        fires_mwir_k=fires_k,
        fires_mad_k=fires_mad,
    )


def _spread(values: Floats) -> tuple[float, float]:
    if not len(values):
        return 0.0, 0.0
    mean = float(values.mean())
    return mean, float(np.abs(values - mean).mean())


def _stands_out(pixel: tuple[float, float], around: _Background, *, is_day: bool) -> bool:
    mwir, lwir = pixel
    is_hotter = (
        mwir - lwir > around.difference_k + 3.5 * around.difference_mad_k
        and mwir > around.mwir_k + 3.0 * around.mwir_mad_k
    )
    is_warm_too = lwir > around.lwir_k + around.lwir_mad_k - 4.0
    return is_hotter and (not is_day or is_warm_too or around.fires_mad_k > 5.0)


def _is_desert(pixel: tuple[float, float], around: _Background) -> bool:
    """A hot, reflective surface rather than fires: many alike 'fires', none of them very hot."""
    mwir, _ = pixel
    return (
        around.fires > 0.1 * around.valid
        and around.fires >= 4
        and mwir < 345.0
        and around.fires_mwir_k < 345.0
        and around.fires_mad_k < 3.0
        and mwir < around.fires_mwir_k + 6.0 * around.fires_mad_k
    )


def _glints(ancillary: Ancillary) -> Mask:
    padded = np.pad(ancillary.water, 1)
    height, width = ancillary.water.shape
    near_water = np.zeros_like(ancillary.water)
    for dy in range(3):
        for dx in range(3):
            near_water |= padded[dy : dy + height, dx : dx + width]
    angle = ancillary.glint_angle_deg
    return (angle < _GLINT_DEG) | (near_water & (angle < _GLINT_NEAR_WATER_DEG))
