"""ONNX admission: a model file of any bytes is described, or refused in one clear line."""

import contextlib
import shutil

import onnx
from onnx import TensorProto, helper

from flight_sw.errors import UserError
from flight_sw.inference.describe import describe_model
from tests.fuzz.scratch import scratch


def seeds() -> list[bytes]:
    """Small models: sound, with a dynamic shape, with external data, and none at all."""
    return [_model(), _model(shape=("n", 4)), _model(location="../secret"), b"", b"\x08\x09"]


def run(data: bytes) -> None:
    """A description, or a UserError."""
    folder = scratch()
    path = folder / "model.onnx"
    path.write_bytes(data)
    try:
        with contextlib.suppress(UserError):
            describe_model(path)
    finally:
        shutil.rmtree(folder)


def _model(shape=(1, 4), location: str = "") -> bytes:
    weights = helper.make_tensor("w", TensorProto.FLOAT, (4, 4), [0.5] * 16)
    if location:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [given], [answer], [weights])
    return onnx.helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)]
    ).SerializeToString()
