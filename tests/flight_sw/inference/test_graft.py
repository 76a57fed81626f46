"""Weights that a kernel packs on the heap only, moved onto shared pages."""

import gc
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from flight_sw.inference import graft, graft_compile, heap_pages
from flight_sw.inference import worker_messages as wm
from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import WEIGHTS_FILE, Blob, BlobKind, read_manifest
from flight_sw.inference.prove import proof_inputs, prove
from flight_sw.inference.tensors import pack
from flight_sw.inference.worker import Worker
from flight_sw.radiation.protected import ProtectedRegion, Tier

PAGE = 4096


@pytest.fixture
def grafted(compiled, live_dir):
    """An 8-bit network with its grafts in place, and where it lies."""
    stage(compiled("int8-wide"), live_dir)
    return load_live(live_dir), live_dir


def _grafts(model):
    return [blob for blob in model.manifest.blobs if blob.kind is BlobKind.GRAFT]


def _shared_pages(live_dir):
    """Pages of the weights file that are mapped writable and shared in this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    ours = [line.split() for line in lines if line.endswith(str(live_dir / WEIGHTS_FILE))]
    ends = [fields[0].split("-") for fields in ours if fields[1] == "rw-s"]
    return sum(int(end, 16) - int(first, 16) for first, end in ends) // PAGE


def test_each_graft_answers_to_its_pages(grafted):
    """Every one of them, turned over through another mapping, changes the answer, and back."""
    model, live_dir = grafted
    view = map_weights(live_dir)
    inputs = proof_inputs(model.manifest.inputs)
    golden = [pack(model.run(x)) for x in inputs]
    assert len(_grafts(model)) == 3
    for blob in _grafts(model):
        region = view[blob.offset : blob.offset + blob.length]
        region ^= 0x55
        assert [pack(model.run(x)) for x in inputs] != golden
        region ^= 0x55
    assert [pack(model.run(x)) for x in inputs] == golden


def test_a_damaged_graft_is_mended_by_the_scrub_that_mends_all_weights(grafted):
    """No process but the node needs to look at it."""
    model, live_dir = grafted
    view, golden = map_weights(live_dir), bytes(map_weights(live_dir))
    region = ProtectedRegion("w", view, lambda page: golden[page * PAGE : (page + 1) * PAGE])
    region.encode()
    inputs = proof_inputs(model.manifest.inputs)[0]
    answer = pack(model.run(inputs))
    place = _grafts(model)[0].offset + 4096
    view[place : place + 4096] ^= 0x55
    assert pack(model.run(inputs)) != answer
    (hit,) = region.repair_all()
    assert (hit.page, hit.tier) == (place // PAGE, Tier.REBUILT)
    assert pack(model.run(inputs)) == answer


def test_coverage_counts_grafts_and_what_they_stand_for_once(grafted):
    """The plain copies of grafted weights are read at load only."""
    model, live_dir = grafted
    proof = prove(model, live_dir)
    weights = 9 * 128 * (64 + 128 + 128)
    assert weights < proof.live_bytes < 1.03 * weights
    assert 0.99 <= proof.coverage < 1.0  # sums of a few hundred bytes stay on the heap


@pytest.mark.parametrize("cause", ["another allocator", "other bytes"])
def test_where_grafts_cannot_be_put_the_proof_says_so(compiled, live_dir, monkeypatch, cause):
    """Right answers, no protection: never the one for the other."""
    stage(compiled("int8-wide"), live_dir)
    if cause == "another allocator":
        monkeypatch.setattr(graft, "own_pages", lambda: nullcontext(False))
    else:
        monkeypatch.setattr(graft, "_pages", lambda *_: b"of another version" * PAGE)
    model = load_live(live_dir)
    proof = prove(model, live_dir)
    assert not proof.protectable
    assert proof.coverage < 0.1
    assert {blob.name for blob in _grafts(model)} <= set(proof.dead)


@pytest.mark.parametrize("misses", [1, 2, 3])
def test_a_graft_that_was_not_found_is_looked_for_again(compiled, live_dir, monkeypatch, misses):
    """Chance may put one allocation elsewhere; the third opening is the last."""
    stage(compiled("int8-wide"), live_dir)
    answers = [True] * misses

    def chunks_since(before):
        found = heap_pages.chunks_since(before)
        return [c for c in found if c.length < 100_000] if answers and answers.pop() else found

    monkeypatch.setattr(graft, "chunks_since", chunks_since)
    assert prove(load_live(live_dir), live_dir).protectable == (misses < 3)


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_allocation_that_is_only_missing_was_packed_from_nothing(monkeypatch, is_lost):
    """Else a tensor that lies elsewhere would count as protected."""
    weights = np.zeros(PAGE, np.uint8)
    kept, packed = bytes(PAGE), bytes([1]) * PAGE

    def steady(_opened, _loads):
        others = set() if is_lost else {bytes([2]) * PAGE}
        return {kept} | others if weights[0] else {kept, packed}

    monkeypatch.setattr(graft_compile, "_steady", steady)
    blob = Blob("w", 0, PAGE, BlobKind.TENSOR)
    found = graft_compile._packed_from(lambda: None, weights, blob, steady(None, 1))
    assert found == (set() if is_lost else {packed})
    assert not weights.any()


def test_pages_that_are_not_those_of_a_weights_file_are_left_alone(monkeypatch):
    """The kernel of a Raspberry Pi 5 has larger ones; a model is then compiled without grafts."""
    heap_pages._libc.cache_clear()
    monkeypatch.setattr(heap_pages, "_PAGE", 4 * PAGE)
    try:
        with heap_pages.own_pages() as is_possible:
            assert not is_possible
    finally:
        heap_pages._libc.cache_clear()


def test_copies_in_one_process_have_grafts_of_their_own(compiled, live_dir):
    """What damages one copy leaves the other, or a vote would be of one voice."""
    live_dir.mkdir()
    models = []
    for name in ("one", "two"):
        stage(compiled("int8-wide"), live_dir / name)
        models.append(load_live(live_dir / name))
    one, two = models
    inputs = proof_inputs(one.manifest.inputs)[0]
    golden = pack(one.run(inputs))
    blob = _grafts(one)[0]
    map_weights(live_dir / "one")[blob.offset + 64 : blob.offset + blob.length] ^= 0x55
    assert pack(one.run(inputs)) != golden
    assert pack(two.run(inputs)) == golden


def test_a_model_that_is_let_go_leaves_no_page_mapped(compiled, live_dir):
    """The allocator gives grafted pages back like its own; twenty loads end as one does."""
    stage(compiled("int8-wide"), live_dir)
    counts = set()
    for _ in range(20):
        model = load_live(live_dir)
        held = _shared_pages(live_dir)
        counts.add(held - len(model.view) // PAGE)
        del model
        gc.collect()
    assert len(counts) == 1
    assert counts.pop() >= 9 * 128 * 320 // PAGE
    assert _shared_pages(live_dir) == 0


def test_no_run_writes_to_grafted_pages(grafted):
    """Else the scrub would mend what is not damaged."""
    model, _ = grafted
    before = bytes(model.view)
    kept = [model.run(x) for _ in range(20) for x in proof_inputs(model.manifest.inputs)]
    assert len(kept) == 80
    assert bytes(model.view) == before


def test_the_worker_tells_the_coverage_of_a_grafted_model(compiled, live_dir):
    """By the proof at its load, like any other."""
    stage(compiled("int8-wide"), live_dir)
    told = Worker().handle(wm.Load(str(live_dir), 1))
    assert isinstance(told, wm.Loaded)
    assert told.protectable
    assert told.coverage >= 0.95


def test_grafts_are_named_after_the_weights_they_hold(compiled):
    """A hit's page can be told in words that a person knows."""
    names = {b.name for b in read_manifest(compiled("int8-wide")).blobs if b.kind is BlobKind.GRAFT}
    assert {name.partition(":")[0] for name in names} == {"w0", "w1", "w2"}


