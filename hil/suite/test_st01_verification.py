"""ST[01]: each telecommand is accepted, started and done, or ends with one reason."""

import pytest

from flight_sw.dictionary.reason import Reason
from hil.ground.reports import Stage
from hil.rig.running import RunningBoard
from hil.suite.asking import refused

pytestmark = pytest.mark.needs(feature="commanding")


def test_accepted_comes_before_done(nominal: RunningBoard) -> None:
    """The stages of a telecommand arrive in their order, the last of them DONE."""
    request = nominal.ground.send("report-time").done()
    stages = [one.stage for one in request.stages]
    assert stages[0] is Stage.ACCEPTED
    assert stages[-1] is Stage.DONE


def test_missing_entry_fails_with_its_reason(nominal: RunningBoard) -> None:
    """What is accepted and cannot be carried out names why."""
    refused(nominal.ground.send("delete-monitor", monitor=32), Reason.NO_SUCH_ENTRY)


def test_wrong_mode_is_refused(safe: RunningBoard) -> None:
    """In SAFE there is no worker to restart, and the payload says so before it tries."""
    refused(safe.ground.send("restart-worker"), Reason.WRONG_MODE)


def test_critical_telecommand_without_arming_is_refused(nominal: RunningBoard) -> None:
    """Nobody resets the parameters by one slip."""
    refused(nominal.ground.send("reset-parameters"), Reason.NOT_ARMED)
