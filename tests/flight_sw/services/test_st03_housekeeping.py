"""ST[03]: structures at their periods, and structures defined at run time."""

import pytest

from flight_sw.dictionary.field import decode
from flight_sw.dictionary.pool import fields_of
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import BY_NAME
from flight_sw.errors import DecodeError
from flight_sw.services.st03_housekeeping import HousekeepingService, own_report

NAMES = "temp,mode,event_rate"


def test_housekeeping_comes_once_per_period():
    """Each structure is due at once; 1 and 2 then once per second, 3 and 4 every ten."""
    service = HousekeepingService()
    due = [service.due(tick / 10) for tick in range(31)]
    assert [sorted(d) for d in due if d] == [[1, 2, 3, 4], [1, 2], [1, 2], [1, 2]]


def test_housekeeping_after_a_gap_comes_once():
    """A process that was stopped for an hour sends one report, not 3,600."""
    service = HousekeepingService()
    service.due(0.0)
    assert sorted(service.due(3600.0)) == [1, 2, 3, 4]
    assert service.due(3600.5) == []


def test_disabled_housekeeping_is_silent_but_answers_a_request():
    """A stopped structure comes once when asked for and is silent again."""
    service = HousekeepingService()
    service.due(0.0)
    service.disable(2)
    assert service.due(1.0) == [1]
    service.request(2)
    assert sorted(service.due(1.1)) == [2]
    assert 2 not in service.due(9.0)


def test_housekeeping_period_can_be_changed():
    """A new period counts from the change."""
    service = HousekeepingService()
    service.due(0.0)
    service.disable(2)
    service.set_period(1, 0.1)
    assert sum(1 in service.due(0.05 + tick / 20) for tick in range(20)) == 10


def create(ask, service, structure=16, parameters=NAMES):
    return ask(service, "create-structure", structure=structure, period=2.0, parameters=parameters)


def test_structure_defined_at_run_time_is_reported_at_its_period(ask):
    """Created stopped, started, reported every 2 s, stopped again."""
    service = HousekeepingService()
    assert create(ask, service) is None
    assert all(16 not in service.due(tick / 10) for tick in range(50))
    ask(service, "start-housekeeping", structure=16)
    assert sum(16 in service.due(5 + tick / 10) for tick in range(60)) == 3
    ask(service, "stop-housekeeping", structure=16)
    assert all(16 not in service.due(20 + tick / 10) for tick in range(50))


def test_structure_survives_a_restart(ask, read):
    """Definition, period and whether it runs come back; a deleted one does not."""
    service = HousekeepingService()
    create(ask, service, 16)
    create(ask, service, 17, "power")
    create(ask, service, 18)
    ask(service, "start-housekeeping", structure=17)
    ask(service, "set-housekeeping-period", structure=17, period=7.0)
    ask(service, "delete-structure", structure=18)
    again = HousekeepingService()
    again.restore(service.image())
    told = {v["structure"]: v for _, v in read(ask(again, "report-structures"))}
    assert sorted(told) == [1, 2, 3, 4, 16, 17]
    assert (told[17]["enabled"], told[17]["period"], told[17]["parameters"]) == (True, 7.0, "power")
    assert (told[16]["enabled"], told[16]["parameters"]) == (False, NAMES)


def test_structure_report_says_what_it_holds():
    """The ground can decode a structure without having seen its definition."""
    values = {"temp": 41.5, "mode": "SAFE", "event_rate": 20.0}
    item = own_report(16, tuple(NAMES.split(",")), values)
    told = decode(BY_NAME["structure-values"].fields, item.data)
    assert decode(fields_of(told["parameters"].split(",")), told["values"]) == values


def test_structures_are_unique_known_and_bounded(ask):
    """The same number, name or an unknown structure is refused; 16 fit."""
    service = HousekeepingService()
    assert create(ask, service, parameters="temp,temp") is Reason.BAD_ARGUMENT
    for structure in range(16, 32):
        assert create(ask, service, structure) is None
    assert create(ask, service, 20) is Reason.ALREADY_EXISTS
    assert ask(service, "delete-structure", structure=20) is None
    for name in ("start-housekeeping", "delete-structure", "report-housekeeping"):
        assert ask(service, name, structure=20) is Reason.NO_SUCH_ENTRY
    with pytest.raises(ValueError, match="above"):
        create(ask, service, 32)


@pytest.mark.parametrize("image", [b"", b"\xff", b"\x91\x94\x10"])
def test_damaged_structures_are_a_decode_error(image):
    """A record that is none leaves the built-in structures alone."""
    service = HousekeepingService()
    with pytest.raises(DecodeError):
        service.restore(image)
    assert service.due(0.0) == [1, 2, 3, 4]
