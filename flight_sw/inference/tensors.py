"""Tensors as the bytes that travel: little-endian, one after the other, in declared order."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flight_sw.inference.worker_messages import TensorSpec

Tensor = npt.NDArray[np.generic]


def pack(tensors: Sequence[Tensor]) -> bytes:
    """All tensors as bytes."""
    return b"".join(np.ascontiguousarray(t, t.dtype.newbyteorder("<")).tobytes() for t in tensors)


def unpack(specs: Sequence[TensorSpec], data: bytes) -> list[Tensor]:
    """Tensors of these kinds from their bytes; ValueError if the size differs."""
    expected = packed_bytes(specs)
    if len(data) != expected:
        raise ValueError(f"{len(data)} bytes given, {expected} expected")
    tensors: list[Tensor] = []
    start = 0
    for spec in specs:
        end = start + _bytes(spec)
        dtype = np.dtype(spec.dtype)
        flat = np.frombuffer(data[start:end], dtype.newbyteorder("<"))
        tensors.append(flat.astype(dtype, copy=False).reshape(spec.shape))
        start = end
    return tensors


def packed_bytes(specs: Sequence[TensorSpec]) -> int:
    """Size of tensors of these kinds together: what admission compares a job's input with."""
    return sum(_bytes(spec) for spec in specs)


def _bytes(spec: TensorSpec) -> int:
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
