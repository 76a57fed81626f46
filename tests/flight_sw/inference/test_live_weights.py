"""The claim of this package: the bytes we map are the bytes onnxruntime computes with."""

import mmap

import numpy as np
import onnxruntime as ort
import pytest

from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.load import load_live, split_off_kib
from flight_sw.inference.manifest import BlobKind, Route
from flight_sw.inference.prove import PATTERNS, Proof, proof_inputs, prove
from flight_sw.inference.runtime import session_options
from flight_sw.inference.tensors import pack


def test_every_weight_is_proven_live(live_model):
    """Every blob of every model family; only shape constants in the graph, and what a grafted model
    keeps in small stretches of the heap, are not.
    """
    model, live_dir = live_model
    proof = prove(model, live_dir)
    if model.manifest.route is not Route.GRAFTED:
        assert proof.dead == ()
        assert proof.total_bytes - proof.live_bytes == model.manifest.inline_bytes <= 16
    assert proof.protectable
    assert proof.split_off_kib == 0


def test_the_proof_leaves_the_weights_as_they_were(live_model):
    """Proving is not allowed to harm what it proves."""
    model, live_dir = live_model
    before = bytes(model.view)
    prove(model, live_dir)
    assert bytes(model.view) == before


def test_a_flip_through_another_view_changes_the_next_output_and_repair_restores_it(live_model):
    """The node's mapping, made apart from the session's, reaches what the session computes with."""
    model, live_dir = live_model
    view = map_weights(live_dir)
    inputs = proof_inputs(model.manifest.inputs)
    golden = [pack(model.run(x)) for x in inputs]
    blobs = [b for b in model.manifest.blobs if b.kind is not BlobKind.SOURCE]
    largest = max(blobs, key=lambda blob: blob.length)
    region = view[largest.offset : largest.offset + largest.length]
    region ^= PATTERNS[0]
    assert [pack(model.run(x)) for x in inputs] != golden
    region ^= PATTERNS[0]
    assert [pack(model.run(x)) for x in inputs] == golden


def test_a_single_flipped_bit_is_seen_and_undone(compiled, live_dir):
    """One exponent bit of one output weight changes the answer; putting it back restores it."""
    stage(compiled("transformer"), live_dir)
    model = load_live(live_dir)
    ids = [np.arange(8, dtype=np.int64)[None]]
    golden = pack(model.run(ids))
    embedding = next(b for b in model.manifest.blobs if b.name == "e")
    byte = embedding.offset + 4 * 3 + 3  # top byte of the fourth weight of token 0
    model.view[byte] ^= 0x40
    assert pack(model.run(ids)) != golden
    model.view[byte] ^= 0x40
    assert pack(model.run(ids)) == golden


def test_outputs_equal_those_of_a_default_session(live_model, sources, request):
    """Compiling changes where the weights lie, not one bit of the answer."""
    model, _ = live_model
    source = sources[model.manifest.name]
    options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    default = ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    for inputs in proof_inputs(model.manifest.inputs):
        feed = {s.name: x for s, x in zip(model.manifest.inputs, inputs, strict=True)}
        assert pack(default.run(None, feed)) == pack(model.run(inputs))


def test_a_view_that_nothing_reads_is_not_called_live(compiled, live_dir):
    """The proof can fail: with the view on other bytes, coverage is zero and protection refused."""
    stage(compiled("small-cnn"), live_dir)
    model = load_live(live_dir)
    model.view = np.array(model.view)  # a private copy in place of the mapping
    proof = prove(model, live_dir)
    assert proof.coverage == 0.0
    assert not proof.protectable
    assert proof.dead


def test_protection_needs_ninety_nine_percent_and_an_unsplit_mapping():
    """The threshold is a rule, not a habit of today's models."""
    assert Proof(0.99, 99, 100, (), 0).protectable
    assert not Proof(0.9899, 98, 100, ("x",), 0).protectable
    assert not Proof(1.0, 100, 100, (), 4).protectable


@pytest.mark.parametrize("kib", [0, 4])
def test_pages_split_off_the_file_are_counted(tmp_path, kib):
    """Only the private mapping of our weights file counts, by its anonymous pages."""
    weights = tmp_path / "w.bin"
    smaps = tmp_path / "smaps"
    smaps.write_text(
        f"7f00-7f10 rw-p 00000000 00:1b 5   {weights}\nPrivate_Dirty: 8 kB\nAnonymous: {kib} kB\n"
        f"7f20-7f30 rw-s 00000000 00:1b 5   {weights}\nAnonymous: 4 kB\n"
        "7f40-7f50 rw-p 00000000 00:00 0   [heap]\nAnonymous: 99 kB\n"
    )
    assert split_off_kib(tmp_path, smaps) == kib


def test_a_symbolic_link_in_the_path_does_not_hide_the_mapping(compiled, live_dir, tmp_path):
    """The kernel reports the real path; comparing with another spelling would always say 0."""
    stage(compiled("small-cnn"), live_dir)
    (tmp_path / "link").symlink_to(live_dir)
    with (live_dir / "w.bin").open("r+b") as file:
        private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        private[0] ^= 1
        assert split_off_kib(tmp_path / "link") > 0
        private.close()


def test_a_stray_write_through_a_private_mapping_is_noticed(compiled, live_dir):
    """A page that has split off from the file is one that repairs no longer reach."""
    stage(compiled("small-cnn"), live_dir)
    with (live_dir / "w.bin").open("r+b") as file:
        private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        assert split_off_kib(live_dir) == 0
        private[0] ^= 1
        assert split_off_kib(live_dir) == mmap.PAGESIZE // 1024
        private.close()
