"""Which part of a board computes, by the profile: its processor, CUDA, or a TensorRT engine.

Only the processor's weights lie in pages that the scrub reads, so only there can answers be protected.
CUDA computes on device buffers that we filled and keep: they are proven live like any others, and
nothing scrubs them. A TensorRT engine holds weights of its own making: a known answer is all there is.
"""

from enum import Enum, unique

import onnxruntime as ort

from flight_sw.inference.live_files import LoadError
from flight_sw.inference.worker_messages import Kept, LoadFailure


@unique
class Provider(Enum):
    """As the profile names them."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


NAMES = {
    Provider.CPU: "CPUExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
}
KEPT: dict[Provider, Kept] = {
    Provider.CPU: "scrubbed",
    Provider.CUDA: "proven only",
    Provider.TENSORRT: "engine: canary only",
}


def check(provider: Provider) -> None:
    """Raise LoadError if this onnxruntime cannot compute there."""
    if NAMES[provider] not in ort.get_available_providers():
        raise LoadError(
            LoadFailure.RUNTIME,
            f"this onnxruntime has no {NAMES[provider]}: install one that has, "
            "or set inference.provider: cpu in the profile",
        )
