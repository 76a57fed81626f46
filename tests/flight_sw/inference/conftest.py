"""Models of several families, compiled once, and live copies of them on tmpfs."""

import shutil
import tempfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from flight_sw.inference.compile import compile_model
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live

SHIPPED = Path(__file__).parents[3] / "flight_sw" / "models"


def _model(nodes, inputs, outputs, weights):
    values = [
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in side]
        for side in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", *values, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def _weights(seed, **shapes):
    rng = np.random.default_rng(seed)
    return {
        name: (rng.normal(size=shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype(np.float32)
        for name, shape in shapes.items()
    }


def transformer():
    """One attention block with layer norm and a feed-forward part: token ids in, logits out."""
    d, tokens, vocabulary = 32, 8, 50
    weights = _weights(1, e=(vocabulary, d), q=(d, d), k=(d, d), v=(d, d), o=(d, d))
    weights |= _weights(2, up=(d, 64), down=(64, d), head=(d, vocabulary), g=(d,), h=(d,))
    node = helper.make_node
    nodes = [
        node("Gather", ["e", "ids"], ["x"]),
        node("LayerNormalization", ["x", "g", "h"], ["n"], axis=-1),
        node("MatMul", ["n", "q"], ["query"]),
        node("MatMul", ["n", "k"], ["key"]),
        node("MatMul", ["n", "v"], ["value"]),
        node("Transpose", ["key"], ["key_t"], perm=[0, 2, 1]),
        node("MatMul", ["query", "key_t"], ["score"]),
        node("Softmax", ["score"], ["share"], axis=-1),
        node("MatMul", ["share", "value"], ["mixed"]),
        node("MatMul", ["mixed", "o"], ["attended"]),
        node("Add", ["attended", "x"], ["y"]),
        node("MatMul", ["y", "up"], ["wide"]),
        node("Relu", ["wide"], ["active"]),
        node("MatMul", ["active", "down"], ["narrow"]),
        node("Add", ["narrow", "y"], ["z"]),
        node("MatMul", ["z", "head"], ["logits"]),
    ]
    return _model(
        nodes,
        [("ids", TensorProto.INT64, [1, tokens])],
        [("logits", TensorProto.FLOAT, [1, tokens, vocabulary])],
        weights,
    )


def small_cnn():
    """Three convolutions, one of them depthwise, and a dense layer."""
    weights = _weights(3, w1=(8, 3, 3, 3), b1=(8,), w2=(8, 1, 3, 3), w3=(4, 8, 1, 1))
    weights |= _weights(4, dense=(64, 5), bias=(5,))
    weights["flat"] = np.array([1, 64], np.int64)
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "w1", "b1"], ["a"], pads=[1] * 4, strides=[2, 2]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "w2"], ["c"], pads=[1] * 4, group=8, strides=[2, 2]),
        node("Conv", ["c", "w3"], ["d"]),
        node("Relu", ["d"], ["f"]),
        node("Reshape", ["f", "flat"], ["g"]),
        node("Gemm", ["g", "dense", "bias"], ["class"]),
    ]
    return _model(
        nodes,
        [("image", TensorProto.FLOAT, [1, 3, 16, 16])],
        [("class", TensorProto.FLOAT, [1, 5])],
        weights,
    )


