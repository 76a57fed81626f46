"""`python -m hil.model_proof MODEL`: compile a model here, load it live and prove its weights; JSON."""

import sys
import tempfile
from pathlib import Path

import msgspec

from flight_sw.errors import UserError
from flight_sw.inference.compile import compile_cached
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.prove import prove
from flight_sw.radiation.native import crc32c
from hil.places import model_cache


class ProofResult(msgspec.Struct, frozen=True):
    """What was shown to be live."""

    coverage: float
    live_bytes: int
    total_bytes: int
    protectable: bool


def prove_model(model: Path) -> ProofResult:
    """Compile (from the cache if possible), load and prove one model.

    Raises:
        ModelError: it is no model, or onnxruntime refuses it.
    """
    compiled = compile_cached(model, model_cache(), crc32c)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        live = Path(folder) / "live"
        stage(compiled, live)
        proof = prove(load_live(live), live)
    return ProofResult(proof.coverage, proof.live_bytes, proof.total_bytes, proof.protectable)


def main() -> int:
    """Prove the model named on the command line."""
    try:
        result = prove_model(Path(sys.argv[1]))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
