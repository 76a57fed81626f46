"""ST[20]: on-board parameters are told, set within their range, and reset by an armed hand."""

import pytest

from flight_sw.dictionary.parameters import PARAMETERS
from flight_sw.dictionary.reason import Reason
from hil.ground.reports import ParameterReport
from hil.rig.running import RunningBoard
from hil.suite.asking import Undo, fire, refused

pytestmark = pytest.mark.needs(feature="commanding")


def value_of(rig: RunningBoard, name: str) -> float:
    """The parameter as the payload has it now."""
    rig.ground.send("report-parameter", parameter=name).done()
    return rig.ground.expect(ParameterReport, where=lambda one: one.parameter == name).value


def test_every_parameter_is_told_within_its_range(nominal: RunningBoard) -> None:
    """All of the dictionary, each with a value that it allows."""
    nominal.ground.send("report-parameters").done()
    for parameter in PARAMETERS:
        name = parameter.name
        told = nominal.ground.expect(
            ParameterReport, where=lambda one, name=name: one.parameter == name
        )
        assert parameter.minimum <= told.value <= parameter.maximum


def test_parameter_is_set_and_told(nominal: RunningBoard, undo: Undo) -> None:
    """What is set is what is told afterwards."""
    undo("set-parameter", parameter="event_rate", value=value_of(nominal, "event_rate"))
    nominal.ground.send("set-parameter", parameter="event_rate", value=37.0).done()
    assert value_of(nominal, "event_rate") == 37.0


def test_value_out_of_range_changes_nothing(nominal: RunningBoard) -> None:
    """A value that the dictionary does not allow is refused, and the old one stays."""
    before = value_of(nominal, "event_rate")
    wrong = nominal.ground.send("set-parameter", parameter="event_rate", value=1e6)
    refused(wrong, Reason.BAD_ARGUMENT)
    assert value_of(nominal, "event_rate") == before


def test_limits_cannot_cross(nominal: RunningBoard) -> None:
    """A release temperature above the soft limit would throttle for ever: refused."""
    wrong = nominal.ground.send("set-parameter", parameter="soft_limit", value=45.0)
    refused(wrong, Reason.NOT_ALLOWED)


def test_reset_brings_the_defaults_back(nominal: RunningBoard) -> None:
    """Armed and fired, every parameter has its default again."""
    nominal.ground.send("set-parameter", parameter="event_rate", value=41.0).done()
    fire(nominal.ground, "reset-parameters")
    default = next(one.default for one in PARAMETERS if one.name == "event_rate")
    assert value_of(nominal, "event_rate") == default
