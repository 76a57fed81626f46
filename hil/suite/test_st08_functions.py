"""ST[08]: modes, the worker, the scrubber and the models, by function."""

import pytest

from hil.rig.running import RunningBoard
from hil.suite.asking import event

pytestmark = pytest.mark.needs(feature="board")


def test_payload_goes_to_safe_and_back_to_work(nominal: RunningBoard) -> None:
    """SAFE on command, and from there to NOMINAL with the board up again."""
    nominal.to_safe()
    assert nominal.housekeeping().values["mode"] == "SAFE"
    nominal.to_nominal()
    assert nominal.housekeeping().values["board"] == "UP"


@pytest.mark.needs(feature="supply")
def test_safe_takes_the_boards_power(nominal: RunningBoard) -> None:
    """In SAFE the board is off, and the payload answers without it."""
    nominal.to_safe()
    assert nominal.housekeeping().values["board"] == "OFF"
    nominal.ground.send("ping").done()


@pytest.mark.needs(feature="inference")
def test_scrub_on_command_reads_every_page(nominal: RunningBoard) -> None:
    """One pass more than the scrubber's own pace has done, at once."""
    before = nominal.housekeeping().values["pages_checked"]
    nominal.ground.send("scrub-now").done()
    assert nominal.until(
        lambda: nominal.housekeeping().values["pages_checked"] > before, nominal.within(5.0)
    )


@pytest.mark.needs(feature="inference")
def test_worker_restarts_on_command(nominal: RunningBoard) -> None:
    """The inference worker is started anew, and its models are proven again."""
    nominal.ground.send("restart-worker").done()
    event(nominal.ground, "worker-restarted", nominal.within(10.0))
    nominal.models.clear()
    nominal.to_nominal()
    assert all(model.protected for model in nominal.models.values())


@pytest.mark.needs(feature="supply")
def test_board_is_power_cycled_on_command(nominal: RunningBoard) -> None:
    """The payload cuts the board's power and brings it back by itself."""
    before = nominal.housekeeping(2).values["board_power_cycles"]
    nominal.ground.send("power-cycle-board").done()
    event(nominal.ground, "board-up", nominal.within(nominal.patience.board_up_s))
    nominal.models.clear()
    nominal.to_nominal()
    assert nominal.housekeeping(2).values["board_power_cycles"] == before + 1
