"""Guards in the graph: silent while all is well, and they catch what they are there for."""

import zlib

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from flight_sw.errors import ModelError
from flight_sw.inference.compile import compile_model
from flight_sw.inference.describe import describe_model
from flight_sw.inference.guard import RANGE_MARGIN, guard_model
from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.load import load_live, split_residual
from flight_sw.inference.manifest import RESIDUAL_OUTPUT
from flight_sw.inference.prove import proof_inputs, prove
from flight_sw.inference.tensors import pack
from flight_sw.inference.worker import Worker
from flight_sw.inference.worker_messages import Done, Failed, Load, Loaded, Run, RunFailure

NAMES = ("telemetry-anomaly", "hotspot", "transformer", "small-cnn")


def _calibration(source, count=8):
    specs = describe_model(source).inputs
    rng = np.random.default_rng(1)
    if specs[0].name == "scene":
        return [[rng.normal(295, 8, specs[0].shape).astype(np.float32)] for _ in range(count)]
    if specs[0].dtype == "int64":
        return [[rng.integers(0, 50, specs[0].shape)] for _ in range(count)]
    return [[rng.normal(0, 1, specs[0].shape).astype(np.float32)] for _ in range(count)]


@pytest.fixture(params=NAMES)
def guarded(request, sources, tmp_path):
    """Each model with clips and checksums: (source, guarded file, report, calibration inputs)."""
    source = sources[request.param]
    calibration = _calibration(source)
    target = tmp_path / source.name
    return (
        source,
        target,
        guard_model(source, target, calibration, with_checksums=True),
        calibration,
    )


def _default(path):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def test_guards_do_not_change_an_unharmed_answer(guarded):
    """On what calibration has seen the answer is the same to rounding and no alarm is raised."""
    source, target, report, calibration = guarded
    plain, watched = _default(source), _default(target)
    name = plain.get_inputs()[0].name
    assert report.checked
    for (x,) in calibration:
        answer, residual = watched.run(None, {name: x})
        assert residual.shape == (len(report.checked),)
        assert np.allclose(answer, plain.run(None, {name: x})[0], rtol=1e-5, atol=1e-6)
        assert residual.max() < 1.0


def test_a_guarded_model_is_as_live_as_a_plain_one(guarded, live_dir, tmp_path):
    """The sums are weights too and lie in the protected file."""
    _, target, _, _ = guarded
    compile_model(target, tmp_path / "compiled", zlib.crc32)
    stage(tmp_path / "compiled", live_dir)
    proof = prove(load_live(live_dir), live_dir)
    assert proof.dead == ()
    assert proof.coverage >= 0.99


