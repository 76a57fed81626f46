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
_IMAGE_AXES = 4
_BLOCK = 16  # channels; the widest of onnxruntime's blocked layouts (MLAS, AVX-512)


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer and its weights summed over the outputs, shaped for the same operator."""

    name: str
    node: Any
    summed: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32] | None
    axis: int  # of the outputs in the result
    outputs: int

    @property
    def is_single(self) -> bool:
        """One output only: both sums are taken twice over."""
        return self.outputs == 1


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
    single = [f"{check.residual}_single" for check in checks]
    for check, name in zip(checks, single, strict=True):
        _node(proto, "Reshape", [check.residual, f"{_PREFIX}_one"], name)
    joined = _node(proto, "Concat", single, f"{_PREFIX}_joined")
    joined.attribute.append(onnx.helper.make_attribute("axis", 0))
    _constant(proto, f"{_PREFIX}_inverse", (1 / np.array(limits)).astype(np.float32))
    _node(proto, "Mul", [f"{_PREFIX}_joined", f"{_PREFIX}_inverse"], RESIDUAL_OUTPUT)
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
    outputs = values.shape[over]
    if outputs == 1:
        values, bias = 2 * values, None if bias is None else 2 * bias
    return Layer(name, node, _sum(values, over), _sum(bias, 0), axis, outputs)


def _sum(values: Any, axis: int) -> Any:
    if values is None:
        return None
    # In double, because this sum is made once and rounding here would eat into the alarm margin.
    return values.astype(np.float64).sum(axis=axis, keepdims=True).astype(np.float32)


def _add_check(proto: Any, index: int, layer: Layer) -> Check:
    import onnx

    prefix = f"{_PREFIX}{index}"
    _add_expected(proto, prefix, layer)
    if layer.is_single:
        _node(proto, "Add", [layer.node.output[0]] * 2, f"{prefix}_total")
    elif layer.summed.ndim == _IMAGE_AXES:  # stays in the layout of the convolutions around it
        inputs = [layer.node.output[0], _ones(proto, layer.outputs)]
        _node(proto, "Conv", inputs, f"{prefix}_total")
    else:
        axis = f"{_PREFIX}_axis_{layer.axis}"
        _constant(proto, axis, np.array([layer.axis], np.int64))
        _node(proto, "ReduceSum", [layer.node.output[0], axis], f"{prefix}_total")
    _node(proto, "Add", [f"{prefix}_total", f"{prefix}_expected"], f"{prefix}_difference")
    _node(proto, "Abs", [f"{prefix}_difference"], f"{prefix}_size")
    largest = _node(proto, "ReduceMax", [f"{prefix}_size"], f"{prefix}_residual")
    largest.attribute.append(onnx.helper.make_attribute("keepdims", 0))
    return Check(f"{prefix}_residual", f"{prefix}_total")


def _add_expected(proto: Any, prefix: str, layer: Layer) -> None:
    """The sum as it should be, negative: an addition is what can be fused.

    A convolution with one output is computed as one with a whole block of them. Where that counts, each
    input channel is convolved by itself and the results are added, which comes to the same.
    """
    import onnx

    summed, inputs = -layer.summed, [layer.node.input[0], f"{prefix}_weight"]
    bias = [] if layer.bias is None else [f"{prefix}_bias"]
    if layer.bias is not None:
        _constant(proto, bias[0], -layer.bias)
    channels = summed.shape[1]
    is_split = summed.ndim == _IMAGE_AXES and channels % _BLOCK == 0 and summed[0, 0].size > 1
    if not is_split:
        _constant(proto, inputs[1], summed)
        twin = _node(proto, layer.node.op_type, [*inputs, *bias], f"{prefix}_expected")
        twin.attribute.extend(layer.node.attribute)
        return
    _constant(proto, inputs[1], np.ascontiguousarray(summed.swapaxes(0, 1)))
    deep = _node(proto, "Conv", inputs, f"{prefix}_deep")
    deep.attribute.extend(a for a in layer.node.attribute if a.name != "group")
    deep.attribute.append(onnx.helper.make_attribute("group", channels))
    _node(proto, "Conv", [f"{prefix}_deep", _ones(proto, channels), *bias], f"{prefix}_expected")


def _ones(proto: Any, channels: int) -> str:
    """Weights that add up so many channels."""
    name = f"{_PREFIX}_ones_{channels}"
    _constant(proto, name, np.ones((1, channels, 1, 1), np.float32))
    return name


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
