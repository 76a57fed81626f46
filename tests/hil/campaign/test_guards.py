"""Guards of the shipped models leave unharmed answers as they are."""

from pathlib import Path

import pytest

from flight_sw.inference.guard import guard_model
from flight_sw.inference.tensors import pack
from hil.applications.golden import GoldenTwin
from hil.applications.models import SLOT_MODELS, find_model
from hil.campaign.guards import draw_inputs, guarding_for
from hil.campaign.workload import drawer, model_to_fly
from hil.kernel import stream

FRESH = {"hotspot": 25, "telemetry-anomaly": 400}


@pytest.mark.parametrize("name", SLOT_MODELS)
def test_guards_change_no_unharmed_answer(name: str, tmp_path: Path) -> None:
    """Inputs that calibration has not seen get the golden twin's bits; no clip lies in their way."""
    guarded = tmp_path / f"{name}.onnx"
    guard_model(find_model(name), guarded, guarding_for(name).calibration, with_checksums=False)
    twin, clipped = GoldenTwin(find_model(name)), GoldenTwin(guarded)
    draw, chance = drawer(model_to_fly(1, name)), stream(77, f"fresh:{name}")
    fresh = [list(draw(chance)) for _ in range(FRESH[name])]
    changed = [x for x in fresh if pack(clipped.run(x)) != pack(twin.run(x))]
    assert not changed


def test_the_same_inputs_calibrate_everywhere() -> None:
    """Campaign and simulation share one compiled bundle, so its calibration never depends on a seed."""
    first, again = draw_inputs("telemetry-anomaly", 3), draw_inputs("telemetry-anomaly", 3)
    assert [pack(x) for x in first] == [pack(x) for x in again]
