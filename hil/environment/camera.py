"""What a two-band camera sees along the ground track: sea or land, day or night, clouds, fires, and the
particles that hit its detector.

Scenes are those of `scene`; the orbit decides what they are drawn from. Trapped protons that pass
through the detector while it integrates leave bright pixels, as they do in VIIRS' middle infrared band
over the South Atlantic (which needs a filter for them at night).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hil.environment.conditions import Conditions
from hil.environment.scene import SATURATION_K, SIZE, TRAINING, Scene, make_scene
from hil.kernel import stream

LAND_FILE = Path(__file__).with_name("land.npz")
FIRE_LATITUDE = (-55.0, 70.0)  # beyond, nothing burns
DAY_COSINE = 0.17  # Sun ten degrees above the horizon; lower, scenes count as night
PIXEL_CM2 = 9e-6  # 30 um, assumed
EXPOSURE_S = 0.004  # assumed
SHIELDING = 0.5  # share of the protons above 30 MeV that reaches the detector, assumed
HIT_KELVIN = (5.0, 60.0)  # how much warmer a hit pixel looks, assumed


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: the scene and its truth, where it was taken, and pixels hit by particles."""

    scene: Scene
    latitude: float
    longitude: float
    over_land: bool
    is_day: bool
    struck: int


@lru_cache(maxsize=1)
def land_mask() -> npt.NDArray[np.bool_]:
    """Land by degree, rows from the south pole, columns from 180 degrees west."""
    with np.load(LAND_FILE, allow_pickle=False) as file:
        return np.unpackbits(file["land"]).astype(bool).reshape(180, 360)


def is_land(latitude: float, longitude: float) -> bool:
    """Whether most of the degree at this place is land."""
    row = min(max(int(np.floor(latitude)) + 90, 0), 179)
    return bool(land_mask()[row, (int(np.floor(longitude)) + 180) % 360])


def take_picture(conditions: Conditions, at_s: float, seed: int) -> Frame:
    """The picture below the spacecraft at a time since the conditions' start."""
    index = conditions.index(at_s)
    latitude = float(conditions.latitude[index])
    longitude = float(conditions.longitude[index])
    cosine = float(conditions.sun_zenith_cosine[index])
    over_land, is_day = is_land(latitude, longitude), cosine > DAY_COSINE
    burns = over_land and FIRE_LATITUDE[0] < latitude < FIRE_LATITUDE[1]
    zenith = float(np.degrees(np.arccos(min(max(cosine, -1.0), 1.0))))
    ranges = replace(
        TRAINING,
        day=1.0 if is_day else 0.0,
        sun_zenith_deg=(zenith, zenith),
        water=0.3 if over_land else 1.0,
        fires=TRAINING.fires if burns else (0.0, 0.0),
    )
    chance = stream(seed, f"camera:{at_s:.3f}")
    scene = make_scene(int(chance.integers(0, 2**31)), ranges)
    struck = int(chance.poisson(hits_per_frame(float(conditions.protons[index]))))
    if struck:
        scene = replace(scene, bands=_strike(scene.bands, struck, chance))
    return Frame(scene, latitude, longitude, over_land, is_day, struck)


def hits_per_frame(protons_cm2_s: float) -> float:
    """Pixels of one frame that particles are expected to hit."""
    return protons_cm2_s * SHIELDING * PIXEL_CM2 * SIZE * SIZE * EXPOSURE_S


def _strike(
    bands: npt.NDArray[np.float32], count: int, chance: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Each hit warms one pixel of one band, up to saturation."""
    struck = bands.copy()
    for _ in range(count):
        band, y, x = chance.integers(0, 2), *chance.integers(0, SIZE, 2)
        warmer = struck[band, y, x] + chance.uniform(*HIT_KELVIN)
        struck[band, y, x] = min(warmer, SATURATION_K[int(band)])
    return struck
