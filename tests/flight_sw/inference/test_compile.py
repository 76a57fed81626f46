"""Compiling: what comes out is complete and aligned, and what cannot be compiled is said in a
line.
"""

import zlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from flight_sw.errors import ModelError
from flight_sw.inference import compile as compiling
from flight_sw.inference.compile import compile_model
from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.describe import describe_model
from flight_sw.inference.live_files import LoadError, stage, verify
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    MANIFEST_FILE,
    PAGE_BYTES,
    WEIGHTS_FILE,
    cpu_fingerprint,
    read_manifest,
    write_manifest,
)
from flight_sw.inference.worker_messages import LoadFailure


def _save(path, op="Relu", dims=(1, 4), domain="", weights=()):
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *(w.name for w in weights)], ["y"], domain=domain)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)],
        list(weights),
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
    return path


def _weight(shape=(1, 4)):
    return numpy_helper.from_array(np.ones(shape, np.float32), "w")


def test_every_blob_lies_on_a_page_of_its_own(compiled):
    """Misaligned packed blobs crash the kernels, so none is left; checks cover every page."""
    manifest = verify(compiled("transformer"))
    weights = (compiled("transformer") / WEIGHTS_FILE).read_bytes()
    assert all(blob.offset % PAGE_BYTES == 0 and blob.length > 0 for blob in manifest.blobs)
    pages = [weights[i : i + PAGE_BYTES] for i in range(0, len(weights), PAGE_BYTES)]
    assert manifest.page_crcs == tuple(zlib.crc32(page) for page in pages)
    assert len(manifest.digest) == 32


def test_a_compiled_model_is_found_again(sources, tmp_path, monkeypatch):
    """The second request for the same model, CPU and version compiles nothing."""
    first = compile_cached(sources["small-cnn"], tmp_path, zlib.crc32)
    monkeypatch.setattr(compiling, "compile_model", None)
    assert compile_cached(sources["small-cnn"], tmp_path, zlib.crc32) == first


def test_a_damaged_cache_is_made_anew(sources, tmp_path):
    """A flipped bit on the ground's disk must not stay for ever, nor reach the board."""
    first = compile_cached(sources["small-cnn"], tmp_path, zlib.crc32)
    weights = bytearray((first / WEIGHTS_FILE).read_bytes())
    weights[0] ^= 1
    (first / WEIGHTS_FILE).write_bytes(weights)
    again = compile_cached(sources["small-cnn"], tmp_path, zlib.crc32)
    assert verify(again).name == "small-cnn"
    assert [entry.name for entry in tmp_path.iterdir()] == [first.name]


