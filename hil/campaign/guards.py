"""The guarded forms of a model: ranges and checksums calibrated on its own inputs, and three copies."""

from collections.abc import Sequence

from flight_sw.inference.bundle import Guarding
from flight_sw.inference.tensors import Tensor
from hil.campaign.workload import drawer, model_to_fly
from hil.kernel import stream

CALIBRATION = 64  # more than campaigns fly; with 8, clips changed one unharmed answer in seven
INPUT_SEED = 20_260_101  # inputs are the same in every campaign, faults are not
_ANY_SLOT = 1


def guarding_for(model: str) -> Guarding:
    """What to compile beside the plain graph, so that every protection class can be kept."""
    return Guarding(tuple(draw_inputs(model, CALIBRATION)), is_voted=True)


def draw_inputs(model: str, count: int) -> Sequence[list[Tensor]]:
    """The model's inputs: scenes and segments for our own models, else plain chance."""
    draw, chance = drawer(model_to_fly(_ANY_SLOT, model)), stream(INPUT_SEED, "inputs")
    return [list(draw(chance)) for _ in range(count)]
