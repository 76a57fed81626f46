"""What one run of a model costs: multiply-adds, counted from its graph."""

from pathlib import Path

from flight_sw.errors import ModelError

COUNTED = frozenset({"Conv", "Gemm", "MatMul"})


def multiply_adds(model_path: Path) -> int:
    """Multiply-adds of all convolutions and matrix products of one run.

    Raises:
        ModelError: the file is no ONNX model with fixed shapes.
    """
    import onnx
    from onnx import shape_inference

    try:
        graph = shape_inference.infer_shapes(onnx.load(model_path)).graph
    except Exception as error:  # onnx raises many kinds; all mean the same here
        raise ModelError(f"{model_path}: not a readable ONNX model ({error})") from error
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    return sum(_cost(node, shapes) for node in graph.node if node.op_type in COUNTED)


def _cost(node: object, shapes: dict[str, tuple[int, ...]]) -> int:
    """Size of the output times what is added up for each of its elements."""
    inputs, outputs = list(node.input), list(node.output)  # type: ignore[attr-defined]
    weight, out = shapes.get(inputs[1], ()), shapes.get(outputs[0], ())
    if not weight or not out:
        return 0
    size = 1
    for extent in out:
        size *= max(extent, 1)
    summed = 1
    if node.op_type == "Conv":  # type: ignore[attr-defined]
        for extent in weight[1:]:
            summed *= extent
    else:
        source = shapes.get(inputs[0], ())
        summed = source[-1] if source else weight[0]
    return size * summed
