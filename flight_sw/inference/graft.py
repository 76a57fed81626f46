"""Grafts: weights that a kernel packs for itself, onto the heap alone, moved onto shared pages.

8-bit convolutions with zero point 0 do so in onnxruntime: nothing is saved, so no page of a file that
we map is what they compute with. `graft_compile` finds those allocations once and adds their bytes to
the weights file. At every load they are found again, by these bytes, and the file's pages are mapped in
their place. From then on they are weights like any other: scrubbed, mended, proven live. What is not
found stays where it is, and the proof counts it as dead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from flight_sw.inference.heap_pages import (
    Chunk,
    chunks_since,
    heap_pages,
    map_over,
    own_pages,
)
from flight_sw.inference.live_files import LiveBytes
from flight_sw.inference.manifest import PAGE_BYTES, WEIGHTS_FILE, Blob, BlobKind

_OPENINGS_MAX = 3  # a small allocation may by chance have gone to the end of the heap
Open = Callable[[], ort.InferenceSession]


@dataclass(frozen=True, slots=True)
class Watched:
    """A session, and what it allocated while it was opened."""

    session: ort.InferenceSession
    chunks: tuple[Chunk, ...]


def open_grafted(
    opened: Open, blobs: Sequence[Blob], view: LiveBytes, live_dir: Path
) -> ort.InferenceSession:
    """Open a session and map the weights file over the allocations that hold the bytes of its grafts.

    OSError if the kernel refuses.
    """
    wanted = [(_pages(blob, view), blob) for blob in blobs if blob.kind is BlobKind.GRAFT]
    for _ in range(_OPENINGS_MAX):
        watched = open_watched(opened)
        places = _places(watched.chunks, wanted)
        if len(places) == len(wanted) or not watched.chunks:
            break
    for chunk, blob in places:
        map_over(chunk, live_dir / WEIGHTS_FILE, blob.offset)
    return watched.session


def open_watched(opened: Open) -> Watched:
    """Open a session with pages of its own for all that it allocates meanwhile."""
    before = heap_pages()
    with own_pages() as is_possible:
        session = opened()
    found = chunks_since(before) if is_possible else []
    return Watched(session, tuple(found))


def _places(
    chunks: Sequence[Chunk], wanted: Sequence[tuple[bytes, Blob]]
) -> list[tuple[Chunk, Blob]]:
    """The allocations that hold the bytes of a graft, and of which."""
    left: dict[bytes, list[Blob]] = {}
    for pages, blob in wanted:
        left.setdefault(pages, []).append(blob)
    lengths = {len(pages) for pages in left}
    places = []
    for chunk in chunks:
        same = left.get(chunk.read()) if chunk.length in lengths else None
        if same:
            places.append((chunk, same.pop()))
    return places


def _pages(blob: Blob, view: LiveBytes) -> bytes:
    end = blob.offset + -(-blob.length // PAGE_BYTES) * PAGE_BYTES
    return view[blob.offset : end].tobytes()
