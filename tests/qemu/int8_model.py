"""A small network in 8-bit integers whose answers are whole numbers: equal on every processor, or wrong.

The flight's comparison with the golden twin allows another processor's last bits; for whole numbers
below a thousand that allowance is nothing, so the answers must be the very same.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS = (48, 64, 64, 8)
SEED = 20
OPSET, IR = 17, 9


def write(path: Path) -> Path:
    """Three layers: integers multiplied, summed, scaled by a power of two and cut to 8 bits again."""
    chance = np.random.default_rng(SEED)
    constants = [("zero", np.uint8(128)), ("scale", np.float32(256.0)), ("one", np.float32(1 / 64))]
    nodes = [helper.make_node("QuantizeLinear", ["features", "one", "zero"], ["q0"])]
    last = len(WIDTHS) - 2
    for layer, shape in enumerate(pairwise(WIDTHS)):
        weights = chance.integers(-127, 128, shape).astype(np.int8)
        constants.append((f"w{layer}", weights))
        inputs = [f"q{layer}", f"w{layer}", "zero"]
        nodes += [
            helper.make_node("MatMulInteger", inputs, [f"sum{layer}"]),
            helper.make_node("Cast", [f"sum{layer}"], [f"real{layer}"], to=TensorProto.FLOAT),
            helper.make_node(
                "QuantizeLinear", [f"real{layer}", "scale", "zero"], [f"q{layer + 1}"]
            ),
        ]
    nodes.append(helper.make_node("Cast", [f"q{last + 1}"], ["answer"], to=TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, WIDTHS[0]])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, WIDTHS[-1]])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.save(model, path)
    return path
