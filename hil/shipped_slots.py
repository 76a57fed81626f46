"""The shipped models in a board's slots, compiled for its processor: `vanallen emulate` flies them."""

import sys
from pathlib import Path

from flight_sw.inference.store import ModelStore
from flight_sw.profile import Profile
from hil.applications.models import SLOT_MODELS
from hil.campaign.board_kind import compile_for
from hil.campaign.workload import model_to_fly


def fill_slots(folder: Path, profile: Profile) -> Path:
    """Install every shipped model, in order of its name from slot 1 on; returns the folder."""
    store = ModelStore(folder)
    models = [model_to_fly(slot, name) for slot, name in enumerate(SLOT_MODELS, start=1)]
    for slot, compiled in compile_for(profile, models, _say).items():
        store.install(compiled, slot)
    return folder


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
