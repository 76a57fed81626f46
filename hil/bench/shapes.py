"""Networks of known shapes with random weights, for speed only: they answer nothing.

ResNet18 (He 2015), MobileNetV2 (Sandler 2018) at 224 x 224 with batch norm folded, and a transformer
encoder of 6 layers. Built with onnx alone; the same seed gives the same file.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
IMAGE: Final = 224
CLASSES: Final = 1000
TOKENS: Final = 128
_SEED: Final = 1
# expansion, channels, repeats, first stride: table 2 of the MobileNetV2 paper
_INVERTED: Final = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip
Feed = Mapping[str, np.ndarray]


class Graph:
    """Nodes and weights put together one layer after the other."""

    def __init__(self, seed: int = _SEED) -> None:
        self._chance = np.random.default_rng(seed)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Add an operator; the name of its output."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        """Add a tensor; its name."""
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def normal(self, *shape: int, fan_in: int) -> str:
        """Add weights that keep the variance of what they see (He initialisation)."""
        scale = (2 / fan_in) ** 0.5
        values = self._chance.standard_normal(shape, dtype=np.float32) * np.float32(scale)
        return self.constant(values)

    def conv(self, x: str, widths: tuple[int, int], size: int, stride: int = 1) -> str:
        """A convolution with bias; depthwise if both widths are equal and size is 3 and stride any.

        `widths` are channels in and out; minus one in stands for depthwise.
        """
        into, out = widths
        is_deep = into < 0
        per_group = 1 if is_deep else into
        weight = self.normal(out, per_group, size, size, fan_in=per_group * size * size)
        bias = self.normal(out, fan_in=200)
        return self.node(
            "Conv",
            [x, weight, bias],
            strides=[stride, stride],
            pads=[size // 2] * 4,
            group=out if is_deep else 1,
        )

    def relu6(self, x: str) -> str:
        """The activation of MobileNetV2: bounded on both sides."""
        bounds = [self.constant(np.array(value, np.float32)) for value in (0, 6)]
        return self.node("Clip", [x, *bounds])

    def dense(self, x: str, into: int, out: int) -> str:
        """A fully connected layer without bias."""
        return self.node("MatMul", [x, self.normal(into, out, fan_in=2 * into)])

    def save(self, path: Path, feed: Feed, last: str, shape: tuple[int, ...]) -> Path:
        """Write the model; inputs as in `feed`."""
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feed.items()
        ]
        self._nodes.append(helper.make_node("Identity", [last], ["y"]))
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, path.stem, inputs, [output], self._weights)
        opset = [helper.make_opsetid("", OPSET)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), str(path))
        return path


def resnet18(path: Path) -> Feed:
    """11.7 M weights, dense convolutions only."""
    graph, feed = Graph(), _image()
    x = graph.node("Relu", [graph.conv("x", (3, 64), 7, 2)])
    x = graph.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    width = 64
    for out in (64, 128, 256, 512):
        for repeat in range(2):
            stride = 2 if repeat == 0 and out != 64 else 1
            y = graph.node("Relu", [graph.conv(x, (width, out), 3, stride)])
            y = graph.conv(y, (out, out), 3)
            side = x if width == out else graph.conv(x, (width, out), 1, stride)
            x = graph.node("Relu", [graph.node("Add", [y, side])])
            width = out
    return _classify(graph, path, feed, x, width)


def mobilenet_v2(path: Path) -> Feed:
    """3.5 M weights, most of the work in depthwise and 1 x 1 convolutions."""
    graph, feed = Graph(), _image()
    x, width = graph.relu6(graph.conv("x", (3, 32), 3, 2)), 32
    for expansion, out, repeats, first_stride in _INVERTED:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            wide = width * expansion
            y = x if expansion == 1 else graph.relu6(graph.conv(x, (width, wide), 1))
            y = graph.relu6(graph.conv(y, (-1, wide), 3, stride))
            y = graph.conv(y, (wide, out), 1)
            x = graph.node("Add", [x, y]) if stride == 1 and width == out else y
            width = out
    x = graph.relu6(graph.conv(x, (width, 1280), 1))
    return _classify(graph, path, feed, x, 1280)


def small_cnn(path: Path) -> Feed:
    """A classifier of 8 x 8 digits: 47 k weights, the size at which overheads show."""
    graph = Graph()
    feed = {"x": _noise(1, 1, 8, 8)}
    x = graph.node("Relu", [graph.conv("x", (1, 16), 3)])
    x = graph.node("Relu", [graph.conv(x, (16, 32), 3, 2)])
    x = graph.node("Flatten", [x])
    x = graph.node("Relu", [graph.dense(x, 32 * 4 * 4, 80)])
    x = graph.dense(x, 80, 10)
    graph.save(path, feed, x, (1, 10))
    return feed


def encoder(path: Path) -> Feed:
    """A transformer encoder: 6 layers, width 256, 128 tokens, 4.7 M weights."""
    graph, wide, heads = Graph(), 256, 4
    feed = {"x": _noise(1, TOKENS, wide)}
    x = "x"
    for _ in range(6):
        x = _norm(graph, graph.node("Add", [x, _attend(graph, x, wide, heads)]), wide)
        y = graph.node("Relu", [graph.dense(x, wide, 4 * wide)])
        x = _norm(graph, graph.node("Add", [x, graph.dense(y, 4 * wide, wide)]), wide)
    graph.save(path, feed, x, (1, TOKENS, wide))
    return feed


SHAPES: Final[Mapping[str, Callable[[Path], Feed]]] = {
    "small-cnn": small_cnn,
    "resnet18": resnet18,
    "mobilenet-v2": mobilenet_v2,
    "encoder": encoder,
}


def _attend(graph: Graph, x: str, wide: int, heads: int) -> str:
    shape = graph.constant(np.array([1, TOKENS, heads, wide // heads], np.int64))
    query, key, value = (
        graph.node("Reshape", [graph.dense(x, wide, wide), shape]) for _ in range(3)
    )
    query = graph.node("Transpose", [query], perm=[0, 2, 1, 3])
    key = graph.node("Transpose", [key], perm=[0, 2, 3, 1])
    value = graph.node("Transpose", [value], perm=[0, 2, 1, 3])
    scale = graph.constant(np.array((wide // heads) ** -0.5, np.float32))
    score = graph.node("Mul", [graph.node("MatMul", [query, key]), scale])
    mixed = graph.node("MatMul", [graph.node("Softmax", [score], axis=-1), value])
    flat = graph.constant(np.array([1, TOKENS, wide], np.int64))
    mixed = graph.node("Reshape", [graph.node("Transpose", [mixed], perm=[0, 2, 1, 3]), flat])
    return graph.dense(mixed, wide, wide)


def _norm(graph: Graph, x: str, wide: int) -> str:
    ones, zeros = np.ones(wide, np.float32), np.full(wide, 0.01, np.float32)
    return graph.node("LayerNormalization", [x, graph.constant(ones), graph.constant(zeros)])


def _classify(graph: Graph, path: Path, feed: Feed, x: str, width: int) -> Feed:
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
    graph.save(path, feed, graph.dense(x, width, CLASSES), (1, CLASSES))
    return feed


def _image() -> dict[str, np.ndarray]:
    return {"x": _noise(1, 3, IMAGE, IMAGE)}


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
