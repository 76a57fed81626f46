"""What services seldom meet: stored tables that are partly unsound, orders about what is not there."""

import contextlib

import msgspec
import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Step, pack_steps
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.errors import DecodeError
from flight_sw.mode import Mode
from flight_sw.services.calls import Call
from flight_sw.services.report import Channel, Report
from flight_sw.services.schedule_book import ENTRIES_MAX
from flight_sw.services.st03_housekeeping import _NUMBERS, HousekeepingService
from flight_sw.services.st08_functions import FunctionService
from flight_sw.services.st11_schedule import ScheduleService
from flight_sw.services.st12_monitoring import MonitoringService
from flight_sw.services.st13_large import LargePacketService
from flight_sw.services.st15_storage import StorageService
from flight_sw.services.st19_event_action import EventActionService
from flight_sw.services.st20_parameters import ParameterService
from flight_sw.services.st21_sequences import SequenceService
from flight_sw.services.st131_keys import KeyService
from flight_sw.space_link.key_ring import new_ring
from flight_sw.space_link.keys import new_keys, next_keys
from flight_sw.space_link.packet import Telecommand

CLOCK_S = 1_800_000_000.0
FIRST = min(_NUMBERS)


def packet(name="ping", **values):
    command = BY_NAME[name]
    data = command.encode(values)
    return Telecommand(5, 1, command.service, command.subtype, data).pack()


def own(number=FIRST, period_s=5.0, names=("temp",)):
    return {"number": number, "period_s": period_s, "enabled": True, "names": list(names)}


def test_unsound_structures_are_left_out_and_told():
    """A number, a period or a name out of range costs that structure and no other."""
    image = [
        own(),
        own(number=1),
        own(FIRST + 1, 0.0),
        own(FIRST + 2, 4000.0),
        own(FIRST + 3, names=("nothing",)),
    ]
    service = HousekeepingService()
    with pytest.raises(DecodeError, match="4 structures left out"):
        service.restore(msgspec.msgpack.encode(image))
    assert FIRST in service.due(0.0)


@pytest.mark.parametrize("mode", [Mode.NOMINAL, Mode.DEGRADED])
def test_nominal_is_no_news_while_working(mode):
    """Whether NOMINAL or DEGRADED is for the payload to say, not for a repeated order."""
    service = FunctionService(None, None)
    call = Call({"mode": "NOMINAL"}, 0.0, CLOCK_S, mode)
    assert service.handlers()["set-mode"](call) is None
    assert service.take_mode() is None


def entry(number, body):
    return {"serial": number, "number": number, "group": 1, "release_s": CLOCK_S, "packet": body}


def test_unsound_entries_are_left_out_and_told():
    """A packet that may not be stored, and what is beyond the table, cost themselves alone."""
    many = [entry(n, packet()) for n in range(1, ENTRIES_MAX)]
    image = {"enabled": True, "next_serial": 2000, "entries": [entry(0, b"x"), *many, *many[:3]]}
    service = ScheduleService()
    with pytest.raises(DecodeError, match="4 entries left out"):
        service.restore(msgspec.msgpack.encode(image))
    service.resume()
    assert service.enabled


def test_a_schedule_is_reset_and_forgets_all(ask, read):
    """No entry is left, and nothing is released until it is enabled again."""
    service = ScheduleService()
    how = {"entry": 1, "group": 1, "release": CLOCK_S + 1, "packet": packet()}
    assert ask(service, "insert-entry", **how) is None
    assert ask(service, "reset-schedule") is None
    assert not service.enabled
    assert ask(service, "shift-entry", entry=1, by=5.0) is Reason.NO_SUCH_ENTRY
    assert ask(service, "insert-entry", **how) is None


def test_an_entry_on_its_way_keeps_its_number(ask):
    """Between the mark and the deed the number is BUSY."""
    service = ScheduleService()
    how = {"entry": 1, "group": 1, "packet": packet()}
    assert ask(service, "insert-entry", release=CLOCK_S + 1, **how) is None
    service.due(CLOCK_S + 2, 1e9)
    later = {"release": CLOCK_S + 9, "clock_s": CLOCK_S + 2}
    assert ask(service, "insert-entry", **how, **later) is Reason.BUSY


def test_unsound_monitors_are_left_out_and_told(ask):
    """A stored check that cannot be made is told; orders about unknown ones are refused."""
    service = MonitoringService()
    arguments = {"parameter": "temp", "kind": "limits", "low": 0.0, "high": 50.0}
    ask(service, "add-monitor", monitor=1, repetitions=1, period=1.0, **arguments)
    image = msgspec.msgpack.decode(service.image())
    image["monitors"].append(image["monitors"][0] | {"number": 2, "low": 90.0})
    again = MonitoringService()
    with pytest.raises(DecodeError, match="1 monitors left out"):
        again.restore(msgspec.msgpack.encode(image))
    assert ask(again, "enable-monitor", monitor=1) is None
    assert ask(again, "enable-monitor", monitor=2) is Reason.NO_SUCH_ENTRY


