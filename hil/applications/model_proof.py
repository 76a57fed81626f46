"""Compiles a model in a scratch place and proves it live: `vanallen model prove`, `vanallen
doctor`.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from flight_sw.inference.compile import PageCrc, compile_model
from flight_sw.inference.describe import ModelDescription
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.prove import MIN_COVERAGE, Proof, proof_inputs, prove
from flight_sw.inference.tensors import pack
from hil.applications.golden import GoldenTwin

_MEMORY = Path("/dev/shm")  # noqa: S108  tmpfs itself is what is wanted


@dataclass(frozen=True, slots=True)
class ModelProof:
    """What was found out about one model on this machine."""

    description: ModelDescription
    proof: Proof
    is_same_as_default: bool  # every output bit, against an ordinary session
    is_prepacked: bool

    def summary(self) -> str:
        """One line for people."""
        verdict = "protectable" if self.proof.protectable else "NOT protectable"
        same = "same bits as" if self.is_same_as_default else "NOT the bits of"
        line = (
            f"{self.description.path.name}: {verdict}, coverage {self.proof.coverage:.2%} "
            f"({self.proof.live_bytes} of {self.proof.total_bytes} weight bytes live), "
            f"{same} a default session"
        )
        if self.proof.dead:
            line += f"; dead: {', '.join(self.proof.dead[:5])}"
        if self.proof.coverage < MIN_COVERAGE:
            line += f"; protection needs {MIN_COVERAGE:.0%}: such jobs run as `none` only"
        return line


def prove_model(source: Path, page_crc: PageCrc) -> ModelProof:
    """Compile, stage on tmpfs, load, prove, compare with a default session; leaves nothing behind.

    Raises ModelError with one line if the model cannot be used at all.
    """
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="vanallen-") as folder:
        compiled, live_dir = Path(folder) / "compiled", Path(folder) / "live"
        compile_model(source, compiled, page_crc)
        manifest = stage(compiled, live_dir)
        model, twin = load_live(live_dir), GoldenTwin(source)
        proof = prove(model, live_dir)
        inputs = proof_inputs(manifest.inputs)
        same = all(pack(model.run(x)) == pack(twin.run(x)) for x in inputs)
        return ModelProof(twin.description, proof, same, manifest.prepacked)