def _int8(groups, wide=16, into=3):
    """8-bit convolutions with symmetric weights; `groups` says which of them are depthwise."""
    rng = np.random.default_rng(5)
    weights = {"s0": np.float32(0.02), "z0": np.uint8(128)}
    nodes = [helper.make_node("QuantizeLinear", ["image", "s0", "z0"], ["q0"])]
    for i, group in enumerate(groups):
        shape = (wide, 1 if group > 1 else (into if i == 0 else wide), 3, 3)
        weights |= {
            f"w{i}": rng.integers(-127, 128, shape).astype(np.int8),
            f"ws{i}": np.full(wide, 0.01, np.float32),
            f"wz{i}": np.zeros(wide, np.int8),
            f"s{i + 1}": np.float32(0.06 * (i + 1)),
            f"z{i + 1}": np.uint8(128),
            f"b{i}": rng.integers(-500, 500, wide).astype(np.int32),
        }
        names = (f"q{i}", f"s{i}", f"z{i}", f"w{i}", f"ws{i}", f"wz{i}", f"s{i + 1}", f"z{i + 1}")
        nodes.append(
            helper.make_node(
                "QLinearConv", [*names, f"b{i}"], [f"q{i + 1}"], pads=[1] * 4, group=group
            )
        )
    last = len(groups)
    nodes.append(
        helper.make_node("DequantizeLinear", [f"q{last}", f"s{last}", f"z{last}"], ["map"])
    )
    return _model(
        nodes,
        [("image", TensorProto.FLOAT, [1, into, 16, 16])],
        [("map", TensorProto.FLOAT, [1, wide, 16, 16])],
        {name: np.asarray(array) for name, array in weights.items()},
    )


def int8_cnn():
    """Dense 8-bit convolutions only."""
    return _int8((1, 1, 1))


def int8_depthwise():
    """One depthwise 8-bit convolution, for which onnxruntime saves an empty packed blob."""
    return _int8((1, 16, 1))


def int8_wide():
    """8-bit convolutions large enough for pages of their own on the heap."""
    return _int8((1, 1, 1), wide=128, into=64)


BUILT = {
    "transformer": transformer,
    "small-cnn": small_cnn,
    "int8-cnn": int8_cnn,
    "int8-depthwise": int8_depthwise,
    "int8-wide": int8_wide,
}
SHIPPED_NAMES = ("telemetry-anomaly", "hotspot")
ALL_MODELS = (*SHIPPED_NAMES, *BUILT)


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """Path of the ONNX file of every model by name."""
    folder = tmp_path_factory.mktemp("sources")
    paths = {name: SHIPPED / f"{name}.onnx" for name in SHIPPED_NAMES}
    for name, build in BUILT.items():
        paths[name] = folder / f"{name}.onnx"
        onnx.save(build(), str(paths[name]))
    return paths


@pytest.fixture(scope="session")
def compiled(sources, tmp_path_factory):
    """A function: name -> compiled directory, made once."""
    folder = tmp_path_factory.mktemp("compiled")

    def make(name):
        directory = folder / name
        if not directory.exists():
            compile_model(sources[name], directory, zlib.crc32)
        return directory

    return make


@pytest.fixture
def live_dir():
    """An empty directory on tmpfs (or the ordinary temporary place where there is none)."""
    memory = Path("/dev/shm")  # noqa: S108  tmpfs itself is what is wanted
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder) / "live"


@pytest.fixture(params=ALL_MODELS)
def live_model(request, compiled, live_dir):
    """Every model family, loaded live: (model, live directory)."""
    stage(compiled(request.param), live_dir)
    return load_live(live_dir), live_dir


@pytest.fixture
def damaged_copy(compiled, tmp_path):
    """A private copy of a compiled model that a test may spoil."""
    shutil.copytree(compiled("telemetry-anomaly"), tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def hungry_model(tmp_path):
    """A compiled model that needs 400 MB for an intermediate result."""
    weights = {"w": np.ones((1, 1), np.float32), "size": np.array([10_000, 10_000], np.int64)}
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["m"]),
        helper.make_node("Expand", ["m", "size"], ["big"]),
        helper.make_node("ReduceMax", ["big"], ["y"], keepdims=0),
    ]
    values = ([("x", TensorProto.FLOAT, [1, 1])], [("y", TensorProto.FLOAT, [])])
    onnx.save(_model(nodes, *values, weights), str(tmp_path / "hungry.onnx"))
    compile_model(tmp_path / "hungry.onnx", tmp_path / "hungry", zlib.crc32)
    return tmp_path / "hungry"
