"""Finds what kernels pack on the heap only, and adds it to the weights file of a compiled model.

Such an allocation is known by what it does: it holds the same bytes at every load, others as soon as a
plain tensor that nothing reads is another one, no run writes there, and the answer changes when it does.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import onnxruntime as ort

from flight_sw.inference.graft import Open, open_watched
from flight_sw.inference.heap_pages import HEAD_BYTES, Chunk, has_pointers
from flight_sw.inference.live_files import LiveBytes, map_weights
from flight_sw.inference.load import open_session
from flight_sw.inference.manifest import (
    PAGE_BYTES,
    WEIGHTS_FILE,
    Blob,
    BlobKind,
    Manifest,
    sha256_hex,
    write_manifest,
)
from flight_sw.inference.prove import proof_inputs
from flight_sw.inference.runtime import RUNTIME_ERRORS
from flight_sw.inference.tensors import pack

PageCrc = Callable[[bytes, int], int]  # CRC-32C of data, continued from a previous value
Answers = Callable[[ort.InferenceSession], list[bytes] | None]
_TURNS = (0x55, 0xAA)
_STEADY_LOADS = 4
_TURNED_LOADS = 2


@dataclass(frozen=True, slots=True)
class Graft:
    """Whole pages as the heap has them, and the plain tensors that they were packed from."""

    pages: bytes
    sources: tuple[str, ...]

    @property
    def length(self) -> int:
        """Bytes up to the last that is not zero: the rest is what was left of the last page."""
        return max(len(self.pages.rstrip(b"\0")), HEAD_BYTES)


def add_grafts(
    directory: Path, manifest: Manifest, dead: Sequence[str], page_crc: PageCrc
) -> Manifest | None:
    """Add grafts to a model compiled with saved packed blobs; None if there are none to add.

    `dead` are the tensors that the proof found nothing to read.
    """
    blobs = [blob for blob in manifest.blobs if blob.name in dead]
    blobs.sort(key=lambda blob: -blob.length)  # the first that a graft comes from names it
    view = map_weights(directory)
    grafts = _find(
        partial(open_session, directory, manifest), partial(_answers, manifest), view, blobs
    )
    if not grafts:
        return None
    replaced = {name for graft in grafts for name in graft.sources}
    weights, kept = bytes(view), _as_sources(manifest.blobs, replaced)
    for number, graft in enumerate(grafts):
        name = f"{graft.sources[0]}:graft{number}"
        kept.append(Blob(name, len(weights), graft.length, BlobKind.GRAFT))
        weights += graft.pages
    (directory / WEIGHTS_FILE).write_bytes(weights)
    grafted = msgspec.structs.replace(
        manifest,
        weights_sha256=sha256_hex(weights),
        page_crcs=page_crcs(weights, page_crc),
        blobs=tuple(kept),
        total_bytes=len(weights),
    )
    write_manifest(directory, grafted)
    return grafted


def page_crcs(weights: bytes, page_crc: PageCrc) -> tuple[int, ...]:
    """The check of every page."""
    pages = range(0, len(weights), PAGE_BYTES)
    return tuple(page_crc(weights[i : i + PAGE_BYTES], 0) for i in pages)


def _find(opened: Open, answers: Answers, weights: LiveBytes, dead: Sequence[Blob]) -> list[Graft]:
    """What a model computes with on the heap, and from which of its `dead` tensors each was packed.

    `opened` opens the model anew from its files, of which `weights` is a writable view; `answers` gives
    what it says to the proof's inputs, None where it says nothing.
    """
    steady = _steady(opened, _STEADY_LOADS)
    sources: dict[bytes, list[str]] = {pages: [] for pages in steady}
    for blob in dead:
        for pages in _packed_from(opened, weights, blob, steady):
            sources[pages].append(blob.name)
    first = open_watched(opened)
    golden = answers(first.session)
    found: list[Graft] = []
    for chunk in first.chunks:
        pages = chunk.read()
        if sources.get(pages) and _is_read(first.session, chunk, answers, golden):
            found.append(Graft(pages, tuple(sources[pages])))
    return found


def _is_read(
    session: ort.InferenceSession, chunk: Chunk, answers: Answers, golden: list[bytes] | None
) -> bool:
    """Whether a change here changes the answer, and no run writes here."""
    view, before = chunk.view, chunk.view.copy()
    for turn in _TURNS:
        view[HEAD_BYTES:] ^= turn
        turned = view.copy()
        given = answers(session)
        is_kept = bool((view == turned).all())
        view[:] = before
        if not is_kept:
            return False
        if given != golden:
            return answers(session) == golden
    return False


def _steady(opened: Open, loads: int) -> set[bytes]:
    """Allocations that hold the same bytes at each of some loads, and no address."""
    found: list[set[bytes]] = []
    for _ in range(loads):
        watched = open_watched(opened)
        contents = (chunk.read() for chunk in watched.chunks)
        found.append({pages for pages in contents if not has_pointers(pages)})
        del watched
    return set.intersection(*found)


def _packed_from(opened: Open, weights: LiveBytes, blob: Blob, known: set[bytes]) -> set[bytes]:
    """The known allocations in whose place there are others when this tensor is another one.

    One that is only missing proves nothing: the allocator may have had room for it elsewhere.
    """
    region = weights[blob.offset : blob.offset + blob.length]
    region ^= _TURNS[0]
    try:
        turned = _steady(opened, _TURNED_LOADS)
    except RUNTIME_ERRORS:  # a constant that must be what it is
        return set()
    finally:
        region ^= _TURNS[0]
    gone, fresh = known - turned, Counter(len(pages) for pages in turned - known)
    missing = Counter(len(pages) for pages in gone)
    return {pages for pages in gone if fresh[len(pages)] >= missing[len(pages)]}


def _as_sources(blobs: Sequence[Blob], replaced: set[str]) -> list[Blob]:
    """Tensors that a graft stands in for are read at load only."""
    source = BlobKind.SOURCE
    return [
        msgspec.structs.replace(blob, kind=source) if blob.name in replaced else blob
        for blob in blobs
    ]


def _answers(manifest: Manifest, session: ort.InferenceSession) -> list[bytes] | None:
    names = [spec.name for spec in manifest.inputs]
    outputs = [spec.name for spec in manifest.outputs]
    try:
        return [
            pack(session.run(outputs, dict(zip(names, x, strict=True))))
            for x in proof_inputs(manifest.inputs)
        ]
    except RUNTIME_ERRORS:
        return None
