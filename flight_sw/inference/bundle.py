"""A compiled model with its guarded forms: one directory, one part for each way to compute.

The plain part lies in the directory itself. Where calibration inputs were given, `range/` holds the
graph with clipped activations and `checksum/` the one whose dense layers are summed twice. The plain
manifest says how many independent copies of the weights a board maps for voting.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path

import msgspec

from flight_sw.errors import ModelError
from flight_sw.inference.job import Protection
from flight_sw.inference.live_files import verify
from flight_sw.inference.manifest import MANIFEST_FILE, Manifest
from flight_sw.inference.tensors import Tensor, pack

VOTE_COPIES = 3  # two that must agree, and a third that decides


@unique
class Part(Enum):
    """One set of weights that a slot can map; the value names its folder or copy."""

    PLAIN = "plain"
    RANGE = "range"
    CHECKSUM = "checksum"
    COPY_2 = "copy2"  # the plain weights again, mapped from a file of their own
    COPY_3 = "copy3"


COPIES = (Part.PLAIN, Part.COPY_2, Part.COPY_3)
FOLDERS = {Part.RANGE: "range", Part.CHECKSUM: "checksum"}


@dataclass(frozen=True, slots=True)
class Guarding:
    """What to compile beside the plain graph."""

    calibration: Sequence[list[Tensor]] = ()
    is_voted: bool = False
    is_summed: bool = True  # with calibration: also the graph of `high`

    @property
    def key(self) -> bytes:
        """Names these options in a cache; empty for a plain model."""
        options = b"vote" * self.is_voted + b"range" * (not self.is_summed)
        return options + b"".join(pack(tensors) for tensors in self.calibration)


def parts_of(compiled: Path, manifest: Manifest) -> dict[Part, Path]:
    """Each part of a compiled model and the directory of its files; copies share the plain one."""
    parts = {Part.PLAIN: compiled}
    for part, name in FOLDERS.items():
        if (compiled / name / MANIFEST_FILE).is_file():
            parts[part] = compiled / name
    if manifest.copies >= VOTE_COPIES:
        parts |= {Part.COPY_2: compiled, Part.COPY_3: compiled}
    return parts


def verify_bundle(compiled: Path) -> Manifest:
    """The plain manifest of a bundle whose every file matches its manifest; else LoadError.

    A guarded part must take and answer what the plain one does, or it would stand for another model.
    """
    manifest = verify(compiled)
    for directory in {*parts_of(compiled, manifest).values()} - {compiled}:
        guarded = verify(directory)
        if (guarded.inputs, guarded.answer_outputs) != (manifest.inputs, manifest.answer_outputs):
            raise ModelError(f"{directory}: takes or answers other tensors than {compiled}")
    return manifest


def parts_for(protection: Protection, offered: frozenset[Part]) -> tuple[Part, ...]:
    """The parts that a job of this class computes with, in order; empty if they are not all there.

    Voting uses the first two and asks the third only if they differ.
    """
    plain = (Part.PLAIN,)
    ranged = (Part.RANGE,) if Part.RANGE in offered else plain
    wanted = {
        Protection.NONE: plain,
        Protection.STANDARD: ranged,
        Protection.HIGH: (Part.CHECKSUM,),
        Protection.VOTE: COPIES,
    }[protection]
    return wanted if offered.issuperset(wanted) else ()


def with_copies(compiled: Path, manifest: Manifest) -> Manifest:
    """Write into the manifest that boards shall map the weights three times."""
    voted = msgspec.structs.replace(manifest, copies=VOTE_COPIES)
    with tempfile.NamedTemporaryFile(dir=compiled, delete=False) as file:
        file.write(msgspec.json.format(msgspec.json.encode(voted), indent=1))
    Path(file.name).replace(compiled / MANIFEST_FILE)
    return voted
