"""The shipped models in a board's slots, compiled for this machine: `vanallen emulate` flies them."""

from pathlib import Path

from flight_sw.inference.compiled import compile_cached
from flight_sw.inference.store import ModelStore
from flight_sw.radiation.native import crc32c
from hil.applications.models import find_model, shipped_models
from hil.places import model_cache


def fill_slots(folder: Path) -> Path:
    """Install every shipped model, in order of its name from slot 1 on; returns the folder."""
    store = ModelStore(folder)
    for slot, name in enumerate(shipped_models(), start=1):
        store.install(compile_cached(find_model(name), model_cache(), crc32c), slot)
    return folder
