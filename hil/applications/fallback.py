"""The classical fire test behind the network: it answers when the network may not, and doubts it.

Degraded mode: without an answer of the network (no board, no model, a class that cannot be kept) the
contextual test answers alone, from the same scene and the maps. Cross-check: a silent error in weights
that survive every guard shows as a map of fire that the physics of the scene does not bear out.
"""

from dataclasses import dataclass
from enum import Enum, unique

import numpy as np
import numpy.typing as npt

from hil.applications.classical_fire import Ancillary, detect_fires, tuned

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

# Fire pixels without any classical fire within NEAR_PX, and the other way round, that unharmed answers
# stay below on validation scenes (tests/hil/applications/test_fallback.py looks at both worlds).
DOUBT_PX = 12
NEAR_PX = 2


@unique
class Origin(Enum):
    """Who found the fires."""

    NETWORK = "network"
    CLASSICAL = "classical"  # degraded mode
    DOUBTED = "doubted"  # the network's, but the classical test disagrees: ask for a re-run


@dataclass(frozen=True, slots=True)
class Fires:
    """A map of fire pixels and where it comes from."""

    mask: Mask
    origin: Origin


def find_fires(
    bands: Floats, ancillary: Ancillary, probability: Floats | None, threshold: float
) -> Fires:
    """Fires of a scene (2, height, width); `probability` is the network's answer, or None."""
    classical = detect_fires(bands, ancillary, tuned(ancillary))
    if probability is None or not np.isfinite(probability).all():
        return Fires(classical, Origin.CLASSICAL)
    mask: Mask = probability >= threshold
    is_doubted = disagreement(mask, classical) > DOUBT_PX
    return Fires(mask, Origin.DOUBTED if is_doubted else Origin.NETWORK)


def disagreement(one: Mask, other: Mask) -> int:
    """Pixels of either map with nothing of the other near: rims of the same fire do not count."""
    return int((one & ~_grown(other)).sum() + (other & ~_grown(one)).sum())


def _grown(mask: Mask) -> Mask:
    padded = np.pad(mask, NEAR_PX)
    height, width = mask.shape
    steps = range(2 * NEAR_PX + 1)
    return np.any([padded[y : y + height, x : x + width] for y in steps for x in steps], axis=0)
