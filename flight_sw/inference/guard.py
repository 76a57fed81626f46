"""Guards written into the graph: range clips and checksums of dense layers.

A range clip bounds what a flipped exponent can do (Chen, Li, Pattabiraman: Ranger, DSN 2021):
each Relu becomes a clip to what calibration has seen, at next to no cost. A checksum (Huang,
Abraham 1984) computes a dense layer's sum over its outputs a second time from the summed
weights; the two differ by more than rounding only if a weight, or the arithmetic, was wrong.

Runs where models are compiled. The guarded model is an ordinary ONNX file; with checksums it has
one more output, `RESIDUAL_OUTPUT`: one number per layer, scaled so that more than 1 is an alarm.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from flight_sw.errors import ModelError
from flight_sw.inference.checksum import add_checks, find_layers, join_residuals
from flight_sw.inference.describe import describe_model, read_proto
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options
from flight_sw.inference.tensors import Tensor

RANGE_MARGIN = 1.5  # clips lie this factor above what calibration has seen
# Rounding differs with the input; an alarm that is wrong costs a re-run, so the margin is generous.
ALARM_MARGIN = 16.0
_FLOAT_EPS = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What was guarded: names of clipped Relus, checked layers, and dense-looking layers
    skipped.
    """

    clipped: tuple[str, ...]
    checked: tuple[str, ...]
    skipped: tuple[str, ...]


def guard_model(
    source: Path, target: Path, calibration: Sequence[list[Tensor]], *, with_checksums: bool
) -> GuardReport:
    """Write the guarded form of `source` to `target`; give it the same stem to keep the name.

    `calibration` holds representative inputs: what they do not reach is cut off by the clips.
    """
    if not calibration:
        raise ModelError(f"{source}: guarding needs at least one calibration input")
    proto = _folded(source)
    clipped = _add_clips(proto, source, calibration)
    checked: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    if with_checksums:
        layers, skipped = find_layers(proto)
        if layers:
            checks = add_checks(proto, layers)
            limits = []
            for residual, total in zip(
                _peaks(proto, source, [check.residual for check in checks], calibration),
                _peaks(proto, source, [check.total for check in checks], calibration),
                strict=True,
            ):
                limits.append(ALARM_MARGIN * max(residual, total * _FLOAT_EPS, _FLOAT_EPS))
            join_residuals(proto, checks, limits)
        checked = tuple(layer.name for layer in layers)
    target.write_bytes(proto.SerializeToString(deterministic=True))
    return GuardReport(clipped, checked, skipped)


def _folded(source: Path) -> Any:
    """The model after onnxruntime's basic optimisation: constants and batch norms folded away.

    Guards put in before that would keep layers apart that belong together.
    """
    describe_model(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
        options.optimized_model_filepath = str(path)
        try:
            ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        except RUNTIME_ERRORS as error:
            raise ModelError(f"{source}: onnxruntime refuses it: {one_line(error)}") from error
        return read_proto(path)


def _add_clips(proto: Any, source: Path, calibration: Sequence[list[Tensor]]) -> tuple[str, ...]:
    """Turn each Relu into a clip, and draw the upper bound of each clip that starts at 0 nearer."""
    import onnx

    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    bounds = {
        node.output[0]: _upper_bound(node, weights)
        for node in proto.graph.node
        if node.op_type in ("Relu", "Clip")
    }
    nodes = [n for n in proto.graph.node if n.output[0] in bounds and bounds[n.output[0]] > 0]
    if not nodes:
        return ()
    peaks = _peaks(proto, source, [node.output[0] for node in nodes], calibration)
    proto.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array(0, np.float32), "va_clip_low")
    )
    for i, (node, peak) in enumerate(zip(nodes, peaks, strict=True)):
        high = min(max(peak, _FLOAT_EPS) * RANGE_MARGIN, bounds[node.output[0]])
        bound = onnx.numpy_helper.from_array(np.array(high, np.float32), f"va_clip_high_{i}")
        proto.graph.initializer.append(bound)
        node.op_type = "Clip"
        del node.input[1:]
        node.input.extend(["va_clip_low", f"va_clip_high_{i}"])
    return tuple(node.output[0] for node in nodes)


def _upper_bound(node: Any, weights: dict[str, Any]) -> float:
    """Of a Relu (none) or of a float clip from 0 on; -1 for any other clip, which stays as it is."""
    import onnx

    if node.op_type == "Relu":
        return float("inf")
    if len(node.input) != 3 or any(name not in weights for name in node.input[1:]):
        return -1.0
    low, high = (onnx.numpy_helper.to_array(weights[name]) for name in node.input[1:])
    return float(high) if low.dtype == np.float32 and float(low) == 0 else -1.0


def _peaks(
    proto: Any, source: Path, names: list[str], calibration: Sequence[list[Tensor]]
) -> list[float]:
    """Largest magnitude of each named tensor over the calibration inputs."""
    import onnx

    shown = onnx.ModelProto()
    shown.CopyFrom(proto)
    for name in names:
        shown.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    own = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value.name for value in proto.graph.input if value.name not in own]
    try:
        session = ort.InferenceSession(shown.SerializeToString(), options)
        runs = [session.run(names, dict(zip(inputs, x, strict=True))) for x in calibration]
    except RUNTIME_ERRORS as error:
        raise ModelError(f"{source}: calibration failed: {one_line(error)}") from error
    return [max(float(np.abs(run[i]).max(initial=0.0)) for run in runs) for i in range(len(names))]