def test_a_failed_compilation_leaves_nothing_behind(tmp_path):
    """An operator that onnxruntime lacks gives one line and an empty folder."""
    source = _save(tmp_path / "odd.onnx", op="Frobnicate", domain="nowhere")
    with pytest.raises(ModelError, match="Frobnicate") as caught:
        compile_model(source, tmp_path / "out" / "odd", zlib.crc32)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"this is no model, it is a text file\n", "not an ONNX model"),
        (b"", "0 bytes"),
        (b"\x08", "not an ONNX model"),
        (bytes(range(256)) * 8, "not an ONNX model"),
    ],
)
def test_a_file_that_is_no_model_is_named_as_such(tmp_path, content, words):
    """Text, emptiness and rubbish are all told in one line with the file's name."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        describe_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    """The line says which file could not be read."""
    with pytest.raises(ModelError, match=r"nothing\.onnx: cannot be read"):
        describe_model(tmp_path / "nothing.onnx")


def test_a_dynamic_dimension_is_refused_with_its_name(tmp_path):
    """Jobs carry plain bytes, so shapes must be fixed; the line says how."""
    path = _save(tmp_path / "m.onnx", op="Add", dims=("batch", 4), weights=[_weight()])
    with pytest.raises(ModelError, match=r"'batch' \(axis 0\); export the model with fixed shapes"):
        describe_model(path)


def test_a_model_without_weights_is_refused(tmp_path):
    """There would be nothing to protect."""
    path = _save(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="no weights"):
        compile_model(path, tmp_path / "out", zlib.crc32)


def test_external_data_outside_the_folder_is_refused(tmp_path):
    """A model file must not make us read other files of this machine."""
    weight = _weight()
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../secret"), ("offset", "0"), ("length", "16")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "models").mkdir()
    path = _save(tmp_path / "models" / "m.onnx", op="Add", weights=[weight])
    with pytest.raises(ModelError, match="outside the model's folder"):
        describe_model(path)


def test_a_description_counts_operators_and_weights(sources):
    """The facts the command line shows."""
    facts = describe_model(sources["small-cnn"])
    assert facts.operators["Conv"] == 3
    assert facts.inputs[0].shape == (1, 3, 16, 16)
    assert facts.opset == 17
    assert facts.weight_bytes == 4 * (8 * 27 + 8 + 72 + 32 + 320 + 5) + 16


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_a_flipped_bit_in_a_file_is_found_before_loading(damaged_copy, live_dir, name):
    """onnxruntime would use a damaged packed blob as it is."""
    data = bytearray((damaged_copy / name).read_bytes())
    data[len(data) // 2] ^= 4
    (damaged_copy / name).write_bytes(data)
    with pytest.raises(LoadError) as caught:
        stage(damaged_copy, live_dir)
    assert caught.value.reason is LoadFailure.DIGEST


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE, MANIFEST_FILE])
def test_a_missing_file_is_a_reason(damaged_copy, live_dir, name):
    """Each of the three files is needed."""
    (damaged_copy / name).unlink()
    with pytest.raises(LoadError) as caught:
        stage(damaged_copy, live_dir)
    assert caught.value.reason is LoadFailure.FILES


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"onnxruntime": "0.0.1"}, LoadFailure.VERSION),
        ({"cpu": "pdp-11"}, LoadFailure.CPU),
        ({"page_crcs": (1,)}, LoadFailure.LAYOUT),
        ({"total_bytes": 4096}, LoadFailure.LAYOUT),
    ],
)
def test_a_model_compiled_elsewhere_or_badly_is_refused(damaged_copy, fields, reason):
    """Another onnxruntime or CPU would silently compute on private copies."""
    manifest = read_manifest(damaged_copy)
    changed = {name: getattr(manifest, name) for name in manifest.__struct_fields__} | fields
    write_manifest(damaged_copy, type(manifest)(**changed))
    with pytest.raises(LoadError) as caught:
        load_live(damaged_copy)
    assert caught.value.reason is reason


@pytest.mark.parametrize("change", [{"offset": 64}, {"length": 0}, {"offset": 1 << 40}])
def test_a_blob_that_would_crash_the_kernels_is_refused(damaged_copy, change):
    """Misaligned, empty and outside blobs never reach onnxruntime."""
    manifest = read_manifest(damaged_copy)
    first = manifest.blobs[0]
    bad = type(first)(**({n: getattr(first, n) for n in first.__struct_fields__} | change))
    fields = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
    fields["blobs"] = (bad, *manifest.blobs[1:])
    write_manifest(damaged_copy, type(manifest)(**fields))
    with pytest.raises(LoadError) as caught:
        load_live(damaged_copy)
    assert caught.value.reason is LoadFailure.LAYOUT


def test_a_manifest_that_is_no_manifest_is_named(damaged_copy):
    """The line names the file and the remedy."""
    (damaged_copy / MANIFEST_FILE).write_text("{}")
    with pytest.raises(ModelError, match="not a manifest"):
        read_manifest(damaged_copy)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("processor : 0\nflags : fpu avx2 avx sse\n", ["avx", "avx2"]),
        ("processor : 0\nFeatures : fp asimd asimddp crc32\n", ["asimd", "asimddp"]),
        ("", []),
    ],
)
def test_the_fingerprint_names_the_instruction_sets_that_matter(tmp_path, text, words):
    """Both x86 and ARM spellings of /proc/cpuinfo are read; other flags do not matter."""
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_fingerprint(tmp_path / "cpuinfo").split("+")[1:] == words
