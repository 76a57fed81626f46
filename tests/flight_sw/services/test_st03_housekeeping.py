"""ST[03]: structures at their periods, and structures defined at run time."""

from flight_sw.services.st03_housekeeping import HousekeepingService


def test_housekeeping_comes_once_per_period():
    """Each structure is due at once; 1 and 2 then once per second, 3 every ten."""
    service = HousekeepingService()
    due = [service.due(tick / 10) for tick in range(31)]
    assert [sorted(d) for d in due if d] == [[1, 2, 3], [1, 2], [1, 2], [1, 2]]


def test_housekeeping_after_a_gap_comes_once():
    """A process that was stopped for an hour sends one report, not 3,600."""
    service = HousekeepingService()
    service.due(0.0)
    assert sorted(service.due(3600.0)) == [1, 2, 3]
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
