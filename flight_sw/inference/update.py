"""A model update as one file for the uplink, and its careful way into a slot.

The file holds the compiled model with its guarded parts, a known input and its answer. It is unpacked
within fixed limits, checked against its own digests and against the model it replaces, tried on the
known input, and only then put into its slot. There it stays on trial until it is confirmed.

Not provided here: the transport. ST[23] brings the file into a numbered slot of the controller, and
`board_updates` from there to the board.
"""

import zlib
from pathlib import Path

import msgspec

from flight_sw.errors import DecodeError, ModelError, UserError
from flight_sw.inference.bundle import FOLDERS, Part, parts_of, verify_bundle
from flight_sw.inference.graph_files import files_read
from flight_sw.inference.live_files import LoadError
from flight_sw.inference.load import LiveModel, load_live
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    MANIFEST_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    Manifest,
    read_manifest,
)
from flight_sw.inference.prove import prove
from flight_sw.inference.runtime import RUNTIME_ERRORS
from flight_sw.inference.tensors import Tensor, pack, packed_bytes, unpack
from flight_sw.inference.worker_messages import LoadFailure, UpdateFailure

# Nothing else is ever written; in the order of Manifest.files.
FILES = (GRAPH_FILE, WEIGHTS_FILE, MANIFEST_FILE, TOKENIZER_FILE)
UPDATE_BYTES_MAX = 4 << 20  # as uploaded: what a file slot of the controller holds
UNPACKED_BYTES_MAX = 64 << 20  # a bomb ends here
GRAPH_BYTES_MAX = 8 << 20
NAME_CHARS_MAX = 48  # names go into telemetry and the memory map
_LEVEL = 9
_FAILURES = {
    LoadFailure.FILES: UpdateFailure.FORMAT,
    LoadFailure.DIGEST: UpdateFailure.DIGEST,
    LoadFailure.LAYOUT: UpdateFailure.FORMAT,
    LoadFailure.VERSION: UpdateFailure.MACHINE,
    LoadFailure.CPU: UpdateFailure.MACHINE,
    LoadFailure.RUNTIME: UpdateFailure.RUNTIME,
}


class UpdateRefused(ModelError):
    """The update cannot be used; `reason` is what goes over the link."""

    def __init__(self, reason: UpdateFailure, detail: str) -> None:
        super().__init__(f"model update refused ({reason.value}): {detail}")
        self.reason = reason


class _Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    graph: bytes
    weights: bytes
    manifest: bytes
    tokenizer: bytes = b""


