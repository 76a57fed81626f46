"""ST[03]: housekeeping comes at its period, once on request, and in structures of one's own."""

import statistics
from itertools import pairwise

import pytest

from flight_sw.dictionary.reason import Reason
from hil.ground.reports import Housekeeping
from hil.rig.measurement import Measures
from hil.rig.running import PERIOD_S, RunningBoard
from hil.suite.asking import Undo, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

OWN = 20
SAMPLES = 8


def samples(rig: RunningBoard, structure: int) -> list[Housekeeping]:
    """Those of one structure since the test began."""
    return [
        one
        for one in rig.ground.reports
        if isinstance(one, Housekeeping) and one.structure == structure
    ]


def test_samples_come_at_their_period(nominal: RunningBoard, measure: Measures) -> None:
    """The time stamps of the board's structure are a period apart."""
    assert nominal.until(lambda: len(samples(nominal, 1)) > SAMPLES, 10.0)
    stamps = [one.time for one in samples(nominal, 1)]
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    measure("period", statistics.median(gaps), "s", low=0.5 * PERIOD_S, high=1.6 * PERIOD_S)


def test_stopped_structure_is_silent_until_started(nominal: RunningBoard, undo: Undo) -> None:
    """Stop holds, a single report still comes on request, start resumes."""
    undo("start-housekeeping", structure=1)
    nominal.ground.send("stop-housekeeping", structure=1).done()
    nominal.ground.forget()
    nominal.ground.wait_until(lambda: False, 4 * PERIOD_S)
    assert not samples(nominal, 1)
    nominal.ground.send("report-housekeeping", structure=1).done()
    assert nominal.until(lambda: len(samples(nominal, 1)) == 1, 5.0)
    nominal.ground.send("start-housekeeping", structure=1).done()
    assert nominal.until(lambda: len(samples(nominal, 1)) > 2, 5.0)


def test_own_structure_reports_what_it_was_given(nominal: RunningBoard, undo: Undo) -> None:
    """A structure that is defined at run time reports its parameters, in order."""
    undo("delete-structure", structure=OWN)
    names = "mode,event_rate,boots"
    nominal.ground.send("create-structure", structure=OWN, period=0.2, parameters=names).done()
    nominal.ground.send("start-housekeeping", structure=OWN).done()
    values = told(nominal.ground, "structure-values", structure=OWN)
    assert values["parameters"] == names
    assert len(values["values"]) == 1 + 8 + 4  # an enumeration, a float and a count


def test_structures_tell_their_definition(nominal: RunningBoard) -> None:
    """All four structures of the dictionary are reported, with their periods."""
    nominal.ground.send("report-structures").done()
    for structure in (1, 2, 3, 4):
        assert told(nominal.ground, "structure-definition", structure=structure)["period"] > 0


def test_structure_that_is_not_there_is_refused(nominal: RunningBoard) -> None:
    """Nothing is deleted that was not defined."""
    refused(nominal.ground.send("delete-structure", structure=OWN + 1), Reason.NO_SUCH_ENTRY)


def test_board_readings_are_plausible(nominal: RunningBoard, measure: Measures) -> None:
    """Temperature, power and clock lie where a board that works can have them."""
    assert nominal.until(lambda: bool(nominal.housekeeping().values["temp_known"]), 10.0)
    values = nominal.housekeeping().values
    thermal, levels = nominal.entry.profile.thermal, nominal.entry.profile.frequency.levels_mhz
    measure("temperature", values["temp"], "degC", low=-40.0, high=thermal.hard_limit_c)
    measure("power", values["power"], "W", high=60.0)
    assert values["power"] >= 0.0
    measure.declare("clock", "MHz", low=levels[0] - 1, high=levels[-1] + 1, margin=0.0)
    measure("clock", values["frequency"])
