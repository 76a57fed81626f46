"""The proof that the command line shows for any model."""

import zlib
from dataclasses import replace

import pytest

from flight_sw.errors import ModelError
from hil.applications.model_proof import prove_model
from hil.applications.models import find_model, shipped_models


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_is_protectable_here(name):
    """Full coverage and the bits of a default session, told in one line."""
    found = prove_model(find_model(name), zlib.crc32)
    assert found.proof.coverage == 1.0
    assert found.is_same_as_default
    assert "protectable, coverage 100.00%" in found.summary()


def test_too_little_coverage_is_told_and_never_called_protection():
    """The line names the dead weights and what follows from them."""
    found = prove_model(find_model("telemetry-anomaly"), zlib.crc32)
    poor = replace(found, proof=replace(found.proof, coverage=0.5, dead=("w1",)))
    assert "NOT protectable" in poor.summary()
    assert "dead: w1; protection needs 99%" in poor.summary()


def test_a_text_file_is_refused_in_one_line(tmp_path):
    """The commonest mistake with model files."""
    (tmp_path / "notes.onnx").write_text("remember the milk\n")
    with pytest.raises(ModelError, match=r"notes\.onnx: not an ONNX model"):
        prove_model(tmp_path / "notes.onnx", zlib.crc32)
