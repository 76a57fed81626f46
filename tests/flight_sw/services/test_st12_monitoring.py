"""ST[12]: limits, expected values and slopes; debounce per source, on entry only."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from flight_sw.dictionary.field import decode
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import BY_CODE
from flight_sw.errors import DecodeError
from flight_sw.services.st12_monitoring import MonitoringService


def add(ask, service, monitor=1, **how):
    arguments = {
        "parameter": "temp",
        "kind": "limits",
        "low": 0.0,
        "high": 50.0,
        "repetitions": 3,
        "period": 1.0,
        **how,
    }
    return ask(service, "add-monitor", monitor=monitor, **arguments)


def feed(service, values, parameter="temp", start=0):
    """One reading a second; the transitions as (state, event or None)."""
    out = []
    for second, value in enumerate(values, start):
        reports, events = service.step(float(second), {parameter: value})
        for item in reports:
            fields = BY_CODE[item.service, item.subtype].fields
            out.append(decode(fields, item.data)["after"])
        out += [event.definition.name for event in events]
    return out


def test_violation_needs_three_bad_readings_and_ends_with_one_good(ask):
    """Debounce guards entry, never exit."""
    service = MonitoringService()
    add(ask, service)
    assert feed(service, [40, 60, 60, 40, 60, 60]) == ["OK"]
    assert service.violated == 0
    assert feed(service, [60], start=6) == ["HIGH", "monitor-violated"]
    assert service.violated == 1
    assert feed(service, [40], start=7) == ["OK", "monitor-cleared"]


def test_readings_of_a_part_that_is_off_are_discarded(ask):
    """An old fault cannot act after power-on: the count starts anew."""
    service = MonitoringService()
    add(ask, service)
    assert feed(service, [40, 60, 60, None, 60, 60]) == ["OK", "INVALID"]
    assert feed(service, [60], start=6) == ["HIGH", "monitor-violated"]
    assert feed(service, [None, None], start=7) == ["INVALID"]
    assert service.violated == 0


def test_healthy_source_does_not_mask_a_sick_one(ask):
    """Each monitor counts for itself."""
    service = MonitoringService()
    add(ask, service, 1, parameter="temp")
    add(ask, service, 2, parameter="power", high=10.0)
    told = []
    for second in range(4):
        _, events = service.step(float(second), {"temp": 40.0, "power": 12.0})
        told += [event.values["monitor"] for event in events]
    assert told == [2]


@pytest.mark.parametrize(
    ("how", "values", "state"),
    [
        ({"kind": "expected", "low": 5.0, "high": 0.5}, [5.4, 5.6], "HIGH"),
        ({"kind": "expected", "low": 5.0, "high": 0.5}, [5.0, 4.4], "LOW"),
        ({"kind": "delta", "low": -2.0, "high": 2.0}, [10.0, 11.0, 14.0], "HIGH"),
        ({"kind": "delta", "low": -2.0, "high": 2.0}, [10.0, 11.0, 8.0], "LOW"),
        ({"kind": "limits", "low": 0.0, "high": 5.0}, [5.0, -0.1], "LOW"),
        ({"kind": "limits", "low": 0.0, "high": 5.0}, [1.0, float("nan")], "INVALID"),
    ],
)
def test_each_kind_of_check(ask, how, values, state):
    """Expected value, slope and limits each see what they are for."""
    service = MonitoringService()
    add(ask, service, repetitions=1, **how)
    assert [word for word in feed(service, values) if word.isupper()][-1] == state


def test_first_reading_after_an_outage_is_no_slope(ask):
    """A jump across the time a part was off is not a change."""
    service = MonitoringService()
    add(ask, service, kind="delta", low=-1.0, high=1.0, repetitions=1)
    assert "HIGH" not in feed(service, [10.0, None, 90.0, 90.5])


def test_period_is_kept(ask):
    """A monitor with a period of 5 s takes one reading in 5 s."""
    service = MonitoringService()
    add(ask, service, repetitions=3, period=5.0)
    assert feed(service, [60.0] * 10) == []
    assert feed(service, [60.0], start=10) == ["HIGH", "monitor-violated"]
    assert service.wake_at() == 15.0


def test_switched_off_monitoring_looks_at_nothing(ask):
    """One monitor or all can be stopped; enabled again they start afresh."""
    service = MonitoringService()
    add(ask, service)
    feed(service, [60, 60])
    ask(service, "disable-monitor", monitor=1)
    assert service.wake_at() == float("inf")
    ask(service, "enable-monitor", monitor=1)
    assert feed(service, [60, 60], start=5) == []
    ask(service, "disable-monitoring")
    assert feed(service, [60, 60], start=8) == []


def test_definitions_are_checked_bounded_and_survive(ask, read):
    """Inverted limits, a used number and NaN are refused; definitions come back after a restart."""
    service = MonitoringService()
    assert add(ask, service, low=5.0, high=1.0) is Reason.BAD_ARGUMENT
    assert add(ask, service, 32) is None
    assert add(ask, service, 32) is Reason.ALREADY_EXISTS
    assert ask(service, "delete-monitor", monitor=1) is Reason.NO_SUCH_ENTRY
    again = MonitoringService()
    again.restore(service.image())
    ((_, told),) = read(ask(again, "report-monitors"))
    assert (told["monitor"], told["parameter"], told["state"]) == (32, "temp", "UNCHECKED")
    ask(again, "delete-monitor", monitor=32)
    assert read(ask(again, "report-monitors")) == []
    with pytest.raises(DecodeError):
        again.restore(b"\xc1")


class DebounceMachine(RuleBasedStateMachine):
    """Readings in any order against the plain rule."""

    def __init__(self, ask):
        super().__init__()
        self.ask = ask
        self.service = MonitoringService()
        self.now, self.run, self.violated = 0.0, 0, False

    @initialize(repetitions=st.integers(1, 5))
    def define(self, repetitions):
        self.repetitions = repetitions
        add(self.ask, self.service, repetitions=repetitions)

    @rule(value=st.sampled_from([25.0, 51.0, -1.0, None]))
    def reading(self, value):
        self.now += 1.0
        _, events = self.service.step(self.now, {"temp": value})
        bad = value is not None and not 0 <= value <= 50
        was = self.violated
        self.run = self.run + 1 if bad else 0
        self.violated = self.run >= self.repetitions or (was and bad)
        assert self.service.violated == self.violated
        names = [event.definition.name for event in events]
        assert ("monitor-violated" in names) or not (self.violated and not was)
        assert ("monitor-cleared" in names) is (was and value == 25.0)

    @rule()
    def enable_again(self):
        self.ask(self.service, "enable-monitor", monitor=1)
        self.run, self.violated = 0, False


def test_debounce_follows_its_rule(ask):
    """Any readings: violated exactly after N bad ones in a row, until the first that is not."""
    run_state_machine_as_test(
        lambda: DebounceMachine(ask), settings=settings(max_examples=40, stateful_step_count=30)
    )
