"""Clips of guarded graphs: where they cost least, and bounding all the same."""

import zlib

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from flight_sw.inference import compile as compiling
from flight_sw.inference.compile import compile_guarded
from flight_sw.inference.late_clips import put_back, take_out
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import GRAPH_FILE
from flight_sw.inference.prove import prove

WIDE, HIGH = 32, 0.8


@pytest.fixture
def residual(tmp_path):
    """A convolution with a clip, and a residual block with a clip after the sum."""
    chance = np.random.default_rng(1)
    weights = {f"w{i}": chance.normal(0, 0.05, (WIDE, WIDE, 3, 3)) for i in range(3)}
    weights |= {"low": np.zeros(()), "high": np.full((), HIGH), "dense": np.ones((WIDE * 64, 4))}
    tensors = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in weights.items()]
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w0"], ["a"], pads=[1] * 4),
        node("Clip", ["a", "low", "high"], ["b"]),
        node("Conv", ["b", "w1"], ["c"], pads=[1] * 4),
        node("Clip", ["c", "low", "high"], ["d"]),
        node("Conv", ["d", "w2"], ["e"], pads=[1] * 4),
        node("Add", ["e", "b"], ["f"]),
        node("Clip", ["f", "low", "high"], ["g"]),
        node("Flatten", ["g"], ["h"]),
        node("MatMul", ["h", "dense"], ["y"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [1, WIDE, 8, 8]), ("y", [1, 4]))
    ]
    graph = helper.make_graph(nodes, "g", *ends, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, str(tmp_path / "residual.onnx"))
    return tmp_path / "residual.onnx"


def _answers(source, compiled, live_dir, scale):
    """Of a default session and of the compiled model, for the same input."""
    stage(compiled, live_dir)
    x = np.random.default_rng(2).normal(0, scale, (1, WIDE, 8, 8)).astype(np.float32)
    expected = ort.InferenceSession(str(source)).run(None, {"x": x})[0]
    return expected, load_live(live_dir).run([x])[0]


def _kinds(compiled):
    nodes = onnx.load(str(compiled / GRAPH_FILE), load_external_data=False).graph.node
    return [node.op_type for node in nodes]


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_late_clip_bounds_as_the_clip_it_was(residual, tmp_path, live_dir, scale):
    """Also what is far beyond it; the last layer sums what has passed the bound."""
    compile_guarded(residual, tmp_path / "compiled", zlib.crc32)
    expected, given = _answers(residual, tmp_path / "compiled", live_dir, scale)
    assert np.allclose(given, expected, rtol=1e-5)
    assert expected.max() <= HIGH * WIDE * 64


def test_a_clip_after_a_sum_costs_no_operator_of_its_own(residual, tmp_path):
    """Where onnxruntime has a blocked layout: there a clip cost two changes of layout as well."""
    compile_guarded(residual, tmp_path / "compiled", zlib.crc32)
    kinds = _kinds(tmp_path / "compiled")
    if "ReorderOutput" not in kinds:
        pytest.skip("this processor has no blocked layout")
    assert kinds.count("ReorderOutput") == kinds.count("ReorderInput") == 1
    assert not {"Relu", "Clip", "Add"} & set(kinds)


def test_bounds_that_stand_alone_are_weights_too(residual, tmp_path, live_dir):
    """A convolution whose output two operators read: the clip keeps its place, and is proven live."""
    proto = onnx.load(str(residual))
    proto.graph.node.insert(3, helper.make_node("Add", ["c", "b"], ["also"]))
    proto.graph.node[6].input[1] = "also"
    onnx.save(proto, str(residual))
    compile_guarded(residual, tmp_path / "compiled", zlib.crc32)
    expected, given = _answers(residual, tmp_path / "compiled", live_dir, 1.0)
    assert np.allclose(given, expected, rtol=1e-5)
    proof = prove(load_live(live_dir), live_dir)
    assert proof.dead == ()
    assert proof.coverage == 1.0


def test_where_a_relu_cannot_be_found_again_the_clip_stays_what_it_was(
    residual, tmp_path, live_dir, monkeypatch
):
    """Another onnxruntime may name things otherwise: slower, never unbounded."""
    monkeypatch.setattr(compiling, "put_back", lambda *_: None)
    compile_guarded(residual, tmp_path / "compiled", zlib.crc32)
    expected, given = _answers(residual, tmp_path / "compiled", live_dir, 1e6)
    assert np.allclose(given, expected, rtol=1e-5)
    assert "Relu" not in _kinds(tmp_path / "compiled")


def test_a_relu_that_is_lost_is_told(residual):
    """No bound is dropped in silence."""
    proto = onnx.load(str(residual))
    clips = take_out(proto)
    assert [clip.convolutions for clip in clips] == [("e",)]
    assert put_back(proto, clips, b"") is not None
    proto = onnx.load(str(residual))
    take_out(proto)
    del proto.graph.node[6]
    assert put_back(proto, clips, b"") is None
