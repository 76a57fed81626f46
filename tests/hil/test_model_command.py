"""`vanallen model`: what people see when they bring a model of their own."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from flight_sw.errors import ModelError
from flight_sw.inference.bundle import Part, parts_of, verify_bundle
from flight_sw.inference.manifest import Route, read_manifest
from hil.__main__ import app
from hil.applications.models import find_model, shipped_models
from hil.model_proof import ModelProof, prove_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Compiled models of a test go nowhere else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def own_model(tmp_path):
    """A small model of a user, and a folder of inputs for it."""
    rng = np.random.default_rng(1)
    weights = {"w": (9, 7), "v": (7, 3)}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "v"], ["y"]),
        ],
        "own",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(rng.normal(size=s).astype("f4"), n) for n, s in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "own.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), str(path))
    (tmp_path / "inputs").mkdir()
    np.save(tmp_path / "inputs" / "some.npy", rng.normal(size=(6, 9)).astype("f4"))
    return path


def _run(*words):
    return CliRunner().invoke(app, ["model", *map(str, words)])


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_is_protectable_here(name):
    """Full coverage and the bits of a default session, told in one line."""
    done = _run("prove", name)
    assert done.exit_code == 0, done.output
    assert "protectable, coverage 100.00%" in done.output
    assert "same bits as a default session" in done.output
    assert "packed weights saved" in done.output


def test_too_little_coverage_is_told_and_never_called_protection():
    """The line names the dead weights and what follows from them."""
    poor = ModelProof("m", "plain", 0.5, 50, 100, False, True, Route.PLAIN, ("w1",)).summary()
    assert "NOT protectable" in poor
    assert "dead: w1; protection needs 99%" in poor


def test_a_text_file_is_refused_in_one_line(tmp_path):
    """The commonest mistake with model files."""
    (tmp_path / "notes.onnx").write_text("remember the milk\n")
    with pytest.raises(ModelError, match=r"notes\.onnx: not an ONNX model"):
        prove_model(tmp_path / "notes.onnx")


def test_a_calibrated_model_gets_every_part_and_each_is_proven(own_model, tmp_path):
    """Calibration inputs are all that the guarded graphs need; three copies come with --vote."""
    out = tmp_path / "out"
    done = _run(
        "compile", own_model, "--calibrate", tmp_path / "inputs", "--vote", "--out", out, "--json"
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert [proof["part"] for proof in told["proofs"]] == ["plain", "range", "checksum"]
    assert all(proof["protectable"] for proof in told["proofs"])
    assert told["guards"]["checked"]
    assert set(parts_of(out, verify_bundle(out))) == set(Part)


def test_without_calibration_only_the_plain_part_is_made(own_model, tmp_path):
    """A class that a model cannot keep must not be on offer."""
    done = _run("compile", own_model, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert set(parts_of(tmp_path / "out", verify_bundle(tmp_path / "out"))) == {Part.PLAIN}


def test_a_folder_of_something_else_is_never_replaced(own_model, tmp_path):
    """--out names a place for a compiled model, not something to lose."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    done = _run("compile", own_model, "--out", tmp_path / "out")
    assert isinstance(done.exception, ModelError)
    assert (tmp_path / "out" / "thesis.tex").exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_show_tells_inputs_and_operators(as_json):
    """A newcomer sees what to send and what comes back."""
    done = _run("show", find_model("hotspot"), *(["--json"] if as_json else []))
    assert done.exit_code == 0, done.output
    assert "scene" in done.output
    assert "Conv" in done.output
    assert ('"route"' if as_json else "on this machine: ") in done.output


def test_a_model_for_a_device_is_compiled_without_a_proof_here(tmp_path):
    """Whoever has the device proves it at the first load; guards are refused: nothing scrubs there."""
    out = tmp_path / "device"
    line = ["model", "compile", "telemetry-anomaly", "--device", "--out", str(out)]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    assert "proven live by the board" in done.output
    assert read_manifest(out).handed
    with pytest.raises(ModelError, match="nothing is protected there"):
        raise CliRunner().invoke(app, [*line, "--vote"]).exception
