"""A picture of what `cloud-mask` sees in a photograph, beside the photograph and the brightness test.

Runs on live weights of the compiled model. The image is cut into overlapping tiles of which only the
inner part counts, so that no seam shows where tiles meet.
"""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from flight_sw.errors import ModelError
from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import LiveModel, load_live
from flight_sw.radiation.native import crc32c
from hil.applications.bright_cloud import BRIGHT_ONLY, detect_clouds
from hil.applications.models import find_model, read_card
from hil.places import model_cache

MODEL = "cloud-mask"
MARGIN_PX = 12  # of each tile, where the network has seen too little around
PIXELS_MAX = 16_000_000
TINT = np.array([1.0, 0.1, 0.2])  # cloud is shown in red, as nothing on Earth is

Floats = npt.NDArray[np.floating]


def draw(photo: Path, out: Path) -> dict[str, float]:
    """Write the picture: photograph, mask of the model, mask of the brightness test; shares of cloud.

    Raises:
        ModelError: the photograph cannot be read, or is smaller than a tile.
    """
    image = _read(photo)
    source = find_model(MODEL)
    card = read_card(source)
    threshold = card.threshold if card else 0.5
    with tempfile.TemporaryDirectory(prefix="vanallen-mask-") as folder:
        stage(compile_cached(source, model_cache(), crc32c), Path(folder) / "live")
        found = cloud_map(load_live(Path(folder) / "live"), image) >= threshold
    bright = detect_clouds(image, BRIGHT_ONLY)
    panels = [image, _tinted(image, found), _tinted(image, bright)]
    rows = np.concatenate([np.moveaxis(panel, 0, -1) for panel in panels], axis=1)
    Image.fromarray((np.clip(rows, 0, 1) * 255).astype(np.uint8)).save(out)
    return {"model": float(found.mean()), "brightness_test": float(bright.mean())}


def cloud_map(model: LiveModel, image: Floats) -> Floats:
    """Probability of cloud per pixel of an image (3, height, width), as large as a tile or larger."""
    tile = model.manifest.inputs[0].shape[-1]
    height, width = image.shape[1:]
    if min(height, width) < tile:
        raise ModelError(f"the image is {width} x {height}; it must be {tile} x {tile} or larger")
    edges = ((0, 0), (MARGIN_PX, tile), (MARGIN_PX, tile))
    padded = np.pad(image.astype(np.float32), edges, mode="reflect")
    inner = tile - 2 * MARGIN_PX
    found = np.zeros((height + tile, width + tile), np.float32)
    for top in range(0, height, inner):
        for left in range(0, width, inner):
            piece = padded[:, top : top + tile, left : left + tile]
            (answer,) = model.run([np.ascontiguousarray(piece[None])])
            core = answer[0, 0, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
            found[top : top + inner, left : left + inner] = core
    return found[:height, :width]


def _read(photo: Path) -> Floats:
    try:
        with Image.open(photo) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise ModelError(f"{photo}: more than {PIXELS_MAX} pixels; cut it into parts")
            pixels = np.asarray(opened.convert("RGB"), np.float32) / 255
    except UnidentifiedImageError as error:
        raise ModelError(f"{photo}: not an image that can be read; save it anew") from error
    except OSError as error:
        raise ModelError(f"{photo}: cannot be read: {error.strerror or error}") from error
    return np.moveaxis(pixels, -1, 0)


def _tinted(image: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    grey = image.mean(axis=0)
    shown = np.stack([grey] * 3)
    shown[:, mask] = 0.45 * shown[:, mask] + 0.55 * TINT[:, None]
    return shown
