"""A model update either is what it says, or the active model stays."""

import contextlib
import zlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import DecodeError, ModelError
from flight_sw.inference import update
from flight_sw.inference.graph_files import files_read
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    WEIGHTS_FILE,
    read_manifest,
)
from flight_sw.inference.prove import proof_inputs
from flight_sw.inference.store import ModelStore
from flight_sw.inference.update import (
    UpdateFailure,
    UpdateRefused,
    make_update,
    open_update,
    rehearse,
    try_update,
)


@pytest.fixture
def made(compiled, live_dir):
    """An update of the telemetry model, as uploaded, and the model."""
    folder = compiled("telemetry-anomaly")
    stage(folder, live_dir)
    model = load_live(live_dir)
    return make_update(folder, model, proof_inputs(model.manifest.inputs)[0]), model


def _changed(data, **fields):
    """The update with some fields, or files of its plain part, changed by functions."""
    whole = msgspec.msgpack.decode(zlib.decompress(data))
    for name, change in fields.items():
        place = whole if name in whole else whole["parts"]["plain"]
        place[name] = change(place[name])
    return zlib.compress(msgspec.msgpack.encode(whole))


def _told(manifest, **fields):
    """The manifest with other facts, and without the check sum over the old ones."""
    told = msgspec.json.decode(manifest) | fields
    del told["check"]
    return msgspec.json.encode(told)


def _reason(data, folder, active=None):
    with pytest.raises(UpdateRefused) as refused:
        open_update(data, folder, active)
    return refused.value.reason


def test_a_good_update_opens_and_passes_its_trial(made, tmp_path):
    """The same file, digest and answer as on the ground."""
    data, model = made
    manifest, known = open_update(data, tmp_path / "new", model.manifest)
    assert manifest == model.manifest
    try_update(model, known)


def test_another_answer_to_the_known_input_is_refused(made, tmp_path):
    """One bit is enough."""
    data, model = made
    wrong = _changed(data, known_answer=lambda a: bytes([a[0] ^ 1]) + a[1:])
    _, known = open_update(wrong, tmp_path / "new", None)
    with pytest.raises(UpdateRefused) as refused:
        try_update(model, known)
    assert refused.value.reason is UpdateFailure.ANSWER


def test_a_bomb_ends_at_the_limit(tmp_path, monkeypatch):
    """What unpacks to more than the limit is never held whole."""
    monkeypatch.setattr(update, "UNPACKED_BYTES_MAX", 1 << 16)
    assert _reason(zlib.compress(bytes(1 << 20)), tmp_path / "n") is UpdateFailure.TOO_LARGE
    assert not (tmp_path / "n").exists()


def test_uploads_of_no_or_too_many_bytes_are_refused(tmp_path):
    """Before anything is unpacked."""
    assert _reason(b"", tmp_path / "n") is UpdateFailure.EMPTY
    too_many = bytes(update.UPDATE_BYTES_MAX + 1)
    assert _reason(too_many, tmp_path / "n") is UpdateFailure.TOO_LARGE


def test_damaged_weights_are_refused(made, tmp_path):
    """By the digest in the manifest."""
    data = _changed(made[0], weights=lambda w: w[:-1] + bytes([w[-1] ^ 1]))
    assert _reason(data, tmp_path / "n") is UpdateFailure.DIGEST


@pytest.mark.parametrize("other", ["/etc/passwd", "../w.bin", "o.onnx", ""])
def test_external_data_elsewhere_is_refused(made, tmp_path, other):
    """A graph may read its own weights file and no other."""

    def point_elsewhere(graph):
        proto = onnx.load_from_string(graph)
        tensor = next(t for t in proto.graph.initializer if t.external_data)
        next(e for e in tensor.external_data if e.key == "location").value = other
        return proto.SerializeToString()

    data = _changed(made[0], graph=point_elsewhere)
    assert _reason(data, tmp_path / "n") is UpdateFailure.EXTERNAL_DATA
    assert not (tmp_path / "n").exists()


def test_the_last_of_two_locations_counts(made, tmp_path):
    """As in protobuf: a good name first does not hide a bad one behind it."""

    def twice(graph):
        proto = onnx.load_from_string(graph)
        tensor = next(t for t in proto.graph.initializer if t.external_data)
        entry = next(e for e in tensor.external_data if e.key == "location")
        good = entry.SerializeToString()
        bad = good + b"\x12\x07../evil"
        whole = proto.SerializeToString()
        # Both lengths above the entry fit one byte, so only the entry itself is tried here.
        at = whole.find(bytes([0x6A, len(good)]) + good)
        assert at > 0
        assert files_read(bytes([0x6A, len(bad)]) + bad) == set()  # no tensor at the top level
        tensor_bytes = bytes([0x6A, len(bad)]) + bad
        graph_bytes = b"\x2a" + bytes([len(tensor_bytes)]) + tensor_bytes
        return whole + b"\x3a" + bytes([len(graph_bytes)]) + graph_bytes

    data = _changed(made[0], graph=twice)
    assert _reason(data, tmp_path / "n") is UpdateFailure.EXTERNAL_DATA


