"""What the user's model calls the weights that a compiled model computes with.

onnxruntime lays weights of convolutions out anew and names the copies `reorder_token_7`, which nobody
who trained the model can find. The node that reads one still leads to a tensor of the user's graph,
and from there back to the layer that has weights; the input's place tells weight from bias.
"""

from pathlib import Path
from typing import Any

import onnx

LAID_OUT = "reorder"  # how onnxruntime begins the names of its copies
BLOCKED = "_nchwc"  # how onnxruntime ends the names of nodes on its blocked layout


def layer_names(source: Path, compiled: Path) -> dict[str, str]:
    """By name in the compiled graph, the name in the user's; what has none there keeps its own."""
    theirs = onnx.load(source, load_external_data=False).graph
    ours = onnx.load(compiled, load_external_data=False).graph
    fixed = {one.name for one in theirs.initializer}
    maker = {output: node for node in theirs.node for output in node.output}
    known = {one.name for one in ours.initializer}
    names: dict[str, str] = {}
    for node in ours.node:
        inputs = [(place, name) for place, name in enumerate(node.input) if name in known]
        layer = _layer(node, maker, fixed) if inputs else None
        for place, name in inputs:
            is_copy = name.startswith(LAID_OUT) and layer is not None and place < len(layer.input)
            names[name] = layer.input[place] if is_copy else name
    return names


def _layer(node: Any, maker: dict[str, Any], fixed: set[str]) -> Any:
    """The user's node with weights whose work this one does, or None."""
    tensors = [*node.output, node.name.removesuffix(BLOCKED)]
    found = next((maker[tensor] for tensor in tensors if tensor in maker), None)
    while found is not None and not fixed & set(found.input):
        before = [maker[tensor] for tensor in found.input if tensor in maker]
        found = before[0] if len(before) == 1 else None  # an activation that was fused with it
    return found
