"""Prove, at every load, that the bytes we protect are the bytes onnxruntime computes with.

Each blob is inverted in part through our view: the output must change; it is put back: the
output must be what it was, bit for bit. Whatever does not answer is dead: mapped, at the right
speed, and read by nobody. onnxruntime falls back to such private copies silently, so nothing
short of this shows it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flight_sw.inference.load import LiveModel, split_off_kib
from flight_sw.inference.manifest import Blob, BlobKind
from flight_sw.inference.runtime import RUNTIME_ERRORS
from flight_sw.inference.tensors import Tensor, pack
from flight_sw.inference.worker_messages import TensorSpec

MIN_COVERAGE = 0.99  # below it no answer is called protected
PATTERNS = (0x55, 0xAA)  # the second for weights whose first change a ReLU swallows
_SEED = 20260101
# Centre and spread of the proof inputs: plain noise, wide noise, brightness temperatures, all
# small.
_FLOAT_INPUTS = ((0.0, 1.0), (0.0, 30.0), (300.0, 20.0), (0.0, 1e-3))
_INT_INPUTS = (1, 2, 8)  # exclusive upper bounds: valid as indices of any real table


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown to be live; names in `dead` are blobs that nothing reads."""

    coverage: float
    live_bytes: int
    total_bytes: int
    dead: tuple[str, ...]
    split_off_kib: int

    @property
    def protectable(self) -> bool:
        """Whether repairing our view repairs what computes."""
        return self.coverage >= MIN_COVERAGE and self.split_off_kib == 0


def prove(model: LiveModel, live_dir: Path) -> Proof:
    """Flip, run, restore, run for every blob; nobody else may write to the weights meanwhile.

    Coverage counts every weight byte once: packed blobs and plain tensors, constants inside the
    graph (never live), and plain copies that a packed blob replaces only if they are live too.
    """
    inputs = proof_inputs(model.manifest.inputs)
    golden = [pack(model.run(x)) for x in inputs]
    is_repeatable = golden == [pack(model.run(x)) for x in inputs]
    live = total = 0
    dead: list[str] = []
    for blob in model.manifest.blobs:
        is_live = is_repeatable and _is_live(model, blob, inputs, golden)
        if is_live:
            live += blob.length
            total += blob.length
        elif blob.kind is not BlobKind.SOURCE:
            total += blob.length
            dead.append(blob.name)
    total += model.manifest.inline_bytes
    coverage = live / total if total else 0.0
    return Proof(coverage, live, total, tuple(dead), split_off_kib(live_dir))


def proof_inputs(specs: tuple[TensorSpec, ...]) -> list[list[Tensor]]:
    """The same few inputs for every load, varied enough that no weight hides behind a dead ReLU."""
    rng = np.random.default_rng(_SEED)
    count = max(len(_FLOAT_INPUTS), len(_INT_INPUTS))
    return [[_proof_input(spec, i, rng) for spec in specs] for i in range(count)]


def _proof_input(spec: TensorSpec, index: int, rng: np.random.Generator) -> Tensor:
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "f":
        centre, spread = _FLOAT_INPUTS[index % len(_FLOAT_INPUTS)]
        return rng.normal(centre, spread, spec.shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, spec.shape).astype(dtype)
    return rng.integers(0, _INT_INPUTS[index % len(_INT_INPUTS)], spec.shape).astype(dtype)


def _is_live(model: LiveModel, blob: Blob, inputs: list[list[Tensor]], golden: list[bytes]) -> bool:
    region = model.view[blob.offset : blob.offset + blob.length]
    for pattern in PATTERNS:
        for tensors, expected in zip(inputs, golden, strict=True):
            region ^= pattern
            try:
                has_changed = _output(model, tensors) != expected
            finally:
                region ^= pattern
            if has_changed:
                return _output(model, tensors) == expected
    return False


def _output(model: LiveModel, tensors: list[Tensor]) -> bytes | None:
    try:
        return pack(model.run(tensors))
    except RUNTIME_ERRORS:  # a damaged constant may well be refused: it was read
        return None
