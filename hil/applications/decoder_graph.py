"""A Qwen3-family decoder as an ONNX graph: built from weights, with onnx alone.

RMS norms, grouped-query attention with norms on queries and keys and rotary positions (onnxruntime's
GroupQueryAttention), gated feed-forward. Names of inputs and outputs are those that exporters use, so
that what runs this graph runs a user's own model: `input_ids`, `attention_mask`,
`past_key_values.N.key/value` to `logits`, `present.N.key/value`; batch 1, both lengths open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET: Final = 17
_CONTRIB: Final = "com.microsoft"
_FLOAT, _INT64 = TensorProto.FLOAT, TensorProto.INT64
BLOCK: Final = 32  # weights that share a scale in the 4-bit form

Weights = Callable[[str, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """Sizes of a decoder; `head` differs from `wide / heads` in the Qwen3 family."""

    layers: int
    wide: int
    heads: int
    kv_heads: int
    head: int
    hidden: int
    vocabulary: int
    positions: int
    rotary_base: float = 1_000_000.0
    epsilon: float = 1e-6


QWEN3_06B: Final = DecoderShape(28, 1024, 16, 8, 128, 3072, 151_936, 4096)


def build_decoder(path: Path, shape: DecoderShape, weights: Weights, *, is_int4: bool) -> Path:
    """Write the graph; `weights(name, shape)` gives each matrix as (inputs, outputs), float32.

    With `is_int4` the dense layers become MatMulNBits, blocks of 32; the file's data lies beside it.
    """
    build = _Builder(shape, weights, is_int4)
    model = build.model(path.stem)
    onnx.save(
        model,
        str(path),
        save_as_external_data=is_int4,
        location=f"{path.name}.data",
        size_threshold=1024,
    )
    return path


def quantise_int4(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(outputs, blocks, 16) packed nibbles and (outputs * blocks,) scales of an (inputs, outputs)
    matrix; symmetric around 8, as MatMulNBits takes them without zero points.
    """
    inputs, outputs = matrix.shape
    blocks = matrix.T.reshape(outputs, inputs // BLOCK, BLOCK)
    scales = np.abs(blocks).max(axis=2, keepdims=True) / 7
    scales[scales == 0] = 1
    levels = np.clip(np.round(blocks / scales) + 8, 0, 15).astype(np.uint8)
    return levels[..., 0::2] | levels[..., 1::2] << 4, scales.astype(np.float32).reshape(-1)


class _Builder:
    """Collects nodes and tensors of one decoder."""

    def __init__(self, shape: DecoderShape, weights: Weights, is_int4: bool) -> None:
        self._shape = shape
        self._weights = weights
        self._is_int4 = is_int4
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []

    def model(self, name: str) -> Any:
        """The whole graph."""
        s = self._shape
        self._positions()
        table = self._tensor("embed", self._weights("embed", (s.vocabulary, s.wide)))
        x = self._node("Gather", [table, "input_ids"])
        for layer in range(s.layers):
            x = self._layer(layer, x)
        x = self._norm(x, "norm", s.wide)
        head = self._dense(x, "head", s.wide, s.vocabulary)
        self._nodes.append(helper.make_node("Identity", [head], ["logits"]))
        graph = helper.make_graph(self._nodes, name, self._inputs(), self._outputs(), self._tensors)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def _positions(self) -> None:
        """Lengths as GroupQueryAttention takes them, and the rotary tables."""
        s = self._shape
        axis = self._tensor("axis_1", np.array([1], np.int64))
        one = self._tensor("one", np.array(1, np.int64))
        total = self._node("ReduceSum", ["attention_mask", axis], keepdims=0)
        less = self._node("Sub", [total, one])
        self._nodes.append(helper.make_node("Cast", [less], ["seqlens"], to=TensorProto.INT32))
        length = self._node("Gather", [self._node("Shape", ["attention_mask"]), one])
        self._nodes.append(helper.make_node("Cast", [length], ["total"], to=TensorProto.INT32))
        angles = rotary_angles(s)
        self._tensor("cos", np.cos(angles).astype(np.float32))
        self._tensor("sin", np.sin(angles).astype(np.float32))

    def _layer(self, number: int, x: str) -> str:
        s, at = self._shape, f"layer{number}"
        y = self._norm(x, f"{at}.norm1", s.wide)
        query = self._heads(y, f"{at}.q", s.heads)
        key = self._heads(y, f"{at}.k", s.kv_heads)
        value = self._dense(y, f"{at}.v", s.wide, s.kv_heads * s.head)
        past = [f"past_key_values.{number}.{part}" for part in ("key", "value")]
        present = [f"present.{number}.{part}" for part in ("key", "value")]
        mixed = f"{at}.mixed"
        self._nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [query, key, value, *past, "seqlens", "total", "cos", "sin"],
                [mixed, *present],
                domain=_CONTRIB,
                num_heads=s.heads,
                kv_num_heads=s.kv_heads,
                do_rotary=1,
            )
        )
        x = self._node("Add", [x, self._dense(mixed, f"{at}.o", s.heads * s.head, s.wide)])
        y = self._norm(x, f"{at}.norm2", s.wide)
        gate = self._dense(y, f"{at}.gate", s.wide, s.hidden)
        swish = self._node("Mul", [gate, self._node("Sigmoid", [gate])])
        up = self._node("Mul", [swish, self._dense(y, f"{at}.up", s.wide, s.hidden)])
        return self._node("Add", [x, self._dense(up, f"{at}.down", s.hidden, s.wide)])

    def _heads(self, x: str, name: str, heads: int) -> str:
        """Projected, each head normed, flat again."""
        s = self._shape
        y = self._dense(x, name, s.wide, heads * s.head)
        split = self._tensor(f"{name}.split", np.array([1, -1, heads, s.head], np.int64))
        flat = self._tensor(f"{name}.flat", np.array([1, -1, heads * s.head], np.int64))
        y = self._norm(self._node("Reshape", [y, split]), f"{name}_norm", s.head)
        return self._node("Reshape", [y, flat])

    def _norm(self, x: str, name: str, wide: int) -> str:
        scale = self._tensor(name, self._weights(name, (wide,)))
        epsilon = self._shape.epsilon
        return self._node("SimplifiedLayerNormalization", [x, scale], axis=-1, epsilon=epsilon)

    def _dense(self, x: str, name: str, inputs: int, outputs: int) -> str:
        matrix = self._weights(name, (inputs, outputs))
        if not self._is_int4:
            return self._node("MatMul", [x, self._tensor(name, matrix)])
        packed, scales = quantise_int4(matrix)
        tensors = [self._tensor(name, packed), self._tensor(f"{name}.scale", scales)]
        return self._node(
            "MatMulNBits",
            [x, *tensors],
            domain=_CONTRIB,
            K=inputs,
            N=outputs,
            bits=4,
            block_size=BLOCK,
        )

    def _inputs(self) -> list[Any]:
        s = self._shape
        kv = [1, s.kv_heads, "past", s.head]
        names = [f"past_key_values.{i}.{p}" for i in range(s.layers) for p in ("key", "value")]
        return [
            helper.make_tensor_value_info("input_ids", _INT64, [1, "new"]),
            helper.make_tensor_value_info("attention_mask", _INT64, [1, "total"]),
            *(helper.make_tensor_value_info(name, _FLOAT, kv) for name in names),
        ]

    def _outputs(self) -> list[Any]:
        s = self._shape
        kv = [1, s.kv_heads, "total", s.head]
        names = [f"present.{i}.{p}" for i in range(s.layers) for p in ("key", "value")]
        return [
            helper.make_tensor_value_info("logits", _FLOAT, [1, "new", s.vocabulary]),
            *(helper.make_tensor_value_info(name, _FLOAT, kv) for name in names),
        ]

    def _tensor(self, name: str, values: np.ndarray) -> str:
        self._tensors.append(numpy_helper.from_array(values, name))
        return name

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name


def rotary_angles(shape: DecoderShape) -> np.ndarray:
    """Angle per position and pair of dimensions, (positions, head / 2)."""
    pairs = np.arange(shape.head // 2) * 2 / shape.head
    return np.outer(np.arange(shape.positions), shape.rotary_base**-pairs)


def random_weights(seed: int) -> Weights:
    """Weights that keep signals finite and say nothing: for speed only."""
    chance = np.random.default_rng(seed)

    def draw(_: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) == 1:
            return np.ones(shape, np.float32)
        values = chance.standard_normal(shape, dtype=np.float32)
        return values * np.float32(shape[0] ** -0.5)

    return draw