def test_freed_pages_read_as_nothing():
    """The list of mappings may be older than the look."""
    gone = heap_pages.Chunk(address=PAGE, length=PAGE)
    assert gone.read() == b""


def test_large_requests_get_pages_of_their_own_and_ordinary_ones_do_not_afterwards():
    """Within the load, and only there."""
    before = heap_pages.heap_pages()
    with heap_pages.own_pages() as is_possible:
        assert is_possible
        held = [np.full(5000, 7, np.uint8) for _ in range(5)]
    found = heap_pages.chunks_since(before)
    assert sum(b"\x07" * 5000 in chunk.read() for chunk in found) == 5
    before = heap_pages.heap_pages()
    held += [np.full(5000, 9, np.uint8) for _ in range(5)]
    assert not [c for c in heap_pages.chunks_since(before) if b"\x09" * 5000 in c.read()]


def test_bytes_that_point_into_memory_are_told_from_weights():
    """Turned over for a trial, they brought the compiling process down."""
    weights = np.random.default_rng(1).integers(-127, 128, 1 << 16).astype(np.int8)
    address = np.array([weights.ctypes.data], np.uint64)
    assert not heap_pages.has_pointers(weights.tobytes())
    weights[64:72] = address.view(np.int8)
    assert heap_pages.has_pointers(weights.tobytes())
