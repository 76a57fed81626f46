"""ST[05]: a bounded queue with a rate, and a filter that survives."""

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.dictionary.events import EVENT_NAMES, Severity
from flight_sw.services.st05_events import EVENTS_WAITING_MAX, SEEN_MAX, EventService, happening


def codes(reports):
    return [(item.service, item.subtype) for item in reports]


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


def test_filter_survives_a_restart_and_is_reported(ask, read):
    """Disabled events stay disabled; the report lists them."""
    service = EventService()
    ask(service, "disable-event", event="released")
    ask(service, "disable-event", event="throttled")
    ask(service, "enable-event", event="throttled")
    again = EventService()
    again.restore(service.image())
    assert read(ask(again, "report-disabled-events")) == [
        ("disabled-events", {"events": "released"})
    ]


def test_event_action_sees_disabled_events_and_is_bounded():
    """The filter hides a report, not the event; a storm leaves at most SEEN_MAX to look at."""
    service = EventService()
    service.disable("released")
    for _ in range(1000):
        service.put(happening("released", mhz=1800, temp=50.0))
    assert len(service.take_seen()) == SEEN_MAX
    assert service.take_seen() == []


def test_news_leaves_half_of_the_queue_to_trouble():
    """A thousand pieces of news cost no warning that comes after them."""
    service = EventService()
    for _ in range(1000):
        service.put(happening("released", mhz=1800, temp=50.0))
    for _ in range(EVENTS_WAITING_MAX // 2):
        service.put(happening("check-repaired", region="a", page=1, bits=1))
    seen = [report for second in range(300) for report in service.take(float(second), 10)]
    assert sum(report.subtype == Severity.LOW.value for report in seen) == EVENTS_WAITING_MAX // 2