def test_checksums_catch_every_fault_that_matters(sources, live_dir, tmp_path):
    """Of random flips in exponent and sign bits, none changes the answer by much without an
    alarm.
    """
    source = sources["transformer"]
    calibration = _calibration(source)
    guard_model(source, tmp_path / "transformer.onnx", calibration, with_checksums=True)
    compile_model(tmp_path / "transformer.onnx", tmp_path / "compiled", zlib.crc32)
    stage(tmp_path / "compiled", live_dir)
    model, view = load_live(live_dir), map_weights(live_dir)
    dense = [b for b in model.manifest.computing_blobs if b.length >= 4096 and b.name != "e"]
    assert dense
    rng = np.random.default_rng(2)
    golden = split_residual(model.manifest, model.run(calibration[0]))[0][0]
    harmful = 0
    for _ in range(300):
        blob = dense[rng.integers(len(dense))]
        byte = blob.offset + 4 * int(rng.integers(blob.length // 4)) + 3
        mask = np.uint8(1 << rng.integers(8))
        view[byte] ^= mask
        answer, residual = split_residual(model.manifest, model.run(calibration[0]))
        view[byte] ^= mask
        if not np.abs(answer[0] - golden).max() <= 1e-2:
            harmful += 1
            assert not residual <= 1.0
    assert harmful > 30


def test_a_clip_bounds_what_a_flipped_exponent_can_do(sources, tmp_path):
    """A huge activation is cut to what calibration has seen, times the margin."""
    source = sources["small-cnn"]
    calibration = _calibration(source)
    report = guard_model(source, tmp_path / "c.onnx", calibration, with_checksums=False)
    proto = onnx.load(str(tmp_path / "c.onnx"))
    assert report.clipped
    assert not [n for n in proto.graph.node if n.op_type == "Relu"]
    proto.graph.output.append(helper.make_empty_tensor_value_info(report.clipped[-1]))
    session = ort.InferenceSession(proto.SerializeToString())
    name = session.get_inputs()[0].name
    usual = max(float(session.run(None, {name: x})[1].max()) for (x,) in calibration)
    wild = session.run(None, {name: calibration[0][0] * np.float32(1e20)})[1].max()
    assert wild == pytest.approx(usual * RANGE_MARGIN, rel=1e-5)
    assert RESIDUAL_OUTPUT not in [output.name for output in proto.graph.output]


def test_an_alarm_fails_the_job_and_the_residual_stays_on_board(sources, live_dir, tmp_path):
    """The worker answers with the model's own outputs, or with CHECKSUM."""
    source = sources["telemetry-anomaly"]
    guard_model(source, tmp_path / source.name, _calibration(source), with_checksums=True)
    compile_model(tmp_path / source.name, tmp_path / "compiled", zlib.crc32)
    manifest = stage(tmp_path / "compiled", live_dir)
    worker = Worker()
    loaded = worker.handle(Load(str(live_dir), 1))
    assert isinstance(loaded, Loaded)
    assert [spec.name for spec in loaded.outputs] == ["probability"]
    job = Run(1, 1, np.zeros(18, "<f4").tobytes())
    done = worker.handle(job)
    assert isinstance(done, Done)
    assert len(done.output) == 4
    first = next(b for b in manifest.computing_blobs if b.name.startswith("layers.0.weight"))
    map_weights(live_dir)[first.offset + 3 : first.offset + first.length : 256] ^= 0x40
    failed = worker.handle(job)
    assert isinstance(failed, Failed)
    assert failed.reason is RunFailure.CHECKSUM


def test_layers_that_cannot_be_checked_are_named(sources, tmp_path):
    """A depthwise convolution has no sum to check, and the report says so."""
    source = sources["small-cnn"]
    report = guard_model(source, tmp_path / "c.onnx", _calibration(source), with_checksums=True)
    assert len(report.checked) == 3
    assert len(report.skipped) == 1


def test_no_dense_layer_of_the_fire_detector_is_left_out(sources, tmp_path):
    """Its last layer has a single output channel."""
    source = sources["hotspot"]
    report = guard_model(source, tmp_path / "h.onnx", _calibration(source), with_checksums=True)
    assert report.skipped == ()


def test_a_layer_of_a_single_output_is_checked_by_a_copy_that_is_not_shared(
    sources, live_dir, tmp_path
):
    """A wild weight of the last layer once went unseen: the sum of one output is that output."""
    source = sources["telemetry-anomaly"]
    calibration = _calibration(source)
    report = guard_model(source, tmp_path / source.name, calibration, with_checksums=True)
    assert report.skipped == ()
    compile_model(tmp_path / source.name, tmp_path / "compiled", zlib.crc32)
    manifest = stage(tmp_path / "compiled", live_dir)
    model, view = load_live(live_dir), map_weights(live_dir)
    assert split_residual(manifest, model.run(calibration[0]))[1] < 1
    original = onnx.load(str(source)).graph.node[-2].input[1]
    blobs = [b for b in manifest.computing_blobs if b.name.startswith(original)]
    assert blobs
    for blob in blobs:
        view[blob.offset + 3 : blob.offset + 35 : 4] ^= 0x40
    assert not split_residual(manifest, model.run(calibration[0]))[1] <= 1


@pytest.mark.parametrize("turned", [0, 1])
def test_both_ways_to_store_a_dense_layer_are_summed_over_its_outputs(tmp_path, turned):
    """Gemm may hold its weights transposed; a wrong axis would alarm at once or never."""
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(7, 5) if turned else (5, 7)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=turned)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 7))],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(rng.normal(size=7).astype(np.float32), "b"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(
        helper.make_model(graph, opset_imports=opset, ir_version=10), str(tmp_path / "m.onnx")
    )
    calibration = [[rng.normal(size=(1, 5)).astype(np.float32)] for _ in range(4)]
    guard_model(tmp_path / "m.onnx", tmp_path / "g.onnx", calibration, with_checksums=True)
    proto = onnx.load(str(tmp_path / "g.onnx"))
    session = ort.InferenceSession(proto.SerializeToString())
    assert session.run(None, {"x": calibration[0][0]})[1] < 1.0
    for tensor in proto.graph.initializer:
        if tensor.name == "w":
            values = numpy_helper.to_array(tensor).copy()
            values[0, 0] += 0.1
            tensor.CopyFrom(numpy_helper.from_array(values, "w"))
    session = ort.InferenceSession(proto.SerializeToString())
    assert session.run(None, {"x": calibration[0][0]})[1] > 1.0


def test_guarding_needs_calibration(sources, tmp_path):
    """Without inputs there is nothing to set bounds by."""
    with pytest.raises(ModelError, match="calibration input"):
        guard_model(sources["small-cnn"], tmp_path / "c.onnx", [], with_checksums=True)


def test_a_proof_input_is_repeatable(sources):
    """Two processes prove with the same inputs."""
    specs = describe_model(sources["hotspot"]).inputs
    assert [pack(x) for x in proof_inputs(specs)] == [pack(x) for x in proof_inputs(specs)]
