"""The small services: verification, housekeeping, events, parameters."""

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.dictionary.events import EVENT_NAMES, Severity
from flight_sw.dictionary.reason import Reason
from flight_sw.services.st01_verification import VerificationService
from flight_sw.services.st03_housekeeping import HousekeepingService
from flight_sw.services.st05_events import EVENTS_WAITING_MAX, EventService, happening
from flight_sw.services.st20_parameters import ParameterService

REQUEST = b"\x18\x64\xc0\x07"


def codes(reports):
    return [(item.service, item.subtype) for item in reports]


def test_verification_sends_what_was_asked_for():
    """Acceptance and completion are reported only if the acknowledge flags ask for them."""
    service = VerificationService()
    assert codes(service.on_accepted(REQUEST, 0b1000)) == [(1, 1)]
    assert codes(service.on_accepted(REQUEST, 0b0111)) == []
    assert codes(service.on_done(REQUEST, 0b0101)) == [(1, 3), (1, 7)]
    assert codes(service.on_done(REQUEST, 0b1000)) == []


def test_verification_always_reports_a_failure_with_its_reason():
    """A failure goes down even if no acknowledgement was asked for."""
    service = VerificationService()
    (rejected,) = service.on_rejected(REQUEST, Reason.WRONG_MODE)
    assert (rejected.service, rejected.subtype) == (1, 2)
    assert rejected.data == REQUEST + Reason.WRONG_MODE.value.to_bytes(2, "big")
    assert codes(service.on_failed(REQUEST, Reason.QUEUE_FULL)) == [(1, 8)]
    assert (service.accepted, service.rejected) == (0, 1)


def test_housekeeping_comes_once_per_period():
    """Each structure is due at once and then once per second."""
    service = HousekeepingService()
    due = [service.due(tick / 10) for tick in range(31)]
    assert [sorted(d) for d in due if d] == [[1, 2]] * 4


def test_housekeeping_after_a_gap_comes_once():
    """A process that was stopped for an hour sends one report, not 3,600."""
    service = HousekeepingService()
    service.due(0.0)
    assert sorted(service.due(3600.0)) == [1, 2]
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


def test_event_storm_is_bounded_counted_and_keeps_the_severe_ones():
    """A thousand low events and one high one: the high one is reported, the loss is told."""
    service = EventService()
    for _ in range(1000):
        service.put(happening("check-repaired", region="a", page=1, bits=1))
    service.put(happening("vote-lost", record="payload"))
    assert len(service._waiting) == EVENTS_WAITING_MAX
    seen = [report for second in range(40) for report in service.take(float(second), 10)]
    severities = [report.subtype for report in seen]
    assert Severity.HIGH.value in severities
    dropped = [
        r for r in seen if r.data[:2] == EVENT_NAMES.index("events-dropped").to_bytes(2, "big")
    ]
    assert int.from_bytes(dropped[0].data[2:], "big") == 1001 - EVENTS_WAITING_MAX


@given(st.integers(1, 100), st.integers(0, 300))
def test_event_rate_is_never_exceeded(rate, count):
    """In any second no more events go than the parameter allows, plus the first burst."""
    service = EventService()
    for _ in range(count):
        service.put(happening("vote-lost", record="x"))
    sent = [len(service.take(tick / 10, rate)) for tick in range(100)]
    assert sum(sent) <= rate + 10 * rate
    assert max(sent) <= rate


def test_disabled_event_is_not_reported():
    """A filtered event neither goes down nor fills the queue."""
    service = EventService()
    service.disable("released")
    service.put(happening("released", mhz=1800, temp=50.0))
    assert service.take(0.0, 10) == []
    service.enable("released")
    service.put(happening("released", mhz=1800, temp=50.0))
    assert codes(service.take(1.0, 10)) == [(5, 1)]


def test_parameter_limits_only_tighten():
    """No telecommand raises the thermal limit above the profile's."""
    service = ParameterService({"soft_limit": 80.0, "release": 74.0})
    assert service.set("soft_limit", 90.0) is Reason.NOT_ALLOWED
    assert service.set("soft_limit", 76.0) is None
    assert service["soft_limit"] == 76.0
    assert service.set("soft_limit", 80.0) is None


def test_parameter_out_of_range_changes_nothing():
    """A refused value leaves the old one in place."""
    service = ParameterService({})
    before = service["scrub_pass"]
    assert service.set("scrub_pass", 1e9) is Reason.BAD_ARGUMENT
    assert service.set("scrub_pass", float("nan")) is Reason.BAD_ARGUMENT
    assert service["scrub_pass"] == before


def test_release_never_reaches_the_soft_limit():
    """Hysteresis cannot be commanded away."""
    service = ParameterService({})
    assert service.set("release", 80.0) is Reason.NOT_ALLOWED
    assert service.set("soft_limit", 70.0) is Reason.NOT_ALLOWED
