"""RGB scenes with clouds over sea, forest, desert, snow and at the limb: what a plain camera sees.

Colours are reflectances as a camera shows them, 0 to 1, gamma applied: a surface lit by the Sun, clouds
of changing thickness above it with their shadows, blue air light that thickens towards the limb, black
space beyond, vignetting, noise and saturation. The numbers are typical values set by eye against frames
from orbit, not a radiative transfer: scores compare detectors on these scenes with each other.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hil.environment.smooth_noise import smooth_noise

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Range = tuple[float, float]

SIZE = 64
CLOUDY = 0.5  # cover from which a pixel is cloud
CLEAR = 0.15  # cover up to which it is none; between the two it is not scored
# Typical linear reflectances (red, green, blue); snow and bright sand are what fools a threshold.
SURFACES = {
    "sea": (0.015, 0.035, 0.06),
    "forest": (0.04, 0.07, 0.03),
    "soil": (0.22, 0.16, 0.10),
    "sand": (0.48, 0.38, 0.25),
    "snow": (0.80, 0.82, 0.84),
}
AIR_LIGHT = np.array([0.35, 0.62, 1.0])  # colour of scattered sunlight seen against the dark
CLOUD_WHITE = np.array([0.96, 0.98, 1.0])
_SHADOW_PX = 4


@dataclass(frozen=True, slots=True)
class Ranges:
    """What scenes are drawn from; pairs are lower and upper bounds, probabilities are plain."""

    surfaces: tuple[float, ...] = (0.4, 0.25, 0.2, 0.1, 0.05)  # chance of each, as in SURFACES
    mixed: float = 0.5  # of two surfaces in one scene
    surface_slope: Range = (0.9, 1.9)
    texture: Range = (0.05, 0.45)
    clouds: float = 0.8
    cloud_slope: Range = (0.8, 2.2)
    cloud_edge: Range = (-1.2, 1.6)  # how much of the sky is clear
    cloud_softness: Range = (0.1, 1.2)
    cloud_bright: Range = (0.35, 1.0)
    relief: Range = (0.03, 0.25)  # brighter and darker parts within a cloud
    shadow: Range = (0.0, 0.5)
    haze: Range = (0.0, 0.4)
    limb: float = 0.25  # of a frame with the Earth's edge in it
    exposure: Range = (0.7, 2.2)
    gamma: Range = (1.5, 2.6)
    noise: Range = (0.002, 0.03)
    tint: float = 0.08  # spread of the camera's white balance


TRAINING = Ranges()
# A second world, parameterised apart from the first: more desert and snow, ragged clouds, thicker air,
# another camera. A detector that only learnt the first world shows it here.
SECOND = replace(
    TRAINING,
    surfaces=(0.3, 0.15, 0.2, 0.2, 0.15),
    surface_slope=(0.7, 1.4),
    texture=(0.1, 0.5),
    clouds=0.7,
    cloud_slope=(0.7, 1.5),
    cloud_edge=(-0.8, 2.0),
    cloud_softness=(0.05, 0.7),
    cloud_bright=(0.3, 0.9),
    shadow=(0.2, 0.7),
    haze=(0.05, 0.4),
    limb=0.1,
    exposure=(0.5, 1.9),
    gamma=(1.4, 2.8),
    noise=(0.005, 0.035),
    tint=0.10,
)


@dataclass(frozen=True, slots=True)
class RgbScene:
    """One scene and its truth."""

    image: npt.NDArray[np.float32]  # (3, SIZE, SIZE): red, green, blue, 0 to 1
    cloud: Mask
    unclear: Mask  # thin cloud, or the last air at the limb: not scored either way
    cover: Floats


def make_rgb_scene(seed: int, ranges: Ranges = TRAINING) -> RgbScene:
    """Draw one scene; the same seed and ranges give the same scene bit for bit."""
    rng = np.random.default_rng(seed)
    ground = _ground(rng, ranges)
    cover, cloud = _clouds(rng, ranges)
    shaded = ground * (1 - rng.uniform(*ranges.shadow) * _moved(rng, cover))[..., None]
    light = (1 - cover)[..., None] * shaded + cover[..., None] * cloud
    height = _limb(rng, ranges)
    light, cover, space = _air(rng, ranges, light, cover, height)
    image = _camera(rng, ranges, light)
    is_cloud = (cover >= CLOUDY) & ~space
    return RgbScene(
        image=np.moveaxis(image, -1, 0).astype(np.float32),
        cloud=is_cloud,
        unclear=((cover > CLEAR) & ~is_cloud),
        cover=cover,
    )


def _ground(rng: np.random.Generator, ranges: Ranges) -> Floats:
    names = list(SURFACES)
    chance = np.array(ranges.surfaces) / sum(ranges.surfaces)
    slope = rng.uniform(*ranges.surface_slope)
    first, second = (np.array(SURFACES[names[i]]) for i in rng.choice(len(names), 2, p=chance))
    shore = rng.uniform(-1.5, 1.5) if rng.random() < ranges.mixed else np.inf
    share = np.clip((smooth_noise(rng, slope + 0.4, SIZE) - shore) / 0.15, 0, 1)[..., None]
    colour = (1 - share) * first + share * second
    colour = colour * rng.uniform(0.7, 1.4)
    grain = 1 + rng.uniform(*ranges.texture) * smooth_noise(rng, slope, SIZE)
    return colour * np.clip(grain, 0.2, 2.5)[..., None]


def _clouds(rng: np.random.Generator, ranges: Ranges) -> tuple[Floats, Floats]:
    """Cover from 0 to 1, and the colour of the cloud where there is some."""
    shape = (SIZE, SIZE)
    if rng.random() >= ranges.clouds:
        return np.zeros(shape), np.zeros((*shape, 3))
    slope = rng.uniform(*ranges.cloud_slope)
    edge, softness = rng.uniform(*ranges.cloud_edge), rng.uniform(*ranges.cloud_softness)
    thickness = (smooth_noise(rng, slope, SIZE) - edge) / softness
    cover = np.clip(thickness, 0.0, 1.0)
    relief = rng.uniform(*ranges.relief) * smooth_noise(rng, slope, SIZE)
    bright = np.clip(rng.uniform(*ranges.cloud_bright) + relief, 0.15, 1.2)
    return cover, bright[..., None] * CLOUD_WHITE


def _moved(rng: np.random.Generator, cover: Floats) -> Floats:
    """Where the shadow of a cloud falls: beside it, away from the Sun."""
    step = rng.integers(-_SHADOW_PX, _SHADOW_PX + 1, 2)
    return np.roll(cover, step, axis=(0, 1)) * (1 - cover)


def _limb(rng: np.random.Generator, ranges: Ranges) -> Floats:
    """Height above the Earth's edge in pixels; far below zero where the frame shows ground only."""
    if rng.random() >= ranges.limb:
        return np.full((SIZE, SIZE), -1e3)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    turn = rng.uniform(0, 2 * np.pi)
    across = np.cos(turn) * (x - SIZE / 2) + np.sin(turn) * (y - SIZE / 2)
    return across + rng.uniform(-SIZE / 2, SIZE / 2)


