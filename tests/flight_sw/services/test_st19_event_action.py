"""ST[19]: telecommands on events, without storms."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.errors import DecodeError
from flight_sw.services.st05_events import happening
from flight_sw.services.st19_event_action import (
    ACTION_PERIOD_S,
    RUNS_PER_STEP,
    UNTIED,
    EventActionService,
)
from flight_sw.space_link.packet import Telecommand

ANY = 0xFFFF_FFFF
HOT = happening("too-hot", temp=90.0)


def packet(name="ping", **values):
    command = BY_NAME[name]
    data = command.encode(values)
    return Telecommand(5, 1, command.service, command.subtype, data).pack()


def add(ask, service, action=1, event="too-hot", source=ANY, body=None):
    arguments = {"event": event, "source": source, "packet": body or packet()}
    return ask(service, "add-action", action=action, **arguments)


def ran(service, *events, now=0.0):
    return [action.number for action, _ in service.answer(events, now)]


def violated(monitor):
    return happening("monitor-violated", monitor=monitor, parameter="temp", value=1.0, state="HIGH")


def test_event_runs_its_action_and_no_other(ask):
    """The telecommand of the event that was raised, once."""
    service = EventActionService()
    add(ask, service, 1, "too-hot", body=packet("scrub-now"))
    add(ask, service, 2, "board-silent")
    ((action, telecommand),) = service.answer([HOT], 0.0)
    assert (action.number, telecommand.service) == (1, 8)
    assert ran(service, happening("supply-off"), now=5.0) == []


def test_action_can_be_tied_to_one_source(ask):
    """Monitor 3 acts, monitor 4 does not."""
    service = EventActionService()
    add(ask, service, 1, "monitor-violated", source=3)
    assert ran(service, violated(4)) == []
    assert ran(service, violated(3)) == [1]


def test_storm_of_events_is_held_and_told(ask):
    """A thousand events in a second run an action once; the rest is counted and told once."""
    service = EventActionService()
    add(ask, service)
    runs = sum(len(ran(service, HOT, now=n / 1000)) for n in range(1000))
    assert runs == 1
    assert (service.run, service.held) == (1, 999)
    assert len(service.take_events(1.0)) == 1
    service.answer([HOT, HOT], 1.0 + ACTION_PERIOD_S)
    assert service.take_events(2.1) == []


def test_one_step_runs_at_most_four_actions(ask):
    """However many actions wait for one event."""
    service = EventActionService()
    for action in range(1, 11):
        add(ask, service, action)
    assert len(ran(service, HOT)) == RUNS_PER_STEP


def test_disabled_actions_do_nothing(ask):
    """One action, or all of them, can be switched off."""
    service = EventActionService()
    add(ask, service)
    ask(service, "disable-action", action=1)
    assert ran(service, HOT) == []
    ask(service, "enable-action", action=1)
    ask(service, "disable-actions")
    assert ran(service, HOT) == []
    ask(service, "enable-actions")
    assert ran(service, HOT) == [1]


@pytest.mark.parametrize("event", sorted(UNTIED))
def test_events_of_actions_start_no_action(ask, event):
    """What actions themselves raise cannot be tied, so no action feeds on itself directly."""
    assert add(ask, EventActionService(), event=event) is Reason.NOT_ALLOWED


def test_table_is_checked_and_survives(ask, read):
    """Critical telecommands and used numbers are refused; the table comes back after a restart."""
    service = EventActionService()
    assert add(ask, service, body=packet("reset-schedule")) is Reason.BAD_ARGUMENT
    assert add(ask, service, 5) is None
    assert add(ask, service, 5) is Reason.ALREADY_EXISTS
    ask(service, "disable-action", action=5)
    again = EventActionService()
    again.restore(service.image())
    ((_, told),) = read(ask(again, "report-actions"))
    assert (told["action"], told["event"], told["enabled"]) == (5, "too-hot", False)
    assert ask(again, "delete-action", action=5) is None
    assert ask(again, "delete-action", action=5) is Reason.NO_SUCH_ENTRY
    with pytest.raises(DecodeError):
        again.restore(b"?")
