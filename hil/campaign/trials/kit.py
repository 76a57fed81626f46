"""What every trial of a campaign shares: the compiled model, its jobs with golden answers, the orbit.

Made once in a process and used for all its stacks, because compiling and following an orbit cost more
than a hundred faults.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from flight_sw.board_models import region_name
from flight_sw.devices.shared_memory import SharedMemory
from flight_sw.errors import ProfileError
from flight_sw.inference.bundle import Part, parts_for, parts_of
from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.job import Protection
from flight_sw.inference.manifest import GRAPH_FILE, WEIGHTS_FILE, Blob, read_manifest
from flight_sw.inference.store import ModelStore
from flight_sw.inference.tensors import Tensor, pack, unpack
from flight_sw.inference.worker_messages import MAX_SLOTS
from flight_sw.profile import Profile
from flight_sw.radiation.native import crc32c
from hil import board_files
from hil.applications.cost import multiply_adds
from hil.applications.golden import GoldenTwin
from hil.campaign.guards import CALIBRATION, draw_inputs, guarding_for
from hil.campaign.trials.layers import layer_names
from hil.campaign.trials.proofs import KnownProofs
from hil.campaign.workload import ModelToFly, model_to_fly
from hil.emulator.settings import Silicon, power_model, read_profile, thermal_node
from hil.environment.conditions import Conditions, conditions_along
from hil.environment.flown_board import BoardPhysics, FlownBoard
from hil.environment.orbit import load_orbit
from hil.environment.vehicle import Vehicle, load_vehicle
from hil.places import model_cache
from hil.simulation.board import BoardParts

SLOT = 1
INPUTS = 12  # different jobs; more would only cost golden answers
BRISK_LOAD_S = 0.1
ORBIT, VEHICLE, ORBIT_S = "leo-550", "cubesat-12u", 4000.0


@dataclass(frozen=True, slots=True)
class StackKit:
    """See the module text.

    Args:
        regions: by part, the name of its protected region; only parts that the class needs.
        files: by region name, the file with its right bytes.
        blobs: by region name, the tensors in it.
        layers: by region and tensor, what the user's model calls it.
        source, calibration: the model as it came, and inputs that its guards were made with.
        stored: by part, the folder of its compiled form.
        proofs: what loading them showed.
        threshold: where the model's card draws the line between yes and no; None without a card.
    """

    profile: Profile
    parts: BoardParts
    physics: BoardPhysics
    vehicle: Vehicle
    conditions: Conditions
    protection: Protection
    staged: tuple[Part, ...]
    computing: frozenset[str]
    files: dict[str, Path]
    blobs: dict[str, tuple[Blob, ...]]
    layers: dict[str, dict[str, str]]
    inputs: tuple[bytes, ...]
    golden: tuple[bytes, ...]
    twin: GoldenTwin
    threshold: float | None
    source: Path
    calibration: tuple[list[Tensor], ...]
    stored: dict[Part, Path]
    proofs: KnownProofs

    def new_physics(self) -> FlownBoard:
        """A board on its vehicle at the start of the orbit."""
        return FlownBoard(self.physics, self.vehicle, self.conditions)

    def decides(self, answer: bytes) -> bytes:
        """What an answer says at the card's threshold; without a card, the answer itself."""
        if self.threshold is None:
            return answer
        tensors = unpack(self.twin.description.outputs, answer)
        return b"".join(np.packbits(np.ravel(t) >= self.threshold).tobytes() for t in tensors)


@contextmanager
def open_kit(
    model: str, board: str, protection: Protection, *, brisk: bool = False
) -> Iterator[StackKit]:
    """Make a kit; its files are gone afterwards.

    Args:
        brisk: models load in `BRISK_LOAD_S` of virtual time; see Plan.

    Raises:
        UserError: the model or the board cannot be used, or has not what the class needs.
    """
    profile, silicon = read_profile(board_files.find_board(board))
    if silicon.work is None:
        raise ProfileError(
            f"{board}: campaigns need `emulated.work`; copy it from boards/emulated.yaml"
        )
    work = msgspec.structs.replace(silicon.work, load_s=BRISK_LOAD_S) if brisk else silicon.work
    flown = model_to_fly(SLOT, model)
    compiled = compile_cached(flown.path, model_cache(), crc32c, guarding_for(model))
    memory = SharedMemory()
    try:
        with tempfile.TemporaryDirectory(prefix="vanallen-campaign-") as folder:
            slots = ModelStore(Path(folder))
            manifest = slots.install(compiled, SLOT)
            directories = parts_of(slots.directory(SLOT), manifest)
            parts = BoardParts(profile, work, Path(folder), memory.directory, _macs(flown.path))
            yield _kit(flown, protection, directories, parts, silicon)
    finally:
        memory.close()


def _kit(
    flown: ModelToFly,
    protection: Protection,
    directories: dict[Part, Path],
    parts: BoardParts,
    silicon: Silicon,
) -> StackKit:
    wanted = parts_for(protection, frozenset(directories))
    if not wanted:
        raise ProfileError(f"{flown.name}: offers no protection class {protection.value}")
    staged = tuple(part for part in directories if part in (Part.PLAIN, *wanted))
    names = {part: region_name(flown.name, part) for part in staged}
    inputs = tuple(pack(x) for x in draw_inputs(str(flown.path), INPUTS))
    twin = GoldenTwin(flown.path)
    die = thermal_node(silicon)
    return StackKit(
        profile=parts.profile,
        parts=parts,
        physics=BoardPhysics(power_model(parts.profile, silicon), die, silicon.heat.firmware_table),
        vehicle=load_vehicle(VEHICLE),
        conditions=conditions_along(load_orbit(ORBIT)[1], ORBIT_S),
        protection=protection,
        staged=staged,
        computing=frozenset(names[part] for part in wanted),
        files={names[part]: directories[part] / WEIGHTS_FILE for part in staged},
        blobs={name: read_manifest(directories[part]).blobs for part, name in names.items()},
        layers={
            name: layer_names(flown.path, directories[part] / GRAPH_FILE)
            for part, name in names.items()
        },
        inputs=inputs,
        golden=tuple(twin.answer(one) for one in inputs),
        twin=twin,
        threshold=flown.card.threshold if flown.card else None,
        source=flown.path,
        calibration=tuple(draw_inputs(str(flown.path), CALIBRATION)),
        stored={part: directories[part] for part in staged},
        proofs=KnownProofs(),
    )


def _macs(model: Path) -> dict[int, int]:
    """A worker number stands for a part, and every part costs the same multiply-adds."""
    macs = multiply_adds(model)
    return {index * MAX_SLOTS + SLOT: macs for index in range(len(Part))}
