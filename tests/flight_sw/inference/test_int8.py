"""8-bit convolutions: seen where they pack, without a changed bit, or with packing off."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from flight_sw.inference import compile as compiling
from flight_sw.inference.compile import compile_model
from flight_sw.inference.int8 import saturates, shift_file, shift_weights
from flight_sw.inference.manifest import Route, read_manifest
from flight_sw.radiation.native import crc32c


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("int8-wide", Route.GRAFTED),
        ("int8-cnn", Route.PLAIN if saturates() else Route.SHIFTED),
        ("int8-depthwise", Route.PLAIN),
        ("small-cnn", Route.PACKED),
    ],
)
def test_the_fastest_protectable_route_is_taken(compiled, name, route):
    """Convolutions too small for pages of their own are shifted; a depthwise one needs packing off."""
    assert read_manifest(compiled(name)).route is route


def test_where_sums_are_cut_off_no_weight_is_shifted(sources, tmp_path, monkeypatch):
    """Found on a processor with AVX2 and no VNNI: the answers were others than the model's."""
    monkeypatch.setattr(compiling, "saturates", lambda: True)
    manifest = compile_model(sources["int8-cnn"], tmp_path / "compiled", crc32c)
    assert manifest.route is Route.PLAIN


@pytest.mark.skipif(saturates(), reason="this processor cuts 8-bit sums off: nothing is shifted")
@pytest.mark.parametrize("name", ["int8-cnn", "int8-depthwise"])
def test_shifting_changes_no_bit_of_the_answer(sources, tmp_path, name):
    """Weight and zero point move together."""
    assert shift_file(sources[name], tmp_path / "shifted.onnx")
    image = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)
    before, after = (
        ort.InferenceSession(str(path)).run(None, {"image": image})[0]
        for path in (sources[name], tmp_path / "shifted.onnx")
    )
    assert before.tobytes() == after.tobytes()
    assert np.unique(before).size > 10


def test_models_without_8_bit_weights_are_left_alone(sources, tmp_path):
    """Nothing is written for them."""
    assert not shift_file(sources["small-cnn"], tmp_path / "shifted.onnx")
    assert not (tmp_path / "shifted.onnx").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("w0", -128), ("wz0", 1)], ids=["end of range", "asymmetric"]
)
def test_weights_that_cannot_be_lowered_stay(sources, name, value):
    """-128 has nowhere to go, and an asymmetric weight is packed visibly anyway."""
    proto = onnx.load(str(sources["int8-cnn"]))
    for tensor in proto.graph.initializer:
        if tensor.name == name:
            values = numpy_helper.to_array(tensor).copy()
            values.flat[0] = value
            tensor.CopyFrom(numpy_helper.from_array(values, name))
    assert shift_weights(proto) == 2


def test_quantise_dequantise_pairs_are_seen_through(tmp_path):
    """The other common form of 8-bit models is fused first and then shifted."""
    rng = np.random.default_rng(1)
    weights = {
        "s": np.float32(0.05),
        "z": np.uint8(128),
        "w": rng.integers(-127, 128, (8, 3, 3, 3)).astype(np.int8),
        "ws": np.full(8, 0.01, np.float32),
        "wz": np.zeros(8, np.int8),
        "b": rng.integers(-9, 9, 8).astype(np.int32),
        "bs": np.full(8, 0.0005, np.float32),
        "bz": np.zeros(8, np.int32),
    }
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
        node("DequantizeLinear", ["b", "bs", "bz"], ["db"], axis=0),
        node("Conv", ["d", "dw", "db"], ["c"]),
        node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        node("DequantizeLinear", ["cq", "s", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6])],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(
        helper.make_model(graph, opset_imports=opset, ir_version=10), str(tmp_path / "m.onnx")
    )
    assert shift_file(tmp_path / "m.onnx", tmp_path / "shifted.onnx")
