"""`vanallen model upload`: a model from the ground into a slot of the board, tried there, then kept.

The update file is made here: the model compiled for this machine's processor, a known input and its
answer. For a board of another kind make it on such a board (`vanallen model pack`) and upload that file.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import REASONS
from flight_sw.errors import ModelError, UserError
from flight_sw.inference.bundle import Guarding
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.live_files import stage
from flight_sw.inference.load import load_live
from flight_sw.inference.prove import MIN_COVERAGE, proof_inputs
from flight_sw.inference.update import make_update, rehearse
from flight_sw.radiation.native import crc32c
from hil.applications.models import find_model
from hil.ground.client import Ground
from hil.ground.reports import Declared
from hil.ground.request import GroundError

SUFFIX = ".update"
FETCH_S = 120.0  # for the board to fetch, rehearse and install a file of 4 MiB
SETTLE_S = 30.0
_MEMORY = Path("/dev/shm")  # noqa: S108  tmpfs itself is what is wanted

Say = Callable[[str], None]


class UpdateNotKept(GroundError):
    """The board refused an update, or undid it; the model that was there serves."""

    def __init__(self, slot: int, state: str, reason: Reason | None, detail: str) -> None:
        why = ": ".join(part for part in (reason.name if reason else "", detail) if part)
        super().__init__(
            f"slot {slot}: {state.lower().replace('_', ' ')}: {why}; the model there stays"
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Upload:
    """Where an update goes.

    Args:
        slot: of the board's models.
        file: empty file slot of the controller, emptied again afterwards.
        within_s: time on trial.
        keep: confirm it at once when it serves; else leave it on trial.
    """

    slot: int
    file: int
    within_s: float
    keep: bool


def read_update(model: str, guarding: Guarding) -> bytes:
    """The update to send: a file made before, or a model compiled now.

    Raises:
        ModelError: it cannot be an update; one line with the remedy.
    """
    path = Path(model)
    if path.suffix == SUFFIX:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}; check the path") from error
        if not data:
            raise ModelError(f"{path}: is empty; make it with: vanallen model pack")
        return data
    return pack_model(find_model(model), guarding)


def pack_model(source: Path, guarding: Guarding) -> bytes:
    """Compile a model for this machine and make its update, which must pass its own rehearsal here.

    Raises:
        ModelError: it does not compile, is too large, or would be refused on board.
    """
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="vanallen-") as temporary:
        folder = Path(temporary)
        compile_bundle(source, folder / "compiled", crc32c, guarding)
        stage(folder / "compiled", folder / "live")
        model = load_live(folder / "live")
        known = proof_inputs(model.manifest.inputs)[0]
        data = make_update(folder / "compiled", model, known)
        rehearse(data, folder / "rehearsal", None, MIN_COVERAGE)
        return data


def upload(ground: Ground, data: bytes, plan: Upload, say: Say) -> None:
    """Send, install, and confirm if asked to; the file slot is emptied whatever happens.

    Raises:
        GroundError: where it stopped; the model that was in the slot serves.
    """
    ground.put_file(plan.file, data)
    say(f"file slot {plan.file}: {len(data)} bytes up")
    try:
        ground.send("install-model", model=plan.slot, file=plan.file, within=plan.within_s).done()
        told = _await(ground, plan.slot, ("ON_TRIAL",), FETCH_S)
        say(f"model slot {plan.slot}: serves on trial for {float(told.values['left']):.0f} s")
        if plan.keep:
            ground.send("confirm-model", model=plan.slot).done()
            _await(ground, plan.slot, ("CONFIRMED",), SETTLE_S)
            say(f"model slot {plan.slot}: confirmed")
    finally:
        ground.arm("delete-file", slot=plan.file).done()
        ground.send("delete-file", slot=plan.file).done()


def check_slots(slot: int, file: int) -> None:
    """Raise UserError unless both slots exist."""
    if not 1 <= slot <= 16:
        raise UserError(f"--slot {slot}: a board has model slots 1 to 16")
    if not 1 <= file <= 8:
        raise UserError(f"--file {file}: the payload has file slots 1 to 8")


def _await(ground: Ground, slot: int, wanted: tuple[str, ...], within_s: float) -> Declared:
    told = ground.expect(
        Declared,
        within_s=within_s,
        where=lambda one: one.name == "model-update" and one.values["slot"] == slot,
    )
    state = str(told.values["state"])
    if state not in wanted:
        reason = REASONS.get(int(told.values["reason"]))
        raise UpdateNotKept(slot, state, reason, str(told.values["detail"]))
    return told
