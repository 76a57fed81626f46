"""Makes 8-bit convolutions pack where we can see it, without changing one bit of their results.

Weights with zero point 0 take a kernel whose packed copy lives on the heap only and is never
saved, so no flip or repair in the file would reach it. Weight and zero point are both lowered by
one: w - z stays the same, the ordinary packed kernel is used, and its packed copy is saved.
It is slower than the hidden kernel and much faster than packing off.

That holds where sums are exact. With AVX2 and without VNNI the kernels add two products in 16 bits and
cut off what does not fit (onnxruntime's page on quantisation, "when and why do I need reduce-range"), so
there another weight is cut off elsewhere: such a processor `saturates`.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from flight_sw.errors import ModelError
from flight_sw.inference.describe import read_proto
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options

_WEIGHT, _ZERO_POINT = 3, 5  # inputs of QLinearConv (ONNX operator set 10)
_QUANTISED = frozenset({"QLinearConv", "DequantizeLinear"})


def shift_file(source: Path, target: Path) -> bool:
    """Write `source` with shifted convolution weights to `target`; False if there is none to
    shift.
    """
    if not _QUANTISED & {node.op_type for node in read_proto(source).graph.node}:
        return False
    proto = _with_fused_convolutions(source)
    if not shift_weights(proto):
        return False
    target.write_bytes(proto.SerializeToString(deterministic=True))
    return True


def shift_weights(proto: Any) -> int:
    """Shift the weights of every QLinearConv that allows it; how many were shifted.

    Not allowed: weights at the lower end of the range, zero points other than 0, shared tensors.
    """
    import onnx

    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    uses = [name for node in proto.graph.node for name in node.input]
    shifted = 0
    for node in proto.graph.node:
        if node.op_type != "QLinearConv" or node.input[_WEIGHT] not in weights:
            continue
        weight = onnx.numpy_helper.to_array(weights[node.input[_WEIGHT]])
        is_shared = uses.count(node.input[_WEIGHT]) > 1
        zero = weights.get(node.input[_ZERO_POINT])
        if is_shared or zero is None or weight.dtype != np.int8 or weight.min() == -128:
            continue
        points = onnx.numpy_helper.to_array(zero)
        if points.any():
            continue
        name = f"{node.input[_WEIGHT]}_zero_shifted"
        lower = onnx.numpy_helper.from_array(weight - np.int8(1), node.input[_WEIGHT])
        weights[node.input[_WEIGHT]].CopyFrom(lower)
        # A tensor of its own: zero points are often shared with the activations.
        proto.graph.initializer.append(onnx.numpy_helper.from_array(points - np.int8(1), name))
        node.input[_ZERO_POINT] = name
        shifted += 1
    return shifted


@cache
def saturates() -> bool:
    """Whether this processor's 8-bit kernels cut sums off, found with one whose sums are largest."""
    import onnx

    make, channels = onnx.helper, 64
    exact, counted = channels * 255 * 127, 200
    constants = {
        "one": np.float32(1),
        "zero": np.uint8(0),
        "w": np.full((16, channels, 1, 1), 127, np.int8),
        "wz": np.int8(0),
        "scale": np.float32(exact / counted),
    }
    names = ["x", "one", "zero", "w", "one", "wz", "scale", "zero"]
    tensors = [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    graph = make.make_graph(
        [make.make_node("QLinearConv", names, ["y"])],
        "largest sums",
        [make.make_tensor_value_info("x", onnx.TensorProto.UINT8, [1, channels, 4, 4])],
        [make.make_tensor_value_info("y", onnx.TensorProto.UINT8, [1, 16, 4, 4])],
        tensors,
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=10)
    options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    largest = np.full((1, channels, 4, 4), 255, np.uint8)
    return bool((session.run(None, {"x": largest})[0] != counted).any())


def _with_fused_convolutions(source: Path) -> Any:
    """The model with its quantise-dequantise pairs fused into QLinearConv, as onnxruntime would."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fused.onnx"
        options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
        options.optimized_model_filepath = str(path)
        try:
            ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        except RUNTIME_ERRORS as error:
            raise ModelError(f"{source}: onnxruntime refuses it: {one_line(error)}") from error
        return read_proto(path)