def test_a_transfer_under_way_is_not_begun_again(ask):
    """After its second part a first part of the same number is refused."""
    service = LargePacketService(lambda *_: None)
    first = {"transaction": 1, "size": 30, "data": bytes(10)}
    assert ask(service, "first-part", **first) is None
    assert ask(service, "first-part", **first) is None
    assert ask(service, "middle-part", transaction=1, part=1, data=bytes(10)) is None
    assert ask(service, "first-part", **first) is Reason.ALREADY_EXISTS


def test_what_a_store_forgets_is_gone(ask):
    """Packets stamped before the time given leave, and a retrieval keeps the payload awake."""
    service = StorageService()
    for second in range(10):
        service.keep(Report(130, 129, b"", Channel.RESULTS), b"%d" % second, second, second)
    assert ask(service, "delete-store", store="results", until=7.0) is None
    assert ask(service, "delete-store", store="results", until=7.0) is None
    ask(service, "retrieve-store", store="results", since=0.0, until=1e10)
    assert service.wake_at(50.0) == 50.0
    assert service.retrieved() == [b"7", b"8", b"9"]


def action(number, event="too-hot", body=None):
    line = {"number": number, "event": event, "source": 0, "enabled": True}
    return line | {"packet": body or packet()}


def test_unsound_actions_are_left_out_and_told(ask):
    """A number, an event or a packet that cannot be costs its own line."""
    lines = [action(1), action(0), action(2, "nothing"), action(3, body=b"x")]
    service = EventActionService()
    with pytest.raises(DecodeError, match="3 event-actions left out"):
        service.restore(msgspec.msgpack.encode({"enabled": True, "actions": lines}))
    assert ask(service, "disable-action", action=1) is None
    assert ask(service, "disable-action", action=2) is Reason.NO_SUCH_ENTRY


def test_stored_limits_that_contradict_each_other_give_way():
    """Without a hysteresis between them all parameters are the built-in ones."""
    service = ParameterService({})
    built_in = service.values()
    image = dict(msgspec.msgpack.decode(service.image()))
    image["release"] = image["soft_limit"]
    with contextlib.suppress(DecodeError):
        service.restore(msgspec.msgpack.encode(image))
    assert service.values() == built_in


def test_unsound_sequences_are_left_out_and_told(ask):
    """A number, a gate or steps that cannot be; an order about one that does not run."""
    steps = pack_steps([Step(0, packet())])
    rows = [(1, "any", steps), (0, "any", steps), (2, "nowhere", steps), (3, "any", b"x")]
    image = [{"number": n, "gate": gate, "steps": body} for n, gate, body in rows]
    service = SequenceService()
    with pytest.raises(DecodeError, match="3 sequences left out"):
        service.restore(msgspec.msgpack.encode(image))
    service.failed(1, Reason.BUSY)
    assert service.take_events() == []
    assert ask(service, "stop-sequence", sequence=1) is Reason.NO_SUCH_ENTRY
    assert ask(service, "delete-sequence", sequence=2) is Reason.NO_SUCH_ENTRY


def test_keys_are_dropped_and_told_once(ask):
    """With nothing pending there is nothing to drop and nothing to tell."""
    service = KeyService(new_ring(new_keys(5, bytes(range(96)), 1)))
    assert ask(service, "drop-keys") is Reason.NO_SUCH_ENTRY
    assert service.take_events() == []
    service.ring.pending = next_keys(service.ring.active, bytes(range(1, 65)), 2)
    assert ask(service, "drop-keys") is None
    assert [event.definition.name for event in service.take_events()] == ["keys-dropped"]
    assert ask(service, "drop-keys") is Reason.NO_SUCH_ENTRY


def test_keys_are_proven_only_when_pending_and_with_a_whole_challenge(ask, read):
    """Nothing pending: NO_SUCH_ENTRY; a short challenge: BAD_ARGUMENT; both right: the proof."""
    service = KeyService(new_ring(new_keys(5, bytes(range(96)), 1)))
    assert ask(service, "verify-keys", challenge=bytes(16)) is Reason.NO_SUCH_ENTRY
    service.ring.pending = next_keys(service.ring.active, bytes(range(1, 65)), 2)
    assert ask(service, "verify-keys", challenge=bytes(3)) is Reason.BAD_ARGUMENT
    ((name, told),) = read(ask(service, "verify-keys", challenge=bytes(16)))
    assert (name, told["key"]) == ("key-check", 2)
