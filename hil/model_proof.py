"""Proves models live on this machine, in a process of its own:
`python -m hil.model_proof FOLDER MODEL`.

Apart, because the proof turns weights over and a model may crash onnxruntime: whoever asks gets a
line, never a dead program.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from flight_sw.errors import ModelError, UserError
from flight_sw.inference.bundle import Part, parts_of
from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.live_files import stage, verify
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import Route
from flight_sw.inference.prove import MIN_COVERAGE, proof_inputs, prove
from flight_sw.inference.tensors import pack
from flight_sw.radiation.native import crc32c
from hil.applications.golden import GoldenTwin
from hil.places import model_cache

PROOF_TIMEOUT_S = 600.0
_MEMORY = Path("/dev/shm")  # noqa: S108  tmpfs itself is what is wanted
_DEAD_NAMED_MAX = 5
ROUTE_WORDS = {
    Route.PACKED: "packed weights saved",
    Route.GRAFTED: "packed weights saved, or mapped over the heap",
    Route.SHIFTED: "packed weights saved, 8-bit ones shifted",
    Route.PLAIN: "packing off (slower)",
    Route.INPUTS: "weights given at every run (slowest)",
    Route.DEVICE: "on a device",
}


class ModelProof(msgspec.Struct, frozen=True):
    """What was shown about one part of one model; `is_same_as_default` is about every output bit."""

    model: str
    part: str
    coverage: float
    live_bytes: int
    total_bytes: int
    protectable: bool
    is_same_as_default: bool
    route: Route
    dead: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line for people."""
        verdict = "protectable" if self.protectable else "NOT protectable"
        line = (
            f"{self.model} ({self.part}): {verdict}, coverage {self.coverage:.2%} "
            f"({self.live_bytes} of {self.total_bytes} weight bytes live), {ROUTE_WORDS[self.route]}"
        )
        if self.part == Part.PLAIN.value:
            same = "same bits as" if self.is_same_as_default else "NOT the bits of"
            line += f", {same} a default session"
        if self.dead:
            line += f"; dead: {', '.join(self.dead[:_DEAD_NAMED_MAX])}"
        if self.coverage < MIN_COVERAGE:
            line += f"; protection needs {MIN_COVERAGE:.0%}: such jobs run as `none` only"
        return line


def prove_model(model: Path) -> tuple[ModelProof, ...]:
    """Prove a model, compiled from the cache if possible, in a child process.

    Raises:
        ModelError: it is no model, or onnxruntime refuses it, or crashes or hangs on it.
    """
    return prove_compiled(compile_cached(model, model_cache(), crc32c), model)


def prove_compiled(compiled: Path, source: Path) -> tuple[ModelProof, ...]:
    """Prove every part of a compiled model against its `source`, in a child process.

    Raises:
        ModelError: as `prove_model`.
    """
    command = [sys.executable, "-m", "hil.model_proof", str(compiled), str(source)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PROOF_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{source}: the proof took more than {PROOF_TIMEOUT_S:g} s") from error
    if done.returncode < 0:
        raise ModelError(f"{source}: onnxruntime crashes on it (signal {-done.returncode})")
    if done.returncode:
        raise ModelError((done.stderr.strip().splitlines() or [f"{source}: no reason given"])[-1])
    return msgspec.json.decode(done.stdout, type=tuple[ModelProof, ...])


def main() -> int:
    """Prove the compiled directory and source named on the command line; JSON on stdout."""
    compiled, source = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        manifest = verify(compiled)
        found = [
            _prove_part(part, directory, source)
            for part, directory in parts_of(compiled, manifest).items()
            if part not in (Part.COPY_2, Part.COPY_3)
        ]
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    return 0


def _prove_part(part: Part, directory: Path, source: Path) -> ModelProof:
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="vanallen-") as folder:
        live_dir = Path(folder) / "live"
        manifest = stage(directory, live_dir)
        model = load_live(live_dir)
        proof = prove(model, live_dir)
        same = False
        if part is Part.PLAIN:
            twin = GoldenTwin(source)
            inputs = proof_inputs(manifest.inputs)
            same = all(pack(model.run(x)) == pack(twin.run(x)) for x in inputs)
        return ModelProof(
            model=manifest.name,
            part=part.value,
            coverage=proof.coverage,
            live_bytes=proof.live_bytes,
            total_bytes=proof.total_bytes,
            protectable=proof.protectable,
            is_same_as_default=same,
            route=manifest.route,
            dead=proof.dead,
        )


if __name__ == "__main__":
    sys.exit(main())
