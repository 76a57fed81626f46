"""The golden twin: the same job on an unharmed, ordinary onnxruntime session of the original
model.

On the same CPU and onnxruntime an unharmed payload must give the very same bits. For results of
another CPU a tolerance may be stated; the report must then say so.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

from flight_sw.errors import ModelError
from flight_sw.inference.bundle import Guarding
from flight_sw.inference.guard import guard_model
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options
from flight_sw.inference.tensors import Tensor, pack, unpack
from flight_sw.inference.text_compile import describe
from flight_sw.inference.worker_messages import TensorSpec


class GoldenTwin:
    """A default session of a model file; slow to make, then as fast as the payload itself."""

    def __init__(self, model_path: Path, guarding: Guarding | None = None) -> None:
        """Open the model; with `guarding`, the graph that is flown as `standard`."""
        self.description = describe(model_path)
        options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
        try:
            self._session = ort.InferenceSession(
                _graph(self.description.path, guarding), options, providers=["CPUExecutionProvider"]
            )
        except RUNTIME_ERRORS as error:
            raise ModelError(f"{model_path}: onnxruntime refuses it: {one_line(error)}") from error

    def run(self, inputs: list[Tensor]) -> list[Tensor]:
        """All outputs in declared order."""
        names = [spec.name for spec in self.description.inputs]
        outputs: list[Tensor] = self._session.run(None, dict(zip(names, inputs, strict=True)))
        return outputs

    def answer(self, job_input: bytes) -> bytes:
        """What the payload should send down for this job's input."""
        return pack(self.run(unpack(self.description.inputs, job_input)))


def _graph(path: Path, guarding: Guarding | None) -> bytes | str:
    if guarding is None or not guarding.calibration:
        return str(path)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / path.name
        guard_model(path, target, guarding.calibration, with_checksums=False)
        return target.read_bytes()


def same_bits(result: bytes, golden: bytes) -> bool:
    """Whether an answer equals the golden one exactly, NaN patterns and signed zeros included."""
    return result == golden


def within_tolerance(
    result: bytes, golden: bytes, outputs: tuple[TensorSpec, ...], tolerance: float
) -> bool:
    """Whether every number is within `tolerance` (absolute, or relative above 1) of the golden one.

    For answers of another CPU or onnxruntime only, where the last bits differ rightly.
    """
    if len(result) != len(golden):
        return False
    pairs = zip(unpack(outputs, result), unpack(outputs, golden), strict=True)
    return all(
        np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=tolerance, atol=tolerance)
        for a, b in pairs
    )
