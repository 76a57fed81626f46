"""Lay the weights file out anew: every tensor and packed blob on a page of its own.

onnxruntime aligns the blobs it saves only above a size threshold, and its kernels crash on the
others (seen at first run, not at load). Page alignment also keeps a repair from touching a
neighbour. Sizes and offsets live in the graph's `external_data` entries, which are rewritten
here.
"""

from dataclasses import dataclass, field
from typing import Any

from flight_sw.errors import ModelError
from flight_sw.inference.manifest import PAGE_BYTES, WEIGHTS_FILE, Blob, BlobKind
from flight_sw.inference.worker_messages import TensorSpec

# ONNX shape inference refuses external data for what looks like a shape: these go back into the
# graph.
MAX_INLINE_BYTES = 128
# Operators whose small integers are data for kernels (biases, zero points), never shapes.
_TAKES_INTEGER_DATA = frozenset(
    {"ConvInteger", "DequantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul"}
)
_PREPACKED = "prepacked_"


@dataclass(slots=True)
class Layout:
    """The new weights file and what lies where."""

    weights: bytearray = field(default_factory=bytearray)
    blobs: list[Blob] = field(default_factory=list)
    inline_bytes: int = 0

    def place(self, name: str, data: bytes, kind: BlobKind) -> int:
        """Append on a fresh page; the offset."""
        offset = len(self.weights)
        self.weights += data
        self.weights += bytes(-len(data) % PAGE_BYTES)
        self.blobs.append(Blob(name, offset, len(data), kind))
        return offset


def lay_out(proto: Any, saved: bytes) -> Layout:
    """Rewrite `proto` in place for a page-aligned weights file made from the `saved` one.

    Zero-length packed blobs, which onnxruntime saves for some kernels and then refuses to load, are
    dropped: that kernel packs for itself, and the proof will show its weight as dead.
    """
    layout = Layout()
    data_names = _integer_data(proto)
    for tensor in proto.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if "location" not in entries:
            layout.inline_bytes += len(tensor.raw_data)
            continue
        data = _cut(saved, entries.get("offset", "0"), entries["length"], tensor.name)
        if not data or (tensor.name not in data_names and _is_shape_like(tensor, len(data))):
            _inline(tensor, data)
            layout.inline_bytes += len(data)
            continue
        packed = [(k, v) for k, v in entries.items() if k.startswith(_PREPACKED)]
        new_packed = _place_packed(layout, tensor.name, packed, saved)
        kind = BlobKind.SOURCE if new_packed else BlobKind.TENSOR
        offset = layout.place(tensor.name, data, kind)
        _set_external(tensor, {"offset": str(offset), "length": str(len(data)), **new_packed})
    return layout


def weight_specs(proto: Any) -> tuple[TensorSpec, ...]:
    """Name, type and shape of every weight of a laid-out graph that lies in the weights file.

    Types that numpy does not have (bfloat16, 4 bits) are left out: they stay onnxruntime's own, and the
    proof will count them as dead.
    """
    import onnx

    specs = []
    for tensor in proto.graph.initializer:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if tensor.external_data and dtype.kind in "fiub" and dtype.isbuiltin:
            specs.append(TensorSpec(tensor.name, str(dtype), tuple(tensor.dims)))
    return tuple(specs)


def make_inputs(proto: Any) -> tuple[TensorSpec, ...]:
    """Turn the weights of a laid-out graph into inputs of it; name, type and shape of each.

    Small ones stay: many operators want constants there, and onnxruntime reads those where they lie.
    """
    import onnx

    by_name = {tensor.name: tensor for tensor in proto.graph.initializer}
    lengths = {name: _external_bytes(tensor) for name, tensor in by_name.items()}
    handed = [spec for spec in weight_specs(proto) if lengths[spec.name] > MAX_INLINE_BYTES]
    for spec in handed:
        tensor = by_name[spec.name]
        info = onnx.helper.make_tensor_value_info(spec.name, tensor.data_type, list(spec.shape))
        proto.graph.input.append(info)
        proto.graph.initializer.remove(tensor)
    return tuple(handed)


def _external_bytes(tensor: Any) -> int:
    return sum(int(entry.value) for entry in tensor.external_data if entry.key == "length")


def _place_packed(
    layout: Layout, name: str, packed: list[tuple[str, str]], saved: bytes
) -> dict[str, str]:
    entries: dict[str, str] = {}
    for _, value in packed:
        # "<op + hash of packed bytes>|offset;length;flags|offset;length;flags..."
        key, *parts = value.split("|")
        fields = [part.split(";") for part in parts]
        if any(int(length) == 0 for _, length, *_ in fields):
            continue
        placed = []
        for i, (offset, length, *flags) in enumerate(fields):
            data = _cut(saved, offset, length, name)
            new = layout.place(f"{name}:packed{len(entries)}.{i}", data, BlobKind.PREPACKED)
            placed.append(";".join([str(new), length, *flags]))
        entries[f"{_PREPACKED}{len(entries)}"] = "|".join([key, *placed])
    return entries


def _cut(saved: bytes, offset: str, length: str, name: str) -> bytes:
    start, end = int(offset), int(offset) + int(length)
    if start < 0 or end < start or end > len(saved):
        raise ModelError(f"weight {name!r} lies outside the saved weights file; compile again")
    return saved[start:end]


def _integer_data(proto: Any) -> set[str]:
    kernel: set[str] = set()
    other: set[str] = set()
    for node in proto.graph.node:
        (kernel if node.op_type in _TAKES_INTEGER_DATA else other).update(node.input)
    return kernel - other


def _is_shape_like(tensor: Any, length: int) -> bool:
    import onnx

    kinds = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)
    return tensor.data_type in kinds and length <= MAX_INLINE_BYTES


def _inline(tensor: Any, data: bytes) -> None:
    import onnx

    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.raw_data = data


def _set_external(tensor: Any, entries: dict[str, str]) -> None:
    del tensor.external_data[:]
    for key, value in {"location": WEIGHTS_FILE, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
