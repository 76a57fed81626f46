"""What a flight must know of the board it flies on: who compiles for it, how its answers compare.

The emulated board computes on this machine's own processor; the emulated Pi on one of another kind,
and some fifty times slower.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from flight_sw.inference.bundle import Guarding
from flight_sw.inference.job import Protection
from flight_sw.profile import Profile
from hil.applications.golden import within_tolerance
from hil.applications.models import MODELS_DIR
from hil.campaign.guards import CALIBRATION, draw_inputs
from hil.campaign.record import Answer
from hil.campaign.workload import ModelToFly, Workload
from hil.rig import model_slots
from hil.rig.board_section import rig_section

TOLERANCE = 1e-5  # absolute, or relative above 1: fp32 on another processor differs by some 1e-7


def compile_for(
    profile: Profile,
    models: Iterable[ModelToFly],
    say: Callable[[str], None],
    guards: Mapping[int, Guarding] | None = None,
) -> dict[int, Path]:
    """By slot, the folder of the model compiled for this board's processor, with these guards.

    Raises:
        ModelError: a model cannot be compiled.
        UserError: the board's image has not been built, or nothing emulates the board.
    """
    return model_slots.compile_for(profile, {one.slot: one.path for one in models}, say, guards)


def guards_for(profile: Profile, workload: Workload, protection: str) -> dict[int, Guarding]:
    """By slot, the guards of `standard` for shipped models, from inputs as they get them.

    Of a model that a user brings, nobody knows here what is usual: `model upload --calibrate` does.
    """
    if protection != Protection.STANDARD.value or not compares_bits(profile):
        return {}
    return {
        model.slot: Guarding(tuple(draw_inputs(model.name, CALIBRATION)), is_summed=False)
        for model in workload.models
        if model.path.parent == MODELS_DIR
    }


def compares_bits(profile: Profile) -> bool:
    """Whether the golden twin runs on the same kind of processor as the board."""
    return rig_section(profile).emulator == "process"


def settled(
    answers: Iterable[Answer], golden: Mapping[int, bytes], workload: Workload
) -> tuple[Answer, ...]:
    """Answers of another processor: those that agree within `TOLERANCE` get the twin's own bytes."""
    outputs = {model.slot: model.description.outputs for model in workload.models}

    def one(answer: Answer) -> Answer:
        twin = golden.get(answer.job)
        if twin is None or answer.output == twin or answer.slot not in outputs:
            return answer
        same = within_tolerance(answer.output, twin, outputs[answer.slot], TOLERANCE)
        return replace(answer, output=twin) if same else answer

    return tuple(one(answer) for answer in answers)


def sentence(profile: Profile) -> str:
    """What the board of a flight is, for its report."""
    if compares_bits(profile):
        return (
            "The board is emulated: its flight software is the real one and runs on this machine's "
            "processor; heat, power, clock, supply and watchdog are models."
        )
    return (
        "The board is a Raspberry Pi 3 emulated by QEMU: stock Linux and the real flight software on "
        "an emulated Arm processor. Functional emulation: not cycle-accurate, no caches; heat, power "
        f"and supply are models. Results compare with the golden twin within {TOLERANCE:g}, "
        "because the twin runs on another kind of processor."
    )
