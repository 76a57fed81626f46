"""The classical cloud test: a pixel is cloud if it is bright enough, and grey enough.

With `max_tint` open this is the plain brightness threshold. It needs no model and no runtime, so it
stands in where the network may not run, and it is what the network is measured against.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class BrightTest:
    """`min_bright` of the mean of the colours; `max_tint` of their spread over their mean."""

    min_bright: float
    max_tint: float = float("inf")


# Chosen on the validation scenes of `hil.training.cloud_mask`, which prints them.
BRIGHT_ONLY = BrightTest(min_bright=0.775)


def detect_clouds(image: Floats, test: BrightTest = BRIGHT_ONLY) -> npt.NDArray[np.bool_]:
    """Cloud per pixel (height, width) of an image (3, height, width) of 0 to 1."""
    bright = image.mean(axis=0)
    tint = image.std(axis=0) / np.maximum(bright, 1e-3)
    cloudy: npt.NDArray[np.bool_] = (bright >= test.min_bright) & (tint <= test.max_tint)
    return cloudy
