"""Loads a model whose weights stay in buffers of ours on a device, where its kernels compute on them.

`add_initializer` takes a value that is on the device already in place (onnxruntime issue 29009); what
onnxruntime makes of it is not believed but proven, blob by blob, as everywhere. Device "cpu" goes the
same way without a GPU: so it is tested. The graph must be compiled for it (`Route.DEVICE`):
without what only the processor's kernels know, and with the shape of every weight in the manifest.
"""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from flight_sw.inference.live_files import LoadError, map_weights, verify
from flight_sw.inference.load import LiveModel, load_live
from flight_sw.inference.manifest import GRAPH_FILE, Blob, Manifest
from flight_sw.inference.provider import NAMES, Provider, check
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options
from flight_sw.inference.tensors import Tensor
from flight_sw.inference.worker_messages import LoadFailure


class DeviceModel:
    """A loaded model; `view` holds the right bytes, `sync` brings those of one blob to the device."""

    def __init__(self, live_dir: Path, manifest: Manifest, provider: Provider) -> None:
        self.manifest = manifest
        self.view = map_weights(live_dir)
        self._specs = {spec.name: spec for spec in manifest.handed}
        device = "cpu" if provider is Provider.CPU else "cuda"
        self._held = {
            blob.name: ort.OrtValue.ortvalue_from_numpy(self._bytes(blob), device, 0)
            for blob in manifest.blobs
            if blob.name in self._specs
        }
        options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
        options.add_session_config_entry("session.disable_prepacking", "1")
        for name, value in self._held.items():
            options.add_initializer(name, value)
        providers = [NAMES[provider]]
        self._session = ort.InferenceSession(
            str(live_dir / GRAPH_FILE), options, providers=providers
        )
        self._inputs = [spec.name for spec in manifest.inputs]
        self._outputs = [spec.name for spec in manifest.outputs]

    @property
    def session(self) -> ort.InferenceSession:
        """For whoever binds inputs and outputs by himself."""
        return self._session

    def run(self, inputs: list[Tensor]) -> list[Tensor]:
        """All outputs for these inputs, in declared order."""
        feed = dict(zip(self._inputs, inputs, strict=True))
        outputs: list[Tensor] = self._session.run(self._outputs, feed)
        return outputs

    def sync(self, blob: Blob) -> None:
        """Write one blob's bytes to the device, over what is there."""
        if blob.name in self._held:
            self._held[blob.name].update_inplace(self._bytes(blob))

    def damaged(self) -> tuple[str, ...]:
        """Blobs whose bytes on the device are not those of the view."""
        return tuple(
            blob.name
            for blob in self.manifest.blobs
            if blob.name in self._held
            and self._held[blob.name].numpy().tobytes() != self._bytes(blob).tobytes()
        )

    def _bytes(self, blob: Blob) -> Tensor:
        """A copy in the tensor's type and shape: the device never shares memory with the view."""
        spec = self._specs[blob.name]
        raw = bytearray(self.view[blob.offset : blob.offset + blob.length])
        return np.frombuffer(raw, spec.dtype).reshape(spec.shape)


def load_device(live_dir: Path, provider: Provider) -> DeviceModel:
    """Verify and load the model staged in `live_dir` on the provider's device.

    Raises LoadError with a reason: damaged files, no such provider here, a graph that was compiled for
    the processor, another onnxruntime, or its own refusal.
    """
    manifest = verify(live_dir)
    check(provider)
    if not manifest.handed:
        raise LoadError(LoadFailure.CPU, "compiled for the processor: compile it for a device")
    if manifest.onnxruntime != ort.__version__:
        raise LoadError(
            LoadFailure.VERSION,
            f"compiled with onnxruntime {manifest.onnxruntime}, this is {ort.__version__}: "
            "compile the model again",
        )
    try:
        return DeviceModel(live_dir, manifest, provider)
    except RUNTIME_ERRORS as error:
        raise LoadError(LoadFailure.RUNTIME, one_line(error)) from error


def load_on(provider: Provider, live_dir: Path) -> LiveModel | DeviceModel:
    """Load a staged model where the profile wants it; raises LoadError with a reason."""
    if provider is Provider.CPU:
        return load_live(live_dir)
    return (
        load_engine(live_dir) if provider is Provider.TENSORRT else load_device(live_dir, provider)
    )


def load_engine(live_dir: Path) -> LiveModel:
    """As `load_device` for TensorRT, which builds an engine with weights of its own."""
    manifest = verify(live_dir)
    check(Provider.TENSORRT)
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    providers = [NAMES[Provider.TENSORRT], NAMES[Provider.CUDA]]
    try:
        session = ort.InferenceSession(str(live_dir / GRAPH_FILE), options, providers=providers)
    except RUNTIME_ERRORS as error:
        raise LoadError(LoadFailure.RUNTIME, one_line(error)) from error
    return LiveModel(manifest, map_weights(live_dir), session)
