"""Reads what users bring (NPY, CSV, PNG, TIFF, folders of them) as inputs for a model.

Every mistake becomes one line that names the file, the row or the page, and the remedy.
"""

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence, UnidentifiedImageError

from flight_sw.errors import ModelError
from flight_sw.inference.worker_messages import TensorSpec
from hil.applications.opssat import FEATURES, LABEL, SPLIT

MAX_INPUTS = 20_000
MAX_IMAGE_PIXELS = 64_000_000
MAX_ARRAY_BYTES = 1 << 30
_IMAGES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
_KNOWN = (".npy", ".csv", *_IMAGES)
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    Image.DecompressionBombError,
)
_CHANNEL_MODES = {1: "L", 3: "RGB"}

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class JobInput:
    """One input of the model's shape; `label` is the true class where the file gives one."""

    name: str
    tensor: Array
    label: int | None = None


def read_inputs(path: Path, spec: TensorSpec, columns: tuple[str, ...] = ()) -> list[JobInput]:
    """All inputs for `spec` in a file or folder, in the order of names and rows.

    `columns` are the table columns that make up a row's features (a model's card names them);
    without them the OPS-SAT features are used if there are as many. Larger images are cut into
    tiles.
    """
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in _KNOWN and f.is_file())
        if not files:
            raise ModelError(f"{path}: no input files in this folder; put {_kinds()} files there")
    elif path.is_file():
        files = [path]
    else:
        raise ModelError(f"{path}: no such file or folder")
    inputs = [job_input for file in files for job_input in _read_file(file, spec, columns)]
    if len(inputs) > MAX_INPUTS:
        raise ModelError(f"{path}: {len(inputs)} inputs; give at most {MAX_INPUTS} at once")
    return inputs


def _read_file(path: Path, spec: TensorSpec, columns: tuple[str, ...]) -> list[JobInput]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_table(path, spec, columns or _default_columns(path, spec))
    if suffix == ".npy":
        return _read_array(path, spec)
    if suffix in _IMAGES:
        return _read_image(path, spec)
    raise ModelError(f"{path}: cannot read {suffix or 'files without suffix'}; give {_kinds()}")


def _read_table(path: Path, spec: TensorSpec, columns: tuple[str, ...]) -> list[JobInput]:
    if len(columns) != int(np.prod(spec.shape)):
        raise ModelError(
            f"{path}: the model takes {_shape(spec.shape)}, which is no row of {len(columns)} columns"
        )
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{path}: not a CSV table: {error}") from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise ModelError(f"{path}: line 1: missing columns {', '.join(missing)}; add them")
    has_split = SPLIT in header
    inputs = []
    for line, row in enumerate(rows, start=2):
        if has_split and row[SPLIT] != "0":
            continue  # the model has seen the training rows: scoring them would flatter it
        values = [_number(path, line, name, row[name]) for name in columns]
        label = _label(path, line, row[LABEL]) if LABEL in header else None
        tensor = np.array(values, spec.dtype).reshape(spec.shape)
        inputs.append(JobInput(f"{path.name}:{line}", tensor, label))
    if not inputs:
        raise ModelError(f"{path}: no rows to run" + (f" with {SPLIT}=0" if has_split else ""))
    return inputs


def _read_array(path: Path, spec: TensorSpec) -> list[JobInput]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: not a NumPy array file: {_first_line(error)}") from error
    if array.dtype.kind not in "fiub":
        raise ModelError(f"{path}: holds {array.dtype}, numbers are needed")
    if array.nbytes > MAX_ARRAY_BYTES:
        raise ModelError(f"{path}: {array.nbytes} bytes; give at most {MAX_ARRAY_BYTES}")
    shape, one = tuple(array.shape), spec.shape[1:]
    if shape in (spec.shape, one):
        pieces = [(path.name, np.asarray(array))]
    elif shape[1:] == one:
        pieces = [(f"{path.name}[{i}]", np.asarray(x)) for i, x in enumerate(array)]
    elif len(one) == 3 and array.ndim == 3 and shape[0] == one[0]:
        pieces = _tiles(path, np.asarray(array), spec)
    else:
        raise _wrong_shape(path, shape, spec)
    return [JobInput(name, _checked(path, name, piece, spec)) for name, piece in pieces]


