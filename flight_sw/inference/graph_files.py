"""Which files an ONNX graph reads, found without an ONNX library: a graph from the link is not trusted.

A tensor may name a file of its own (`external_data`, onnx.proto: TensorProto 13). Whoever loads such a
graph opens that file, so each name is looked at first. Protobuf (encoding.dev/programming-guides) lets
a field come twice and in any order, the last one counting, so the bytes are walked, not searched.
"""

from collections.abc import Iterator, Mapping

from flight_sw.errors import DecodeError

DEPTH_MAX = 24  # graphs within graphs: If, Loop, Scan
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types; groups (3, 4) are not in ONNX
_VARINT_BYTES_MAX = 10
_ENTRY = "entry"
# Message → field number → message in that field; everything else is skipped. onnx.proto of ONNX 1.18.
_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        10: "tensor",
        6: "graph",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: _ENTRY},
}


def files_read(graph: bytes) -> set[bytes]:
    """The location of every external tensor of a model, as it stands there.

    Raises:
        DecodeError: this is no protobuf message, or it is nested too deeply.
    """
    return set(_locations(memoryview(graph), "model", 0))


def _locations(data: memoryview, kind: str, depth: int) -> Iterator[bytes]:
    if depth > DEPTH_MAX:
        raise DecodeError("graph: nested too deeply")
    inner = _INNER[kind]
    for number, value in _fields(data):
        within = inner.get(number)
        if within is None:
            continue
        if value is None:
            raise DecodeError(f"graph: field {number} of a {kind} is no message")
        if within != _ENTRY:
            yield from _locations(value, within, depth + 1)
            continue
        texts = {n: bytes(text or b"") for n, text in _fields(value)}
        if texts.get(1) == b"location":
            yield texts.get(2, b"")


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """Number and bytes of each field; None for a number, which holds no message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, at = _varint(data, at)
            yield number, None
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise DecodeError(f"graph: wire type {wire}")
        if at + length > len(data):
            raise DecodeError("graph: cut short")
        yield number, data[at : at + length] if wire == _BYTES else None
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_BYTES_MAX):
        if at + index >= len(data):
            raise DecodeError("graph: cut short")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise DecodeError("graph: a number that does not end")
