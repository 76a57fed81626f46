"""Updates: a new model is on trial until it is confirmed; if nobody confirms it, the old one returns."""

import pytest

from flight_sw.inference.store import ModelStore
from hil.rig.running import RunningBoard
from hil.suite.asking import event

pytestmark = pytest.mark.needs(feature=["inference", "slots"])

SLOT = 4


@pytest.fixture
def store(nominal: RunningBoard):
    """The board's model store, its trial slot empty again at the end."""
    found = ModelStore(nominal.models_folder)
    yield found
    found.roll_back(SLOT)
    found.remove(SLOT)
    reboot(nominal)


def reboot(rig: RunningBoard) -> None:
    """Let the board start anew, which is when it stages its models."""
    rig.ground.forget()
    rig.ground.send("power-cycle-board").done()
    event(rig.ground, "board-up", rig.within(rig.patience.board_up_s))
    rig.models.clear()
    rig.to_nominal()


def in_slot(rig: RunningBoard) -> list[str]:
    """What the board has loaded there."""
    return [model.name for model in rig.models_told() if model.slot == SLOT]


def test_confirmed_model_stays(nominal: RunningBoard, store: ModelStore) -> None:
    """Installed on trial and confirmed, the model is there after a reboot."""
    store.install_on_trial(store.directory(nominal.model("hotspot").slot), SLOT)
    store.confirm(SLOT)
    reboot(nominal)
    proven_s = nominal.within(nominal.patience.models_s)
    assert nominal.until(lambda: in_slot(nominal) == ["hotspot"], proven_s)


def test_unconfirmed_model_is_rolled_back(nominal: RunningBoard, store: ModelStore) -> None:
    """Nobody confirms it: the next start puts back what was there before, which was nothing."""
    store.install_on_trial(store.directory(nominal.model("hotspot").slot), SLOT)
    assert store.on_trial(SLOT)
    reboot(nominal)
    assert in_slot(nominal) == []
    assert not store.on_trial(SLOT)


def test_damaged_model_is_left_out(nominal: RunningBoard, store: ModelStore) -> None:
    """A model whose manifest does not hold is not loaded, and the others are."""
    store.install(store.directory(nominal.model("hotspot").slot), SLOT)
    manifest = store.directory(SLOT) / "manifest.json"
    files = sorted(path.name for path in store.directory(SLOT).iterdir())
    target = manifest if manifest.exists() else store.directory(SLOT) / files[0]
    target.write_bytes(b"damaged")
    reboot(nominal)
    assert in_slot(nominal) == []
    assert {"hotspot", "telemetry-anomaly"} <= nominal.models.keys()
