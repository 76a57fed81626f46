"""A model update either is what it says, or the active model stays."""

import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import ModelError
from flight_sw.inference import update
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import WEIGHTS_FILE, read_manifest
from flight_sw.inference.prove import proof_inputs
from flight_sw.inference.store import ModelStore
from flight_sw.inference.update import (
    UpdateFailure,
    UpdateRefused,
    make_update,
    open_update,
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
    plain = msgspec.msgpack.decode(zlib.decompress(data))
    change = {name: f(plain[name]) for name, f in fields.items()}
    return zlib.compress(msgspec.msgpack.encode(plain | change))


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


@pytest.mark.parametrize("data", [b"", bytes(update.UPDATE_BYTES_MAX + 1)])
def test_uploads_of_no_or_too_many_bytes_are_refused(data, tmp_path):
    """Before anything is unpacked."""
    assert _reason(data, tmp_path / "n") is UpdateFailure.TOO_LARGE


def test_damaged_weights_are_refused(made, tmp_path):
    """By the digest in the manifest."""
    data = _changed(made[0], weights=lambda w: w[:-1] + bytes([w[-1] ^ 1]))
    assert _reason(data, tmp_path / "n") is UpdateFailure.DIGEST


def test_external_data_elsewhere_is_refused(made, tmp_path):
    """A graph may read its own weights file and no other."""
    own, other = WEIGHTS_FILE.encode(), b"/etc/passwd"
    field = b"\x0a\x08location\x12"
    data = _changed(
        made[0],
        graph=lambda g: g.replace(
            field + bytes([len(own)]) + own, field + bytes([len(other)]) + other, 1
        ),
    )
    assert _reason(data, tmp_path / "n") is UpdateFailure.EXTERNAL_DATA


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