def test_a_location_in_a_branch_or_behind_a_long_tag_is_found():
    """Wherever a tensor may stand, and however its length is written."""
    entry = b"\x0a\x88\x00location" + b"\x12\x01x"  # 8 as two bytes
    tensor = b"\x6a" + bytes([len(entry)]) + entry
    attribute_graph = b"\x2a" + bytes([len(tensor)]) + tensor
    attribute = b"\x32" + bytes([len(attribute_graph)]) + attribute_graph
    node = b"\x2a" + bytes([len(attribute)]) + attribute
    graph = b"\x0a" + bytes([len(node)]) + node
    assert files_read(b"\x3a" + bytes([len(graph)]) + graph) == {b"x"}


@pytest.mark.parametrize("name", ["hotspot", "transformer"])
def test_the_walk_agrees_with_the_onnx_library(name, sources, compiled):
    """On models with and without external data."""
    assert files_read(sources[name].read_bytes()) == set()
    graph = (compiled(name) / GRAPH_FILE).read_bytes()
    proto = onnx.load_from_string(graph)
    named = {
        e.value for t in proto.graph.initializer for e in t.external_data if e.key == "location"
    }
    assert files_read(graph) == {value.encode() for value in named} == {WEIGHTS_FILE.encode()}


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_the_walk_ends_with_names_or_a_decode_error(data):
    """Any bytes."""
    with contextlib.suppress(DecodeError):
        files_read(data)


def test_a_name_that_is_no_word_is_refused(made, tmp_path):
    """It goes into telemetry and the memory map."""
    data = _changed(made[0], manifest=lambda m: _told(m, name="../../etc"))
    assert _reason(data, tmp_path / "n") is UpdateFailure.FORMAT


def test_a_rehearsal_refuses_another_machine(made, tmp_path):
    """A model compiled for another processor would run unprotected in silence."""
    data = _changed(made[0], manifest=lambda m: _told(m, cpu="armv9+sve9"))
    with pytest.raises(UpdateRefused) as refused:
        rehearse(data, tmp_path / "n", None, 0.99)
    assert refused.value.reason is UpdateFailure.MACHINE


def test_a_rehearsal_passes_a_good_update(made, tmp_path):
    """Opened, loaded, tried and proven."""
    assert rehearse(made[0], tmp_path / "n", None, 0.99).name == "telemetry-anomaly"
    with pytest.raises(UpdateRefused) as refused:
        rehearse(made[0], tmp_path / "m", None, 1.01)
    assert refused.value.reason is UpdateFailure.UNPROTECTED


def test_other_shapes_than_those_of_the_active_model_are_refused(made, compiled, tmp_path):
    """Jobs on their way would not fit."""
    active = read_manifest(compiled("small-cnn"))
    assert _reason(made[0], tmp_path / "n", active) is UpdateFailure.SHAPE


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_refused_with_a_reason(data):
    """Nothing else is ever raised, and nothing is written."""
    folder = Path("/nonexistent/va-update")
    assert _reason(data, folder) is UpdateFailure.FORMAT
    assert _reason(zlib.compress(data), folder) is UpdateFailure.FORMAT


def test_a_model_on_trial_is_kept_or_rolled_back(compiled, tmp_path):
    """Until it is confirmed the old one is there to come back."""
    store = ModelStore(tmp_path)
    store.install(compiled("small-cnn"), 1)
    store.install_on_trial(compiled("transformer"), 1)
    assert store.catalogue()[1].name == "transformer"
    assert store.roll_back(1)
    assert store.catalogue()[1].name == "small-cnn"
    assert not store.roll_back(1)
    store.install_on_trial(compiled("transformer"), 1)
    assert store.confirm(1)
    assert not store.roll_back(1)
    assert store.catalogue()[1].name == "transformer"
    assert len(list(tmp_path.iterdir())) == 2  # the link and one content


def test_a_trial_in_an_empty_slot_rolls_back_to_an_empty_slot(compiled, tmp_path):
    """And a second trial waits for the end of the first."""
    store = ModelStore(tmp_path)
    store.install_on_trial(compiled("small-cnn"), 2)
    with pytest.raises(ModelError, match="on trial"):
        store.install_on_trial(compiled("small-cnn"), 2)
    assert store.roll_back(2)
    assert store.catalogue() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_cannot_be_installed_leaves_the_old_model_unharmed(
    compiled, damaged_copy, tmp_path
):
    """No trial, and the old answer."""
    store = ModelStore(tmp_path / "store")
    store.install(compiled("small-cnn"), 1)
    weights = np.fromfile(damaged_copy / WEIGHTS_FILE, np.uint8)
    weights[0] ^= 1
    weights.tofile(damaged_copy / WEIGHTS_FILE)
    with pytest.raises(ModelError):
        store.install_on_trial(damaged_copy, 1)
    assert not store.on_trial(1)
    assert store.catalogue()[1].name == "small-cnn"
