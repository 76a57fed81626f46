"""Adds the checksum of each dense layer to a graph: MatMul, Gemm and ungrouped Conv with fixed
weights.

For Y = X W the sum over outputs is X (W summed over outputs). The right side is one more column,
so it costs 1/outputs of the layer; depthwise convolutions have one output per group and are
skipped. The sum of a single output is that output: there the copy is doubled, because onnxruntime
would share one packed copy of two equal tensors, and a flip there would change both sides alike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_sw.inference.manifest import RESIDUAL_OUTPUT

_PREFIX = "va_sum"


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer and its weights summed over the outputs, shaped for the same operator."""

    name: str
    node: Any
    summed: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32] | None
    axis: int  # of the outputs in the result
    is_single: bool  # one output only: both sums are taken twice over


@dataclass(frozen=True, slots=True)
class Check:
    """Tensor names: the largest difference of a layer's two sums, and the sum itself."""

    residual: str
    total: str


def find_layers(proto: Any) -> tuple[list[Layer], tuple[str, ...]]:
    """Layers that can be checked, and the names of dense-looking ones that cannot."""
    import onnx

    weights = {t.name: t for t in proto.graph.initializer}
    found: list[Layer] = []
    skipped: list[str] = []
    for node in proto.graph.node:
        if node.op_type not in ("MatMul", "Gemm", "Conv"):
            continue
        fixed = [
            onnx.numpy_helper.to_array(weights[n]) if n in weights else None for n in node.input
        ]
        layer = _layer(node, fixed)
        if layer is None:
            skipped.append(node.name or node.output[0])
        else:
            found.append(layer)
    return found, tuple(skipped)


def add_checks(proto: Any, layers: list[Layer]) -> list[Check]:
    """Add both sums and their largest difference for every layer."""
    return [_add_check(proto, i, layer) for i, layer in enumerate(layers)]


def join_residuals(proto: Any, checks: list[Check], limits: list[float]) -> None:
    """Scale each difference by its limit and give them all as one more output, (layers,).

    Not their maximum: a dead scale of a small one would hide behind the largest.
    """
    import onnx

    _constant(proto, f"{_PREFIX}_one", np.array([1], np.int64))
    scaled = []
    for i, (check, limit) in enumerate(zip(checks, limits, strict=True)):
        _constant(proto, f"{_PREFIX}{i}_inverse", np.array(1 / limit, np.float32))
        _node(proto, "Mul", [check.residual, f"{_PREFIX}{i}_inverse"], f"{_PREFIX}{i}_ratio")
        scaled.append(f"{_PREFIX}{i}_scaled")
        _node(proto, "Reshape", [f"{_PREFIX}{i}_ratio", f"{_PREFIX}_one"], scaled[-1])
    _node(proto, "Concat", scaled, RESIDUAL_OUTPUT).attribute.append(
        onnx.helper.make_attribute("axis", 0)
    )
    proto.graph.output.append(
        onnx.helper.make_tensor_value_info(RESIDUAL_OUTPUT, onnx.TensorProto.FLOAT, [len(checks)])
    )


def _layer(node: Any, fixed: list[Any]) -> Layer | None:
    attributes = {a.name: a for a in node.attribute}
    weight = fixed[1] if len(fixed) > 1 else None
    bias = fixed[2] if len(fixed) > 2 else None
    has_open_bias = len(node.input) > 2 and bool(node.input[2]) and bias is None
    if weight is None or weight.dtype != np.float32 or has_open_bias:
        return None
    name = node.name or node.output[0]
    if node.op_type == "MatMul":
        return _summed(name, node, (weight, 1), None, -1) if weight.ndim == 2 else None
    if node.op_type == "Gemm":
        plain = all(attributes[n].f == 1.0 for n in ("alpha", "beta") if n in attributes)
        is_turned_input = "transA" in attributes and attributes["transA"].i != 0
        if not plain or is_turned_input or (bias is not None and bias.ndim != 1):
            return None
        axis = 0 if "transB" in attributes and attributes["transB"].i else 1
        return _summed(name, node, (weight, axis), bias, -1)
    if "group" in attributes and attributes["group"].i != 1:
        return None
    return _summed(name, node, (weight, 0), bias, 1)


def _summed(name: str, node: Any, weight: tuple[Any, int], bias: Any, axis: int) -> Layer:
    """The layer with weights (and the axis of their outputs) and bias summed."""
    values, over = weight
    is_single = values.shape[over] == 1
    if is_single:
        values, bias = 2 * values, None if bias is None else 2 * bias
    return Layer(name, node, _sum(values, over), _sum(bias, 0), axis, is_single)


def _sum(values: Any, axis: int) -> Any:
    if values is None:
        return None
    # In double, because this sum is made once and rounding here would eat into the alarm margin.
    return values.astype(np.float64).sum(axis=axis, keepdims=True).astype(np.float32)


def _add_check(proto: Any, index: int, layer: Layer) -> Check:
    import onnx

    prefix = f"{_PREFIX}{index}"
    axis = f"{_PREFIX}_axis_{layer.axis}"
    _constant(proto, axis, np.array([layer.axis], np.int64))
    _constant(proto, f"{prefix}_weight", layer.summed)
    inputs = [layer.node.input[0], f"{prefix}_weight"]
    if layer.bias is not None:
        _constant(proto, f"{prefix}_bias", layer.bias)
        inputs.append(f"{prefix}_bias")
    twin = _node(proto, layer.node.op_type, inputs, f"{prefix}_expected")
    twin.attribute.extend(layer.node.attribute)
    if layer.is_single:
        _node(proto, "Add", [layer.node.output[0]] * 2, f"{prefix}_total")
    else:
        _node(proto, "ReduceSum", [layer.node.output[0], axis], f"{prefix}_total")
    _node(proto, "Sub", [f"{prefix}_total", f"{prefix}_expected"], f"{prefix}_difference")
    _node(proto, "Abs", [f"{prefix}_difference"], f"{prefix}_size")
    largest = _node(proto, "ReduceMax", [f"{prefix}_size"], f"{prefix}_residual")
    largest.attribute.append(onnx.helper.make_attribute("keepdims", 0))
    return Check(f"{prefix}_residual", f"{prefix}_total")


def _node(proto: Any, op_type: str, inputs: list[str], output: str) -> Any:
    """Append a node named after its output; its inputs are all made before it."""
    import onnx

    proto.graph.node.append(onnx.helper.make_node(op_type, inputs, [output], name=output))
    return proto.graph.node[-1]


def _constant(proto: Any, name: str, values: npt.NDArray[Any]) -> None:
    """Add an initializer unless one of that name is there: axes are shared by all layers."""
    import onnx

    if all(tensor.name != name for tensor in proto.graph.initializer):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