def _read_image(path: Path, spec: TensorSpec) -> list[JobInput]:
    if len(spec.shape) != 4 or spec.shape[0] != 1:
        raise ModelError(f"{path}: the model takes {_shape(spec.shape)}, not an image; give .npy")
    channels = spec.shape[1]
    try:
        # Pillow warns of damage that it then raises as one of many kinds of error.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                raise ModelError(f"{path}: more than {MAX_IMAGE_PIXELS} pixels; cut it into parts")
            planes = _planes(path, image, channels)
    except UnidentifiedImageError as error:
        raise ModelError(f"{path}: not an image that can be read; save it anew") from error
    except _DAMAGED as error:
        raise ModelError(f"{path}: damaged image: {_first_line(error)}; copy it again") from error
    return [
        JobInput(name, _checked(path, name, piece, spec))
        for name, piece in _tiles(path, planes, spec)
    ]


def _planes(path: Path, image: Image.Image, channels: int) -> npt.NDArray[np.float32]:
    """The image as (channels, height, width): 8-bit colours as 0 to 1, frames of floats as they
    are.
    """
    if getattr(image, "n_frames", 1) == channels and image.mode in ("F", "I;16", "I"):
        frames = [np.array(frame, np.float32) for frame in ImageSequence.Iterator(image)]
        return np.stack(frames)
    if channels not in _CHANNEL_MODES:
        raise ModelError(
            f"{path}: the model takes {channels} channels, which no ordinary image has; "
            f"give .npy of shape ({channels}, height, width) or a TIFF of {channels} float frames"
        )
    pixels = np.asarray(image.convert(_CHANNEL_MODES[channels]), np.float32) / np.float32(255)
    return pixels[None] if channels == 1 else np.moveaxis(pixels, -1, 0)


def _tiles(path: Path, planes: Array, spec: TensorSpec) -> list[tuple[str, Array]]:
    """Tiles of the model's size that cover the image; the last of a row or column may overlap."""
    height, width = spec.shape[-2:]
    rows, columns = planes.shape[-2:]
    if rows < height or columns < width:
        raise _wrong_shape(path, tuple(planes.shape), spec)
    if (rows, columns) == (height, width):
        return [(path.name, planes)]
    tops, lefts = _starts(rows, height), _starts(columns, width)
    return [
        (f"{path.name}@{top},{left}", planes[:, top : top + height, left : left + width])
        for top in tops
        for left in lefts
    ]


def _starts(length: int, step: int) -> list[int]:
    starts = list(range(0, length - step + 1, step))
    return starts if starts[-1] == length - step else [*starts, length - step]


def _checked(path: Path, name: str, piece: Array, spec: TensorSpec) -> Array:
    if piece.dtype.kind == "f" and not np.isfinite(piece).all():
        raise ModelError(f"{path}: {name} holds NaN or infinity; mend or leave out that input")
    return np.ascontiguousarray(piece, spec.dtype).reshape(spec.shape)


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise ModelError(
            f"{path}: line {line}: column {column} holds {text!r}, not a number"
        ) from error
    if not np.isfinite(value):
        raise ModelError(f"{path}: line {line}: column {column} is {text}; mend or drop that row")
    return value


def _label(path: Path, line: int, text: str | None) -> int:
    if text not in ("0", "1"):
        raise ModelError(f"{path}: line {line}: column {LABEL} holds {text!r}; use 0 or 1")
    return int(text)


def _default_columns(path: Path, spec: TensorSpec) -> tuple[str, ...]:
    if int(np.prod(spec.shape)) != len(FEATURES):
        raise ModelError(
            f"{path}: which columns make up {_shape(spec.shape)}? "
            "Name them as `columns` in the model's card"
        )
    return FEATURES


def _wrong_shape(path: Path, shape: tuple[int, ...], spec: TensorSpec) -> ModelError:
    return ModelError(f"{path}: has shape {_shape(shape)}, the model takes {_shape(spec.shape)}")


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _kinds() -> str:
    return "NPY, CSV, PNG, TIFF or JPEG"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["unreadable"])[0]
