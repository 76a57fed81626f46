"""Updates over the link: fetched, rehearsed, on trial; kept if confirmed, undone if not or refused."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.inference.bundle import Guarding
from hil.applications.models import find_model
from hil.model_upload import UpdateNotKept, Upload, pack_model, upload
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import told
from hil.suite.jobs import Jobs

# The update is compiled here, so the board must have this machine's kind of processor.
pytestmark = pytest.mark.needs(feature=["inference", "same-processor"])

MODEL, SLOT, FILE = "telemetry-anomaly", 5, 3
SHORTEST_S, LONG_S = 10.0, 120.0
DONE_S = 30.0


@pytest.fixture(scope="module")
def update() -> bytes:
    """A good update of a shipped model."""
    return pack_model(find_model(MODEL), Guarding())


def send(rig: RunningBoard, data: bytes, within_s: float) -> None:
    """Up and on trial, not confirmed."""
    upload(rig.ground, data, Upload(SLOT, FILE, within_s, keep=False), lambda _: None)


def in_slot(rig: RunningBoard) -> list[str]:
    """What serves there now."""
    return [model.name for model in rig.models_told() if model.slot == SLOT]


def undone(rig: RunningBoard, within_s: float) -> None:
    """The slot is as it was before the trial."""
    told(rig.ground, "model-update", rig.within(within_s), slot=SLOT, state="ROLLED_BACK")
    assert rig.until(lambda: in_slot(rig) == [], DONE_S)


def test_update_serves_on_trial_until_ground_undoes_it(
    nominal: RunningBoard, jobs: Jobs, update: bytes, measure: Measures
) -> None:
    """The new model answers rightly beside the old ones, and goes at a word."""
    before_s = nominal.now_s()
    send(nominal, update, LONG_S)
    measure("update", nominal.now_s() - before_s, "s", high=nominal.within(DONE_S))
    assert nominal.until(lambda: in_slot(nominal) == [MODEL], DONE_S)
    job = jobs.send(MODEL, jobs.input_of(MODEL, 3), slot=SLOT)
    assert jobs.is_golden(job, jobs.result(job).output)
    nominal.ground.send("roll-back-model", model=SLOT).done()
    undone(nominal, DONE_S)


def test_update_that_nobody_confirms_undoes_itself(nominal: RunningBoard, update: bytes) -> None:
    """When the time on trial is over, the board puts back what was there by itself."""
    send(nominal, update, SHORTEST_S)
    undone(nominal, SHORTEST_S + DONE_S)


def test_damaged_update_is_refused(nominal: RunningBoard, update: bytes) -> None:
    """One changed byte: refused with a reason, and nothing in the slots has moved."""
    before = sorted((one.slot, one.digest) for one in nominal.models_told())
    damaged = bytearray(update)
    damaged[len(damaged) // 2] ^= 0x40
    with pytest.raises(UpdateNotKept) as caught:
        send(nominal, bytes(damaged), LONG_S)
    assert caught.value.reason is not None
    assert sorted((one.slot, one.digest) for one in nominal.models_told()) == before


def test_update_of_another_shape_is_refused(nominal: RunningBoard, update: bytes) -> None:
    """A model that takes other inputs cannot take the place of one that users address."""
    slot = nominal.model("hotspot").slot
    with pytest.raises(UpdateNotKept) as caught:
        upload(nominal.ground, update, Upload(slot, FILE, LONG_S, keep=True), lambda _: None)
    assert caught.value.reason is Reason.WRONG_SHAPE
    nominal.to_nominal()
    assert nominal.model("hotspot").slot == slot
