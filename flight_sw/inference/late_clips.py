"""Clips that would keep layers apart: taken out before onnxruntime optimises, put back into the result.

onnxruntime adds the residual inside of a convolution and bounds it there if a Relu follows, not if a
clip does; its blocked layout goes through a Relu, but around a clip it is undone and made again. So a
clip from 0 on stands as a Relu while the graph is optimised. Afterwards it is a clip again: as the
convolution's own activation, or as an operator in the same layout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from flight_sw.inference.manifest import WEIGHTS_FILE

_NAME = "va_late"
_BLOCKED = "_nchwc"  # onnxruntime names a convolution in its blocked layout after its output


@dataclass(frozen=True, slots=True)
class LateClip:
    """The Relu that stands for a clip, and the outputs of the convolutions that may take it in."""

    name: str
    high: float
    convolutions: tuple[str, ...]


def take_out(proto: Any) -> list[LateClip]:
    """Turn each clip from 0 on into a Relu where it could not become the activation by itself."""
    import onnx

    constants = {t.name: t for t in proto.graph.initializer}
    makers = {name: node for node in proto.graph.node for name in node.output}
    uses = [name for node in proto.graph.node for name in node.input]
    uses += [value.name for value in proto.graph.output]
    found: list[LateClip] = []
    for node in proto.graph.node:
        if node.op_type != "Clip" or any(name not in constants for name in node.input[1:]):
            continue
        bounds = [onnx.numpy_helper.to_array(constants[name]) for name in node.input[1:]]
        sources = _convolutions(node.input[0], makers)
        is_own_activation = sources == (node.input[0],) and uses.count(node.input[0]) == 1
        if len(bounds) != 2 or bounds[0] != 0 or not sources or is_own_activation:
            continue
        found.append(LateClip(f"{_NAME}{len(found)}", float(bounds[1]), sources))
        node.op_type, node.name = "Relu", found[-1].name
        del node.input[1:]
    return found


def put_back(proto: Any, clips: list[LateClip], saved: bytes) -> bytes | None:
    """Make the Relus of an optimised graph clips again: its weights file with the bounds added.

    None if one of them cannot be told from what onnxruntime has made.
    """
    places = [_place(proto, clip) for clip in clips]
    if any(place is None for place in places):
        return None
    low = f"{_NAME}_low"
    saved = _add_bound(proto, low, 0.0, saved)
    for clip, node in zip(clips, places, strict=True):
        if node.op_type == "Relu":
            saved = _add_bound(proto, f"{clip.name}_high", clip.high, saved)
            node.op_type = "Clip"
            node.input.extend([low, f"{clip.name}_high"])
        else:
            _set_activation(node, clip.high)
    if not any(low in node.input for node in proto.graph.node):
        del proto.graph.initializer[-1]
    return saved


def _convolutions(name: str, makers: dict[str, Any]) -> tuple[str, ...]:
    """The outputs of convolutions that this tensor is, or is the sum of."""
    maker = makers.get(name)
    if maker is None:
        return ()
    names = maker.input if maker.op_type == "Add" else [name]
    return tuple(n for n in names if n in makers and makers[n].op_type == "Conv")


def _place(proto: Any, clip: LateClip) -> Any:
    names = {f"{name}{_BLOCKED}" for name in clip.convolutions}
    found = [
        node
        for node in proto.graph.node
        if (node.name == clip.name and node.op_type == "Relu")
        or (node.name in names and _activation(node) == b"Relu")
    ]
    return found[0] if len(found) == 1 else None


def _activation(node: Any) -> bytes:
    return b"".join(a.s for a in node.attribute if a.name == "activation")


def _set_activation(node: Any, high: float) -> None:
    import onnx

    kept = [a for a in node.attribute if a.name not in ("activation", "activation_params")]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.append(onnx.helper.make_attribute("activation", "Clip"))
    node.attribute.append(onnx.helper.make_attribute("activation_params", [0.0, high]))


def _add_bound(proto: Any, name: str, value: float, saved: bytes) -> bytes:
    """One float more in the weights file, where the scrub sees it."""
    import onnx

    data = np.float32(value).tobytes()
    tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    facts = {"location": WEIGHTS_FILE, "offset": str(len(saved)), "length": str(len(data))}
    for key, text in facts.items():
        tensor.external_data.add(key=key, value=text)
    proto.graph.initializer.append(tensor)
    return saved + data
