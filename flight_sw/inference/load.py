"""Load a staged model so that onnxruntime computes with the mapped file and nothing else.

The graph was optimised when it was compiled; optimising again would fold weights into private
copies. Packing stays as it was at compile time: with saved packed blobs onnxruntime uses them in
place.
"""

import mmap
import os
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort

from flight_sw.inference.graft import open_grafted
from flight_sw.inference.live_files import LiveBytes, LoadError, map_weights, verify
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    RESIDUAL_OUTPUT,
    WEIGHTS_FILE,
    Blob,
    Manifest,
    Route,
    cpu_fingerprint,
)
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options
from flight_sw.inference.tensors import Tensor
from flight_sw.inference.worker_messages import LoadFailure

SMAPS_BYTES_MAX = 64 << 20  # of address space; Linux allows 65,530 mappings, 0.7 KiB of text each


class LiveModel:
    """A session and our own writable view of every byte it computes with."""

    def __init__(self, manifest: Manifest, view: LiveBytes, session: ort.InferenceSession) -> None:
        self.manifest = manifest
        self.view = view
        self._session = session
        self.handed = _handed(manifest, view)  # by name; shares the view's memory
        self._input_names = [spec.name for spec in manifest.inputs]
        self._output_names = [spec.name for spec in manifest.outputs]

    @property
    def session(self) -> ort.InferenceSession:
        """For whoever binds inputs and outputs by himself."""
        return self._session

    def sync(self, blob: Blob) -> None:
        """Nothing to do after a write: the kernels read the view itself."""

    def run(self, inputs: list[Tensor]) -> list[Tensor]:
        """All outputs for these inputs, in declared order."""
        feed = dict(zip(self._input_names, inputs, strict=True)) | self.handed
        outputs: list[Tensor] = self._session.run(self._output_names, feed)
        return outputs


def load_live(live_dir: Path) -> LiveModel:
    """Verify and load the compiled model staged in `live_dir` (see `live_files.stage`).

    Raises LoadError with a reason: damaged files, another onnxruntime, another CPU, bad layout, or
    onnxruntime's own refusal.
    """
    manifest = verify(live_dir)
    if manifest.onnxruntime != ort.__version__:
        raise LoadError(
            LoadFailure.VERSION,
            f"compiled for onnxruntime {manifest.onnxruntime}, this is {ort.__version__}: "
            "compile the model again",
        )
    cpu = cpu_fingerprint()
    if manifest.cpu != cpu:
        raise LoadError(
            LoadFailure.CPU, f"compiled for {manifest.cpu}, this is {cpu}: compile the model again"
        )
    view = map_weights(live_dir)
    try:
        session = _open(live_dir, manifest, view)
    except RUNTIME_ERRORS as error:
        raise LoadError(LoadFailure.RUNTIME, one_line(error)) from error
    return LiveModel(manifest, view, session)


def open_session(live_dir: Path, manifest: Manifest) -> ort.InferenceSession:
    """A session on the weights file; whatever onnxruntime raises (RUNTIME_ERRORS) comes through."""
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    if not manifest.is_packed:
        options.add_session_config_entry("session.disable_prepacking", "1")
    if manifest.route is Route.GRAFTED:
        options.enable_cpu_mem_arena = False  # its blocks would hold many things each
    return ort.InferenceSession(
        str(live_dir / GRAPH_FILE), options, providers=["CPUExecutionProvider"]
    )


def _open(live_dir: Path, manifest: Manifest, view: LiveBytes) -> ort.InferenceSession:
    opened = partial(open_session, live_dir, manifest)
    if manifest.route is not Route.GRAFTED:
        return opened()
    try:
        return open_grafted(opened, manifest.blobs, view, live_dir)
    except OSError as error:
        raise LoadError(LoadFailure.RUNTIME, f"{live_dir}: {error.strerror}") from error


def _handed(manifest: Manifest, view: LiveBytes) -> dict[str, Tensor]:
    """The weights that each run is given, as they lie in the view."""
    places = {blob.name: blob for blob in manifest.blobs}
    found = {}
    for spec in manifest.handed if manifest.route is Route.INPUTS else ():
        blob = places[spec.name]
        data = view[blob.offset : blob.offset + blob.length]
        found[spec.name] = data.view(spec.dtype).reshape(spec.shape)
    return found


def split_residual(manifest: Manifest, outputs: list[Tensor]) -> tuple[list[Tensor], float]:
    """The answer's tensors, and the largest checksum residual (0 for a graph without checksums)."""
    answer: list[Tensor] = []
    residual = 0.0
    for spec, tensor in zip(manifest.outputs, outputs, strict=True):
        if spec.name == RESIDUAL_OUTPUT:
            residual = float(np.max(tensor))  # NaN wins
        else:
            answer.append(tensor)
    return answer, residual


def split_off_kib(live_dir: Path, smaps: Path = Path("/proc/self/smaps")) -> int:
    """KiB of onnxruntime's private mapping that no longer show the file; must be 0.

    A stray write through that mapping gives it a copy of the page of its own, and from then on
    our repairs would miss what it computes with. Linux counts such pages as `Anonymous`;
    `Private_Dirty` also counts pages that merely nobody else has touched yet. 0 where there is
    no smaps.
    """
    weights = os.fsencode((live_dir / WEIGHTS_FILE).resolve())
    total_kib, at = 0, 0
    try:
        text = _read_apart(smaps)
    except OSError:
        return 0
    with text:
        # A process has thousands of these lines: only those behind the name are looked at.
        while (at := text.find(b" " + weights, at)) >= 0:
            header = text[text.rfind(b"\n", 0, at) + 1 : text.find(b"\n", at)]
            fields = header.split(maxsplit=5)
            at = text.find(b"\nAnonymous:", at)
            if fields[5].removesuffix(b" (deleted)") == weights and fields[1].endswith(b"p"):
                total_kib += int(text[at : text.find(b" kB", at)].split()[1])
    return total_kib


def _read_apart(smaps: Path) -> mmap.mmap:
    """The text in memory of its own, which goes back whole: on the heap it would leave holes.

    Raises OSError if there is no such file.
    """
    text, length = mmap.mmap(-1, SMAPS_BYTES_MAX), 0
    with smaps.open("rb", buffering=0) as file:
        while count := file.readinto(memoryview(text)[length:]):
            length += count
    text.resize(max(length, 1))
    return text
