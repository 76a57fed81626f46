"""The models of a simulated flight: every guarded form stored, and those staged that its jobs need.

A class holds more than one set of weights where it guards them, and each set is hit by particles: what
protection costs in exposed memory is part of the flight.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flight_sw.board_models import BoardModel, region_name
from flight_sw.errors import UserError
from flight_sw.inference.bundle import Guarding, Part, parts_for, parts_of
from flight_sw.inference.job import Protection
from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.manifest import PAGE_BYTES, WEIGHTS_FILE, read_manifest
from flight_sw.inference.store import ModelStore
from flight_sw.inference.worker_messages import MAX_SLOTS
from flight_sw.radiation.protected import GoldenReader, ProtectedRegion
from hil.applications.cost import multiply_adds
from hil.applications.models import find_model
from hil.campaign.guards import guarding_for
from hil.rig.model_slots import compile_here

_PARTS = tuple(Part)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Models in a store, for jobs of one class.

    Args:
        macs: multiply-adds of one run, by the worker's number of a part.
        staged_bytes: weights that lie in the board's memory.
        guarding: by slot, what the guarded forms were made with.
    """

    folder: Path
    macs: Mapping[int, int]
    staged_bytes: int
    guarding: Mapping[int, Guarding]


def fill(folder: Path, names: Sequence[str], protection: Protection) -> Shelf:
    """Install the models in slots from 1 on.

    Raises:
        ModelError: a model cannot be compiled.
        UserError: a model has no form that this class needs.
    """
    paths = {slot: find_model(name) for slot, name in enumerate(names, start=1)}
    guarding = {slot: guarding_for(str(path)) for slot, path in paths.items()}
    store, macs, size = ModelStore(folder), {}, 0
    for slot, compiled in compile_here(paths, _say, guarding).items():
        store.install(compiled, slot)
        directories = staged_parts(store.directory(slot), protection)
        if not directories:
            raise UserError(f"{paths[slot].stem}: offers no protection class {protection.value}")
        size += sum((one / WEIGHTS_FILE).stat().st_size for one in directories.values())
        cost = multiply_adds(paths[slot])  # that of every form: its guards are small beside it
        macs |= {_PARTS.index(part) * MAX_SLOTS + slot: cost for part in directories}
    return Shelf(folder, macs, size, guarding)


def staged_parts(stored: Path, protection: Protection) -> dict[Part, Path]:
    """The plain part and those that jobs of this class need; empty if it cannot be kept."""
    directories = parts_of(stored, read_manifest(stored))
    wanted = parts_for(protection, frozenset(directories))
    if not wanted:
        return {}
    return {part: place for part, place in directories.items() if part in (Part.PLAIN, *wanted)}


def stage_part(slot: int, part: Part, stored: Path, live: Path) -> BoardModel:
    """Map a stored part in `live`, protected, with its right bytes read from the store."""
    manifest = stage(stored, live)
    region = ProtectedRegion(
        region_name(manifest.name, part), map_weights(live), golden_pages(stored)
    )
    region.encode()
    spans = tuple((blob.offset, blob.length) for blob in manifest.computing_blobs)
    return BoardModel(slot, manifest.name, str(live), manifest.digest.hex(), region, part, spans)


def golden_pages(stored: Path) -> GoldenReader:
    """The right bytes of a part's pages."""
    weights = (stored / WEIGHTS_FILE).read_bytes()
    return lambda page: weights[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
