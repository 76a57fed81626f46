"""A model update as one file for the uplink, and its careful way into a slot.

The file holds the compiled model, a known input and its answer. It is unpacked within fixed limits,
checked against its own digests and against the model it replaces, tried on the known input, and only
then put into its slot. There it stays on trial: unless it is confirmed, the next start rolls it back.

Not provided here: the transport. ST[23] brings the file into a numbered slot of the controller.
"""

import zlib
from enum import Enum, unique
from pathlib import Path

import msgspec

from flight_sw.errors import ModelError, UserError
from flight_sw.inference.bundle import verify_bundle
from flight_sw.inference.load import LiveModel
from flight_sw.inference.manifest import GRAPH_FILE, MANIFEST_FILE, WEIGHTS_FILE, Manifest
from flight_sw.inference.runtime import RUNTIME_ERRORS
from flight_sw.inference.tensors import Tensor, pack, packed_bytes, unpack

FILES = (GRAPH_FILE, WEIGHTS_FILE, MANIFEST_FILE)  # nothing else is ever written
UPDATE_BYTES_MAX = 4 << 20  # as uploaded: what a file slot of the controller holds
UNPACKED_BYTES_MAX = 64 << 20  # a bomb ends here
GRAPH_BYTES_MAX = 8 << 20
_LEVEL = 9
_EXTERNAL = b"location"  # key of external data in an ONNX file


@unique
class UpdateFailure(Enum):
    """Why an update is refused; the active model stays."""

    TOO_LARGE = "too_large"  # uploaded or unpacked
    FORMAT = "format"  # not an update file
    DIGEST = "digest"  # files differ from their manifest
    EXTERNAL_DATA = "external_data"  # the graph points at files other than its own weights
    SHAPE = "shape"  # takes or answers other tensors than the model it replaces
    ANSWER = "answer"  # the known input gives another answer


class UpdateRefused(ModelError):
    """The update cannot be used; `reason` is what goes over the link."""

    def __init__(self, reason: UpdateFailure, detail: str) -> None:
        super().__init__(f"model update refused ({reason.value}): {detail}")
        self.reason = reason


class _Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    graph: bytes
    weights: bytes
    manifest: bytes
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
    graph, weights, manifest = ((compiled / name).read_bytes() for name in FILES)
    outputs = dict(zip(model.manifest.outputs, model.run(known), strict=True))
    answer = pack([outputs[spec] for spec in model.manifest.answer_outputs])
    update = _Update(graph, weights, manifest, pack(known), answer)
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
    if len(update.graph) > GRAPH_BYTES_MAX:
        raise UpdateRefused(UpdateFailure.TOO_LARGE, f"a graph of {len(update.graph)} bytes")
    _check_locations(update.graph)
    folder.mkdir(mode=0o700)
    for name, content in zip(FILES, (update.graph, update.weights, update.manifest), strict=True):
        (folder / name).write_bytes(content)
    try:
        manifest = verify_bundle(folder)
    except UserError as error:
        raise UpdateRefused(UpdateFailure.DIGEST, str(error)) from error
    if active is not None and _tensors(active) != _tensors(manifest):
        raise UpdateRefused(UpdateFailure.SHAPE, "other inputs or outputs than the active model")
    sizes = packed_bytes(manifest.inputs), packed_bytes(manifest.answer_outputs)
    if sizes != (len(update.known_input), len(update.known_answer)):
        raise UpdateRefused(UpdateFailure.SHAPE, "the known input or answer has another size")
    return manifest, Known(update.known_input, update.known_answer)


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
    if not 0 < len(data) <= UPDATE_BYTES_MAX:
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


def _check_locations(graph: bytes) -> None:
    """Every external tensor must lie in the weights file; protobuf is read without a parser here.

    A location is the key, field 1 of an entry, followed at once by the value, field 2: tag 0x12 and
    length. The compiler writes it so; a graph that writes it otherwise is refused as well.
    """
    allowed = b"\x12" + bytes([len(WEIGHTS_FILE)]) + WEIGHTS_FILE.encode()
    start = graph.find(b"\x0a\x08" + _EXTERNAL)
    while start >= 0:
        end = start + 2 + len(_EXTERNAL)
        if graph[end : end + len(allowed)] != allowed:
            raise UpdateRefused(UpdateFailure.EXTERNAL_DATA, "points at a file that is not its own")
        start = graph.find(b"\x0a\x08" + _EXTERNAL, end)


def _tensors(manifest: Manifest) -> tuple[object, object]:
    return manifest.inputs, manifest.answer_outputs
