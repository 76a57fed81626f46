"""What a model file takes and gives, or one clear line why it cannot be used."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_sw.errors import ModelError
from flight_sw.inference.manifest import sha256_hex
from flight_sw.inference.worker_messages import TensorSpec

MAX_MODEL_BYTES = 2 << 30  # protobuf's own limit for one file


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Facts for people and for admission; sizes in bytes."""

    path: Path
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: dict[str, int]
    opset: int
    weight_bytes: int


def describe_model(path: Path) -> ModelDescription:
    """Inputs, outputs, operators and weight size of an ONNX file; ModelError names what is
    wrong.
    """
    proto = read_proto(path)
    outputs = tuple(_spec(path, value, "output") for value in proto.graph.output)
    return described(path, proto, graph_inputs(path, proto), outputs)


def described(
    path: Path, proto: Any, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> ModelDescription:
    """The rest of a description, where inputs and outputs are known."""
    return ModelDescription(
        path=path,
        sha256=source_digest(path, proto),
        inputs=inputs,
        outputs=outputs,
        operators=_count([_text(path, node.op_type) for node in proto.graph.node]),
        opset=max((entry.version for entry in proto.opset_import if not entry.domain), default=0),
        weight_bytes=sum(_tensor_bytes(path, tensor) for tensor in proto.graph.initializer),
    )


def read_proto(path: Path) -> Any:
    """The ONNX protobuf without external data; ModelError if the file is not one."""
    import onnx
    from google.protobuf.message import DecodeError as ProtobufError  # type: ignore[import-untyped]

    try:
        size = path.stat().st_size
        if size == 0 or size > MAX_MODEL_BYTES:
            raise ModelError(f"{path}: {size} bytes is no ONNX model; give an .onnx file")
        proto = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ProtobufError, UnicodeDecodeError, ValueError) as error:
        raise ModelError(f"{path}: not an ONNX model; export one with opset 17 or later") from error
    if not proto.graph.node:
        raise ModelError(f"{path}: not an ONNX model (no operators); give an .onnx file")
    return proto


def source_digest(path: Path, proto: Any) -> str:
    """SHA-256 over the model file and every external data file it names, in hex."""
    names = sorted(
        {
            _text(path, entry.value)
            for tensor in proto.graph.initializer
            if tensor.data_location == tensor.EXTERNAL
            for entry in tensor.external_data
            if entry.key == "location"
        }
    )
    text = sha256_hex(path.read_bytes())
    for name in names:
        try:
            data = (path.parent / name).resolve()
            if path.parent.resolve() not in data.parents:
                raise ModelError(f"{path}: external data {name!r} lies outside the model's folder")
            text += sha256_hex(data.read_bytes())
        except OSError as error:
            raise ModelError(f"{path}: external data {name!r}: {error.strerror}") from error
        except (ValueError, RuntimeError) as error:  # a NUL in the name; links in a circle
            raise ModelError(f"{path}: external data {name!r}: no name of a file") from error
    return text if not names else sha256_hex(text.encode())


def graph_inputs(path: Path, proto: Any) -> tuple[TensorSpec, ...]:
    """The inputs that a job must bring: those no initializer provides."""
    own = {tensor.name for tensor in proto.graph.initializer}
    specs = tuple(
        _spec(path, value, "input") for value in proto.graph.input if value.name not in own
    )
    if not specs:
        raise ModelError(f"{path}: the model has no input; nothing could be asked of it")
    return specs


def _spec(path: Path, value: Any, role: str) -> TensorSpec:
    import numpy as np
    import onnx

    tensor = value.type.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: {role} {value.name!r} is not a plain tensor") from error
    if dtype.kind not in "fiub":
        raise ModelError(f"{path}: {role} {value.name!r} has type {dtype}; numbers are needed")
    shape = []
    for axis, dim in enumerate(tensor.shape.dim):
        if not dim.HasField("dim_value") or dim.dim_value <= 0:
            shown = dim.dim_param or "?"
            raise ModelError(
                f"{path}: {role} {value.name!r} has the dynamic dimension {shown!r} (axis {axis}); "
                "export the model with fixed shapes, batch 1"
            )
        shape.append(dim.dim_value)
    return TensorSpec(_text(path, value.name), dtype.name, tuple(shape))


def _tensor_bytes(path: Path, tensor: Any) -> int:
    import onnx

    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: {tensor.name!r} has no type that numbers have") from error
    return int(math.prod(tensor.dims)) * int(dtype.itemsize)


def _text(path: Path, value: str | bytes) -> str:
    """Protobuf hands out as bytes what should be text and is not UTF-8."""
    if isinstance(value, bytes):
        raise ModelError(f"{path}: not an ONNX model; {value[:40]!r} is no text")
    return value


def _count(names: list[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}