class _Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`parts` by name: always `plain`; `range` and `checksum` where the model is guarded."""

    parts: dict[str, _Files]
    known_input: bytes
    known_answer: bytes


class Known(msgspec.Struct, frozen=True):
    """An input and the answer that it must have, as bytes."""

    input: bytes
    answer: bytes


def make_update(compiled: Path, model: LiveModel, known: list[Tensor]) -> bytes:
    """The file to upload; made on the ground, where the model answers the known input first.

    Raises:
        ModelError: it is larger than an upload may be.
    """
    folders = {"plain": compiled} | {
        part.value: directory
        for part, directory in parts_of(compiled, model.manifest).items()
        if part in FOLDERS
    }
    parts = {
        name: _Files(*((directory / file).read_bytes() for file in read_manifest(directory).files))
        for name, directory in folders.items()
    }
    outputs = dict(zip(model.manifest.outputs, model.run(known), strict=True))
    answer = pack([outputs[spec] for spec in model.manifest.answer_outputs])
    update = _Update(parts, pack(known), answer)
    data = zlib.compress(msgspec.msgpack.encode(update), _LEVEL)
    if len(data) > UPDATE_BYTES_MAX:
        raise ModelError(f"{compiled}: {len(data)} bytes packed; at most {UPDATE_BYTES_MAX} go up")
    return data


def open_update(data: bytes, folder: Path, active: Manifest | None) -> tuple[Manifest, Known]:
    """Unpack and check an update into `folder`, which must be new; `active` is what it replaces.

    Raises:
        UpdateRefused: with the reason; nothing but `folder` was written.
    """
    update = _unpack(data)
    known_parts = {"plain"} | {part.value for part in FOLDERS}
    if "plain" not in update.parts or not known_parts.issuperset(update.parts):
        raise UpdateRefused(UpdateFailure.FORMAT, f"parts {', '.join(sorted(update.parts))[:80]}")
    for files in update.parts.values():
        _check_graph(files.graph)
    folder.mkdir(mode=0o700)
    for name, files in update.parts.items():
        directory = folder if name == "plain" else folder / FOLDERS[Part(name)]
        directory.mkdir(mode=0o700, exist_ok=True)
        for file, content in zip(FILES, msgspec.structs.astuple(files), strict=True):
            if content:
                (directory / file).write_bytes(content)
    manifest = _verified(folder)
    if active is not None and _tensors(active) != _tensors(manifest):
        raise UpdateRefused(UpdateFailure.SHAPE, "other inputs or outputs than the active model")
    sizes = packed_bytes(manifest.inputs), packed_bytes(manifest.answer_outputs)
    if sizes != (len(update.known_input), len(update.known_answer)):
        raise UpdateRefused(UpdateFailure.SHAPE, "the known input or answer has another size")
    return manifest, Known(update.known_input, update.known_answer)


def rehearse(data: bytes, folder: Path, active: Manifest | None, min_coverage: float) -> Manifest:
    """Open an update, load its plain part, prove it and run the known input: all but installing it.

    To be done in the worker, which may crash on it.

    Raises:
        UpdateRefused: with the reason.
    """
    manifest, known = open_update(data, folder, active)
    try:
        model = load_live(folder)
    except LoadError as error:
        raise UpdateRefused(_FAILURES[error.reason], str(error)) from error
    try_update(model, known)
    proof = prove(model, folder)
    if not proof.protectable or proof.coverage < min_coverage:
        raise UpdateRefused(UpdateFailure.UNPROTECTED, f"{proof.coverage:.2%} proven live")
    return manifest


def try_update(model: LiveModel, known: Known) -> None:
    """Run the known input; to be done in the worker, which may crash on it.

    Raises:
        UpdateRefused: the answer differs by a bit, or there is none.
    """
    manifest = model.manifest
    try:
        given = model.run(unpack(manifest.inputs, known.input))
    except RUNTIME_ERRORS as error:
        raise UpdateRefused(UpdateFailure.ANSWER, "the known input cannot be run") from error
    outputs = dict(zip(manifest.outputs, given, strict=True))
    if pack([outputs[spec] for spec in manifest.answer_outputs]) != known.answer:
        raise UpdateRefused(UpdateFailure.ANSWER, "the known input gives another answer")


def _unpack(data: bytes) -> _Update:
    if not data:
        raise UpdateRefused(UpdateFailure.EMPTY, "no bytes uploaded")
    if len(data) > UPDATE_BYTES_MAX:
        raise UpdateRefused(UpdateFailure.TOO_LARGE, f"{len(data)} bytes uploaded")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, UNPACKED_BYTES_MAX)
    except zlib.error as error:
        raise UpdateRefused(UpdateFailure.FORMAT, "not a compressed file") from error
    if inflater.unconsumed_tail:
        raise UpdateRefused(UpdateFailure.TOO_LARGE, f"unpacks to more than {UNPACKED_BYTES_MAX}")
    if not inflater.eof or inflater.unused_data:
        raise UpdateRefused(UpdateFailure.FORMAT, "cut short, or followed by something else")
    try:
        return msgspec.msgpack.decode(plain, type=_Update)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpdateRefused(UpdateFailure.FORMAT, str(error)) from error


def _check_graph(graph: bytes) -> None:
    """Every external tensor must lie in the weights file beside the graph."""
    if len(graph) > GRAPH_BYTES_MAX:
        raise UpdateRefused(UpdateFailure.TOO_LARGE, f"a graph of {len(graph)} bytes")
    try:
        elsewhere = files_read(graph) - {WEIGHTS_FILE.encode()}
    except DecodeError as error:
        raise UpdateRefused(UpdateFailure.FORMAT, str(error)) from error
    if elsewhere:
        raise UpdateRefused(
            UpdateFailure.EXTERNAL_DATA, f"reads {min(elsewhere)[:80]!r}, a file not its own"
        )


def _verified(folder: Path) -> Manifest:
    try:
        manifest = verify_bundle(folder)
    except LoadError as error:
        raise UpdateRefused(_FAILURES[error.reason], str(error)) from error
    except UserError as error:  # a guarded part that takes or answers other tensors
        raise UpdateRefused(UpdateFailure.SHAPE, str(error)) from error
    name = manifest.name
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.replace("-", "").replace("_", "").isalnum():
        raise UpdateRefused(UpdateFailure.FORMAT, f"name {name[:NAME_CHARS_MAX]!r}")
    return manifest


def _tensors(manifest: Manifest) -> tuple[object, object]:
    return manifest.inputs, manifest.answer_outputs
