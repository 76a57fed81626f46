"""Models into the slots of an emulated board: compiled for the processor that computes there.

Compiled models come from a cache, for the same file on the same machine gives the same bytes.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from flight_sw.board_models import region_name
from flight_sw.errors import UserError
from flight_sw.inference.bundle import Guarding, parts_of
from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.manifest import WEIGHTS_FILE
from flight_sw.inference.store import ModelStore
from flight_sw.profile import Profile
from flight_sw.radiation.native import crc32c
from hil.places import model_cache
from hil.rig.board_section import rig_section
from hil.rig.qemu_pi.compile import compile_on_pi
from hil.rig.qemu_pi.image import find
from hil.rig.qemu_pi.process import image_folder

SLOW_S = 0.5  # worth a line

Say = Callable[[str], None]


def compile_for(
    profile: Profile,
    models: Mapping[int, Path],
    say: Say,
    guards: Mapping[int, Guarding] | None = None,
) -> dict[int, Path]:
    """By slot, the folder of the model compiled for this board's processor.

    `guards` are for slots of boards that compute here; a model of another processor gets none.

    Raises:
        ModelError: a model cannot be compiled.
        UserError: the board's image has not been built, or nothing emulates the board.
    """
    kind = rig_section(profile).emulator
    if kind == "process":
        return compile_here(models, say, guards)
    if kind == "none":
        raise UserError(
            f"board {profile.name} is a real one: start its node, then fly it with `vanallen fly`; "
            "`run` flies emulated boards: emulated, qemu-raspberry-pi-3"
        )
    image = find(image_folder())
    if image is None:
        raise UserError("no card for the emulated Raspberry Pi; run: vanallen board qemu-pi build")
    kept = compile_on_pi(list(models.values()), image, image_folder() / "models", say)
    return {slot: kept[path] for slot, path in models.items()}


def install(folder: Path, compiled: Mapping[int, Path]) -> dict[str, Path]:
    """Fill the slots; by name of each model's part, the file with the right bytes of its weights."""
    store = ModelStore(folder)
    files = {}
    for slot, model in compiled.items():
        manifest = store.install(model, slot)
        for part, directory in parts_of(store.directory(slot), manifest).items():
            files[region_name(manifest.name, part)] = directory / WEIGHTS_FILE
    return files


def compile_here(
    models: Mapping[int, Path], say: Say, guarding: Mapping[int, Guarding] | None = None
) -> dict[int, Path]:
    """By slot, the folder of the model compiled for this machine, with its guarded forms if any."""
    cache = model_cache()
    compiled = {}
    for slot, path in models.items():
        before_s = time.monotonic()
        compiled[slot] = compile_cached(path, cache, crc32c, (guarding or {}).get(slot))
        took_s = time.monotonic() - before_s
        if took_s > SLOW_S:
            say(f"Compiled {path.stem} for this machine in {took_s:.1f} s (kept in {cache})")
    return compiled