def _air(
    rng: np.random.Generator, ranges: Ranges, light: Floats, cover: Floats, height: Floats
) -> tuple[Floats, Floats, Mask]:
    """Air light in front of everything, growing towards the limb; nothing but black beyond it."""
    depth_px = rng.uniform(2, 25)
    near = np.exp(np.minimum(height, 0) / (3 * depth_px))  # long paths of air just below the edge
    veil = np.clip(rng.uniform(*ranges.haze) + 0.7 * near * (height > -900), 0, 0.85)[..., None]
    lit = (1 - veil) * light + veil * AIR_LIGHT * rng.uniform(0.5, 1.0)
    space = height > 0
    glow = np.exp(-np.maximum(height, 0) / depth_px)[..., None] * AIR_LIGHT
    seen = np.where(space[..., None], glow * rng.uniform(0.3, 0.9), lit)
    hidden = cover * (1 - veil[..., 0])  # what thick air leaves to be seen of a cloud
    return seen, np.where(space, 0.0, np.where(height > -900, hidden, cover)), space


def _camera(rng: np.random.Generator, ranges: Ranges, light: Floats) -> Floats:
    balance = 1 + rng.normal(0, ranges.tint, 3)
    y, x = (np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2) / SIZE
    fall = 1 - rng.uniform(0, 0.3) * (x * rng.normal() + y * rng.normal())[..., None] * 0.5
    exposed = np.clip(light * rng.uniform(*ranges.exposure) * balance * fall, 0, 1)
    shown = exposed ** (1 / rng.uniform(*ranges.gamma))
    noisy = shown + rng.normal(0, rng.uniform(*ranges.noise), shown.shape)
    return np.clip(noisy, 0, 1)
