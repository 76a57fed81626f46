"""Two versions of a shipped model, and the second packed as an update, for tests of updates."""

import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from flight_sw.inference.bundle import Guarding
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.prove import proof_inputs
from flight_sw.inference.update import make_update
from hil.applications.models import find_model

SOURCE = find_model("telemetry-anomaly")


def _compiled(source: Path, folder: Path) -> Path:
    rng = np.random.default_rng(1)
    inputs = [[rng.normal(0, 30, (1, 18)).astype(np.float32)] for _ in range(4)]
    compile_bundle(source, folder, zlib.crc32, Guarding(inputs))
    return folder


def packed(compiled: Path, memory: Path) -> bytes:
    stage(compiled, memory)
    model = load_live(memory)
    return make_update(compiled, model, proof_inputs(model.manifest.inputs)[0])


@pytest.fixture(scope="session")
def versions(tmp_path_factory) -> tuple[Path, Path, bytes]:
    """The shipped telemetry model compiled, a version 2 of it, and version 2 as an update."""
    folder = tmp_path_factory.mktemp("versions")
    proto = onnx.load(str(SOURCE))
    tensor = next(t for t in proto.graph.initializer if len(t.dims) == 2)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 0.9, tensor.name))
    second = folder / "telemetry-two.onnx"
    onnx.save(proto, str(second))
    one, two = _compiled(SOURCE, folder / "one"), _compiled(second, folder / "two")
    return one, two, packed(two, folder / "memory")
