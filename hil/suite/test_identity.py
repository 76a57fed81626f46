"""Who answers: the board, the software on it and the models in its slots are what the rig believes."""

import pytest

from hil.applications.models import SLOT_MODELS
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import event

pytestmark = pytest.mark.needs(feature="board")


def test_board_names_its_profile(nominal: RunningBoard) -> None:
    """The node runs with the profile that the inventory says."""
    assert nominal.identity.board == nominal.entry.profile.name


def test_board_has_a_serial_number(nominal: RunningBoard, measure: Measures) -> None:
    """The board can be told from every other; the inventory's number, if given, is its own."""
    serial = nominal.identity.serial_number
    assert serial.strip()
    wanted = nominal.entry.section.serial_number
    if wanted is not None:
        measure.same("serial_number", serial, wanted)


def test_controller_counts_its_boots(nominal: RunningBoard) -> None:
    """A controller that runs has booted at least once, and says so."""
    assert nominal.housekeeping(2).values["boots"] >= 1


@pytest.mark.needs(feature="supply")
def test_board_counts_its_boots(nominal: RunningBoard) -> None:
    """The board's own count rises with each power-up, and its serial number stays."""
    nominal.to_safe()
    nominal.ground.forget()
    nominal.ground.send("set-mode", mode="NOMINAL").done()
    up = event(nominal.ground, "board-up", nominal.within(nominal.patience.board_up_s))
    assert up.values["boots"] > nominal.identity.boots
    assert up.values["serial_number"] == nominal.identity.serial_number


@pytest.mark.needs(feature="inference")
def test_shipped_models_are_there_and_protected(nominal: RunningBoard, measure: Measures) -> None:
    """Every shipped model is loaded, its weights proven live by the share that the profile asks."""
    wanted = nominal.entry.profile.inference.min_coverage
    for name in SLOT_MODELS:
        model = nominal.model(name)
        measure.declare(f"coverage.{name}", low=wanted, margin=0.0)
        measure(f"coverage.{name}", model.coverage)
        assert model.protected
        assert len(model.digest) >= 16


def test_telemetry_is_all_of_this_payload(nominal: RunningBoard, measure: Measures) -> None:
    """No packet of a ground that listens for a while is malformed or of an unknown kind."""
    nominal.until(lambda: False, 1.0)
    measure("packets_bad", nominal.ground.counts.packets_bad, high=0)
    assert nominal.ground.counts.packets > 0
