"""Weights given at every run: the route that always works, and the oracle of the others."""

import zlib

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from flight_sw.inference import compile as compiling
from flight_sw.inference import load
from flight_sw.inference.compile import compile_by, compile_model
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import GRAPH_FILE, Route
from flight_sw.inference.prove import PATTERNS, proof_inputs, prove
from flight_sw.inference.runtime import session_options
from flight_sw.inference.talk import speaker
from flight_sw.inference.tensors import pack
from flight_sw.inference.text_compile import compile_text
from tests.flight_sw.inference.conftest import ALL_MODELS
from tests.flight_sw.inference.decoders import write_decoder

FLIPS = 12


@pytest.fixture
def by_route(sources, tmp_path, live_dir):
    """A function: model name, route -> compiled by it and loaded live, with its folder."""
    live_dir.mkdir()

    def make(name, route):
        compile_by(sources[name], tmp_path / route.value, zlib.crc32, route)
        stage(tmp_path / route.value, live_dir / route.value)
        return load_live(live_dir / route.value), live_dir / route.value

    return make


@pytest.mark.parametrize("name", ALL_MODELS)
def test_given_weights_are_live_and_change_no_answer(by_route, name):
    """For every model family, with the bits of the same graph whose weights are its own."""
    given, live_dir = by_route(name, Route.INPUTS)
    plain, _ = by_route(name, Route.PLAIN)
    assert given.handed
    assert prove(given, live_dir).protectable
    for inputs in proof_inputs(given.manifest.inputs):
        assert pack(given.run(inputs)) == pack(plain.run(inputs))


@pytest.mark.parametrize("name", ALL_MODELS)
def test_a_flipped_weight_gives_what_a_graph_gives_that_is_fed_this_weight(by_route, name):
    """Bit for bit: a flip in live bytes is a flip of the weight, and of nothing else."""
    plain, _ = by_route(name, Route.PLAIN)
    given, folder = by_route(name, Route.INPUTS)
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    oracle = ort.InferenceSession(str(folder / GRAPH_FILE), options)
    names = [spec.name for spec in given.manifest.inputs]
    rng = np.random.default_rng(7)
    blobs = {blob.name: blob for blob in plain.manifest.blobs}
    golden = {pack(plain.run(inputs)) for inputs in proof_inputs(given.manifest.inputs)}
    wrong = set()
    for number in range(FLIPS):
        spec = given.manifest.handed[number % len(given.manifest.handed)]
        blob = blobs[spec.name]
        byte, bit = int(rng.integers(blob.length)), int(rng.integers(8))
        fed = {name: values.copy() for name, values in given.handed.items()}
        fed[spec.name].reshape(-1).view(np.uint8)[byte] ^= 1 << bit
        plain.view[blob.offset + byte] ^= 1 << bit
        for inputs in proof_inputs(given.manifest.inputs):
            expected = pack(oracle.run(None, dict(zip(names, inputs, strict=True)) | fed))
            assert pack(plain.run(inputs)) == expected
            wrong |= {expected} - golden
        plain.view[blob.offset + byte] ^= 1 << bit
    assert len(wrong) >= FLIPS / 2


def _open_with_copies(live_dir, manifest):
    """As an onnxruntime would that never maps the file: each weight in memory of its own."""
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.add_session_config_entry("session.disable_prepacking", "1")
    proto = onnx.load(str(live_dir / GRAPH_FILE), load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in [e for e in tensor.external_data if e.key.startswith("prepacked")]:
            tensor.external_data.remove(entry)
    onnx.load_external_data_for_model(proto, str(live_dir))
    return ort.InferenceSession(proto.SerializeToString(), options)


def test_it_is_taken_where_nothing_else_is_live(sources, tmp_path, monkeypatch):
    """An onnxruntime that copies what it is to map leaves no other way."""
    monkeypatch.setattr(load, "open_session", _open_with_copies)
    manifest = compile_model(sources["transformer"], tmp_path / "out", zlib.crc32)
    assert manifest.route is Route.INPUTS
    assert prove(load_live(tmp_path / "out"), tmp_path / "out").protectable


def test_a_decoder_speaks_with_the_weights_it_is_given(tmp_path, live_dir, monkeypatch):
    """Its runs are bound by hand; the weights are bound with the rest, and stay live."""
    monkeypatch.setattr(compiling, "_ROUTES", (Route.INPUTS,))
    compile_text(write_decoder(tmp_path / "decoder", is_int4=False), tmp_path / "out", zlib.crc32)
    stage(tmp_path / "out", live_dir)
    model = load_live(live_dir)
    voice = speaker(model, live_dir)

    def say():
        ids = voice.encode("hello there")
        return [piece.text for piece in voice.answer(ids, 12)]

    golden = say()
    region = model.handed["head"].reshape(-1).view(np.uint8)
    region ^= PATTERNS[0]
    assert say() != golden
    region ^= PATTERNS[0]
    assert say() == golden
