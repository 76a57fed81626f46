"""The files of a compiled model on tmpfs: stage them, check them, map the weights writable.

onnxruntime maps the same weights file. Because our mapping is shared and the file lives in
memory, a byte changed here is changed in what the next run computes with. Nothing here needs
onnxruntime, so the node, which must survive it, uses only this module.
"""

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flight_sw.errors import ModelError
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    PAGE_BYTES,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    Manifest,
    read_manifest,
    sha256_hex,
)
from flight_sw.inference.worker_messages import LoadFailure

LiveBytes = npt.NDArray[np.uint8]


class LoadError(ModelError):
    """A compiled model cannot be loaded; `reason` is what goes over the link."""

    def __init__(self, reason: LoadFailure, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def stage(compiled: Path, live_dir: Path) -> Manifest:
    """Copy a compiled model into `live_dir` (new, mode 0700, on tmpfs) and verify the copy.

    Raises LoadError if a file is missing, damaged or badly laid out.
    """
    live_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _files(compiled):
        try:
            shutil.copyfile(compiled / name, live_dir / name)
        except OSError as error:
            raise LoadError(LoadFailure.FILES, f"{compiled / name}: {error.strerror}") from error
    return verify(live_dir)


def _files(compiled: Path) -> tuple[str, ...]:
    try:
        return read_manifest(compiled).files
    except ModelError as error:
        raise LoadError(LoadFailure.FILES, str(error)) from error


def verify(directory: Path) -> Manifest:
    """The manifest of a directory whose files match it; else LoadError.

    A damaged packed blob would be used as it is, and a damaged plain copy would silently move the
    weights to a private heap copy, so nothing is loaded before this check.
    """
    try:
        manifest = read_manifest(directory)
        graph = (directory / GRAPH_FILE).read_bytes()
        weights = (directory / WEIGHTS_FILE).read_bytes()
        words = (directory / TOKENIZER_FILE).read_bytes() if manifest.text else b""
    except ModelError as error:
        raise LoadError(LoadFailure.FILES, str(error)) from error
    except OSError as error:
        raise LoadError(LoadFailure.FILES, f"{error.filename}: {error.strerror}") from error
    check_layout(manifest, len(weights))
    for name, data, expected in (
        (GRAPH_FILE, graph, manifest.graph_sha256),
        (WEIGHTS_FILE, weights, manifest.weights_sha256),
        (TOKENIZER_FILE, words, manifest.text.tokenizer_sha256 if manifest.text else None),
    ):
        if expected is None:
            continue
        if sha256_hex(data) != expected:
            raise LoadError(
                LoadFailure.DIGEST, f"{directory / name}: digest differs from the manifest"
            )
    return manifest


def check_layout(manifest: Manifest, file_bytes: int) -> None:
    """Refuse blobs that would crash the kernels: misaligned, empty or outside the file."""
    pages = manifest.total_bytes // PAGE_BYTES
    if file_bytes != manifest.total_bytes or manifest.total_bytes % PAGE_BYTES:
        raise LoadError(
            LoadFailure.LAYOUT,
            f"weights file has {file_bytes} bytes, manifest says {manifest.total_bytes} "
            f"in pages of {PAGE_BYTES}",
        )
    if len(manifest.page_crcs) != pages:
        raise LoadError(
            LoadFailure.LAYOUT, f"{len(manifest.page_crcs)} page checks for {pages} pages"
        )
    for blob in manifest.blobs:
        if blob.offset % PAGE_BYTES or blob.length <= 0 or blob.offset < 0:
            raise LoadError(LoadFailure.LAYOUT, f"blob {blob.name} is misaligned or empty")
        if blob.offset + blob.length > manifest.total_bytes:
            raise LoadError(LoadFailure.LAYOUT, f"blob {blob.name} lies outside the weights file")


def map_weights(live_dir: Path) -> LiveBytes:
    """The weights file as a writable view shared with every other mapping of it."""
    return np.memmap(live_dir / WEIGHTS_FILE, dtype=np.uint8, mode="r+")
