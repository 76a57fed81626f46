"""An uploaded model update: anything but a sound one is refused with a reason, and nothing is left."""

import shutil
import zlib

import msgspec

from flight_sw.errors import ModelError
from flight_sw.inference.update import FILES, open_update
from tests.fuzz.inputs import Input
from tests.fuzz.scratch import scratch

MANIFEST = {
    "version": 1, "source_sha256": "ab" * 32, "graph_sha256": "cd" * 32, "weights_sha256": "ef" * 32,
    "inputs": [], "outputs": [], "blobs": [], "onnxruntime": "1.31",
}  # fmt: skip
GRAPH = bytes.fromhex("3a1c2a1a6a180a086c6f636174696f6e120c776569676874732e6461746100")
FILES_OF_PART = {"graph": GRAPH, "weights": bytes(64), "manifest": msgspec.json.encode(MANIFEST)}
UPDATE = {"parts": {"plain": FILES_OF_PART}, "known_input": b"", "known_answer": b""}


def seeds() -> list[bytes]:
    """Bytes as uploaded, what they unpack to, and each file of a part."""
    plain = msgspec.msgpack.encode(UPDATE)
    two = UPDATE | {"parts": {"plain": FILES_OF_PART, "range": FILES_OF_PART}}
    return [
        b"\0" + zlib.compress(plain), b"\1" + plain, b"\1" + msgspec.msgpack.encode(two),
        b"\2" + FILES_OF_PART["manifest"], b"\2{}", b"\2[[[[", b"\3" + GRAPH, b"\3" + b"\x3a\x02" * 40,
    ]  # fmt: skip


def run(data: bytes) -> None:
    """A manifest, or ModelError."""
    given = Input(data)
    kind, rest = given.byte() % 4, given.rest()
    if kind:
        if kind > 1:
            part = FILES_OF_PART | {"manifest" if kind == 2 else "graph": rest}
            rest = msgspec.msgpack.encode(UPDATE | {"parts": {"plain": part}})
        rest = zlib.compress(rest, 1)
    place = scratch()
    folder = place / "new"
    try:
        open_update(rest, folder, None)
    except ModelError:
        pass
    finally:
        names = {path.name for path in folder.rglob("*") if path.is_file()}
        shutil.rmtree(place)
    assert names <= set(FILES), names
