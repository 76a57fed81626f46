"""Prove, at every load, that the bytes we protect are the bytes onnxruntime computes with.

Each blob is inverted in part through our view: the output must change. It is put back, and in the
end every output must be what it was, bit for bit. Whatever does not answer is dead: mapped, at
the right speed, and read by nobody. onnxruntime falls back to such private copies silently, so
nothing short of this shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from flight_sw.inference.live_files import LiveBytes
from flight_sw.inference.load import split_off_kib
from flight_sw.inference.manifest import Blob, BlobKind, Manifest
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


UNPROVEN = Proof(0.0, 0, 0, (), 0)  # where nothing can be shown


class Provable(Protocol):
    """A loaded model, wherever it computes."""

    manifest: Manifest
    view: LiveBytes

    def run(self, inputs: list[Tensor]) -> list[Tensor]:
        """All outputs for these inputs."""
        ...

    def sync(self, blob: Blob) -> None:
        """Bring what the view holds to where the kernels read."""
        ...


Prover = Callable[[Provable, Path], Proof]


def prove(model: Provable, live_dir: Path) -> Proof:
    """Flip and run for every blob, restore, run again; nobody else may write to the weights
    meanwhile.

    Coverage counts every weight byte once: packed blobs and plain tensors, constants inside the
    graph (never live), and plain copies that a packed blob replaces only if they are live too.
    If an output cannot be repeated, before or after, nothing is proven.
    """
    inputs = proof_inputs(model.manifest.inputs)
    golden = [pack(model.run(x)) for x in inputs]
    is_repeatable = golden == [pack(model.run(x)) for x in inputs]
    live = [
        blob
        for blob in (model.manifest.blobs if is_repeatable else ())
        if _is_live(model, blob, inputs, golden)
    ]
    if golden != [_output(model, x) for x in inputs]:
        live = []
    dead = [b for b in model.manifest.computing_blobs if b not in live]
    live_bytes = sum(blob.length for blob in live)
    total = live_bytes + sum(blob.length for blob in dead) + model.manifest.inline_bytes
    return Proof(
        coverage=live_bytes / total if total else 0.0,
        live_bytes=live_bytes,
        total_bytes=total,
        dead=tuple(blob.name for blob in dead),
        split_off_kib=split_off_kib(live_dir),
    )


def proof_inputs(specs: tuple[TensorSpec, ...]) -> list[list[Tensor]]:
    """The same few inputs for every load, varied enough that no weight hides behind a dead ReLU."""
    rng = np.random.default_rng(_SEED)
    count = max(len(_FLOAT_INPUTS), len(_INT_INPUTS))
    return [[_proof_input(spec, i, rng) for spec in specs] for i in range(count)]


def _proof_input(spec: TensorSpec, index: int, rng: np.random.Generator) -> Tensor:
    dtype = np.dtype(spec.dtype)
    if spec.name == "attention_mask":  # a decoder that may look at nothing is not defined
        return np.ones(spec.shape, dtype)
    if spec.name == "position_ids":
        return np.broadcast_to(np.arange(spec.shape[-1], dtype=dtype), spec.shape).copy()
    if dtype.kind == "f":
        centre, spread = _FLOAT_INPUTS[index % len(_FLOAT_INPUTS)]
        return rng.normal(centre, spread, spec.shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, spec.shape).astype(dtype)
    return rng.integers(0, _INT_INPUTS[index % len(_INT_INPUTS)], spec.shape).astype(dtype)


def _is_live(model: Provable, blob: Blob, inputs: list[list[Tensor]], golden: list[bytes]) -> bool:
    region = model.view[blob.offset : blob.offset + blob.length]
    # Copies that a packed blob replaces are dead as a rule: one try, not eight.
    tries = 1 if blob.kind is BlobKind.SOURCE else len(inputs)
    for pattern in PATTERNS[:tries]:
        for tensors, expected in zip(inputs[:tries], golden[:tries], strict=True):
            region ^= pattern
            model.sync(blob)
            try:
                has_changed = _output(model, tensors) != expected
            finally:
                region ^= pattern
                model.sync(blob)
            if has_changed:
                return True
    return False


def _output(model: Provable, tensors: list[Tensor]) -> bytes | None:
    try:
        return pack(model.run(tensors))
    except RUNTIME_ERRORS:  # a damaged constant may well be refused: it was read
        return None
