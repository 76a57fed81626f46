"""Proofs at load, each done once for the same bytes: a campaign's boards boot a thousand times.

A proof runs the model some thirty times and reads the whole memory map; it follows from the graph and
the live bytes alone. What differs in one bit, as after a fault, is proven anew.
"""

import hashlib
from pathlib import Path

from flight_sw.inference.manifest import GRAPH_FILE, WEIGHTS_FILE
from flight_sw.inference.prove import Proof, Provable, prove

KEPT_MAX = 64  # proofs of damaged bytes are seldom met again


class KnownProofs:
    """Stands in for `prove` in the workers of a kit."""

    def __init__(self) -> None:
        self._known: dict[bytes, Proof] = {}

    def __call__(self, model: Provable, live_dir: Path) -> Proof:
        """What `prove` found for these very bytes."""
        name = _name_of(live_dir)
        if name not in self._known:
            if len(self._known) >= KEPT_MAX:
                self._known.clear()
            self._known[name] = prove(model, live_dir)
        return self._known[name]


def _name_of(live_dir: Path) -> bytes:
    digest = hashlib.sha256()
    for file in (GRAPH_FILE, WEIGHTS_FILE):
        digest.update(hashlib.sha256((live_dir / file).read_bytes()).digest())
    return digest.digest()
