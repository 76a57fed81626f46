"""ST[11]: the schedule against a plain list, its edits, its limits and its records."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.errors import DecodeError
from flight_sw.services.schedule_book import ENTRIES_MAX, Marks
from flight_sw.services.st11_schedule import ScheduleService
from flight_sw.space_link.packet import Telecommand

ANY = 255
CLOCK_S = 1_800_000_000.0


def packet(name="ping", **values):
    command = BY_NAME[name]
    data = command.encode(values)
    return Telecommand(5, 1, command.service, command.subtype, data).pack()


def insert(ask, service, entry, release, group=1, **how):
    body = how.pop("packet", packet())
    return ask(
        service, "insert-entry", entry=entry, group=group, release=release, packet=body, **how
    )


def run_due(service, clock_s):
    """Everything due, with a storage that always works."""
    numbers = []
    for _ in range(500):
        service.due(clock_s, 1e9)
        released = service.release()
        if not released:
            return numbers
        numbers += [entry.number for entry, _ in released]
    raise AssertionError("a schedule without end")


def numbers(read, ask, service, since=0, until=1e10, group=ANY):
    outcome = ask(service, "report-entries", since=since, until=until, group=group)
    lines = b"".join(values["entries"] for _, values in read(outcome))
    return [int.from_bytes(lines[i : i + 4], "big") for i in range(0, len(lines), 15)]


class ScheduleMachine(RuleBasedStateMachine):
    """Edits, time and restarts, against a dict of number to release and group."""

    def __init__(self, ask, read):
        super().__init__()
        self.ask, self.read = ask, read
        self.service = ScheduleService()
        self.model = {}
        self.clock_s = CLOCK_S

    def do(self, name, **arguments):
        return self.ask(self.service, name, clock_s=self.clock_s, **arguments)

    @rule(entry=st.integers(0, 9), after=st.integers(-5, 100), group=st.integers(0, 2))
    def insert(self, entry, after, group):
        release = self.clock_s + after
        outcome = self.do(
            "insert-entry", entry=entry, group=group, release=release, packet=packet()
        )
        if after <= 0:
            assert outcome is Reason.IN_THE_PAST
        elif entry in self.model:
            assert outcome is Reason.ALREADY_EXISTS
        else:
            assert outcome is None
            self.model[entry] = (release, group)

    @rule(entry=st.integers(0, 9))
    def delete(self, entry):
        outcome = self.do("delete-entry", entry=entry)
        known = self.model.pop(entry, None)
        assert outcome is (Reason.NO_SUCH_ENTRY if known is None else None)

    @rule(since=st.integers(0, 100), span=st.integers(0, 100), group=st.sampled_from([0, 1, ANY]))
    def delete_some(self, since, span, group):
        since_s, until_s = self.clock_s + since, self.clock_s + since + span
        self.do("delete-entries", since=since_s, until=until_s, group=group)
        for entry, (release, its) in list(self.model.items()):
            if since_s <= release < until_s and group in (ANY, its):
                del self.model[entry]

    @rule(group=st.sampled_from([0, 1, ANY]), by=st.integers(-50, 50))
    def shift_some(self, group, by):
        outcome = self.do("shift-entries", since=0, until=1e10, group=group, by=by)
        moved = {e: (r + by, g) for e, (r, g) in self.model.items() if group in (ANY, g)}
        if any(release <= self.clock_s for release, _ in moved.values()):
            assert outcome is Reason.IN_THE_PAST
        else:
            assert outcome is None
            self.model.update(moved)

    @rule(step=st.integers(1, 60))
    def pass_time(self, step):
        self.clock_s += step
        due = sorted(
            (release, e) for e, (release, _) in self.model.items() if release <= self.clock_s
        )
        ran = run_due(self.service, self.clock_s)
        assert sorted(ran) == sorted(entry for _, entry in due)
        assert [self.model[entry][0] for entry in ran] == [release for release, _ in due]
        for _, entry in due:
            del self.model[entry]

    @rule()
    def restart(self):
        again = ScheduleService()
        again.restore(self.service.image())
        again.marks.restore(self.service.marks.image())
        again.resume()
        self.service = again

    @invariant()
    def holds_what_the_model_holds(self):
        assert sorted(numbers(self.read, self.ask, self.service)) == sorted(self.model)
        assert len(self.service) == len(self.model)


def test_schedule_behaves_as_a_list(ask, read):
    """Any edits, times and restarts: the same entries wait, and each runs once in order of time."""
    run_state_machine_as_test(
        lambda: ScheduleMachine(ask, read),
        settings=settings(max_examples=40, stateful_step_count=25),
    )


def test_late_entries_are_left_out_and_told(ask):
    """Beyond the limit an entry is missed; within it, it runs late."""
    service = ScheduleService()
    insert(ask, service, 1, CLOCK_S + 10)
    insert(ask, service, 2, CLOCK_S + 400)
    told = service.due(CLOCK_S + 500, 300.0)
    assert [(e.definition.name, e.values["entry"]) for e in told] == [("schedule-missed", 1)]
    assert [entry.number for entry, _ in service.release()] == [2]
    assert (service.missed, service.released) == (1, 1)


def test_disabled_schedule_releases_nothing(ask):
    """Entries wait while it is disabled, over a restart too."""
    service = ScheduleService()
    insert(ask, service, 1, CLOCK_S + 1)
    ask(service, "disable-schedule")
    again = ScheduleService()
    again.restore(service.image())
    assert run_due(again, CLOCK_S + 2) == []
    ask(again, "enable-schedule")
    assert run_due(again, CLOCK_S + 2) == [1]


def test_schedule_holds_a_thousand_entries(ask, read):
    """1,000 entries fit and come back in reports of 64; one more is refused."""
    service = ScheduleService()
    for entry in range(ENTRIES_MAX):
        assert insert(ask, service, entry, CLOCK_S + 1000 - entry / 2) is None
    assert insert(ask, service, 5000, CLOCK_S + 1) is Reason.TABLE_FULL
    assert numbers(read, ask, service) == list(range(ENTRIES_MAX - 1, -1, -1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 20,
        packet("reset-schedule"),
        packet("arm", command="reset-schedule", digest=1),
        packet("write-chunk", slot=1, chunk=0, data=b""),
        Telecommand(5, 1, 77, 7, b"").pack(),
        Telecommand(5, 1, 20, 3, b"\xff").pack(),
        packet(
            "submit-job",
            job=1,
            model=1,
            protection="none",
            priority=1,
            deadline=1,
            input=bytes(2000),
        ),
    ],
)
def test_what_may_not_be_stored_is_refused(ask, body):
    """No packet, unknown, bad arguments, critical, bulk or too large: refused at once."""
    assert insert(ask, ScheduleService(), 1, CLOCK_S + 1, packet=body) is Reason.BAD_ARGUMENT


def test_entry_may_take_the_number_of_one_that_has_run(ask):
    """A number is free again once its entry has run, and the new one does not inherit the mark."""
    service = ScheduleService()
    insert(ask, service, 7, CLOCK_S + 1)
    assert run_due(service, CLOCK_S + 2) == [7]
    assert insert(ask, service, 7, CLOCK_S + 5, clock_s=CLOCK_S + 2) is None
    again = ScheduleService()
    again.restore(service.image())
    again.marks.restore(service.marks.image())
    again.resume()
    assert run_due(again, CLOCK_S + 6) == [7]


def test_no_entry_is_shifted_into_the_past(ask, read):
    """One that would fall due at once keeps all where they are; a second later they move."""
    service = ScheduleService()
    insert(ask, service, 1, CLOCK_S + 10)
    insert(ask, service, 2, CLOCK_S + 30)
    every = {"since": 0.0, "until": 1e10, "group": ANY}
    assert ask(service, "shift-entries", by=-10.0, **every) is Reason.IN_THE_PAST
    assert ask(service, "shift-entry", entry=1, by=-11.0) is Reason.IN_THE_PAST
    assert service.wake_at(0.0, CLOCK_S) == 10.0
    assert ask(service, "shift-entries", by=-9.0, **every) is None
    assert run_due(service, CLOCK_S + 1) == [1]
    assert run_due(service, CLOCK_S + 21) == [2]


def test_setting_the_clock_moves_entries_along(ask):
    """An hour's correction delays nothing and releases nothing early."""
    service = ScheduleService()
    insert(ask, service, 1, CLOCK_S + 10)
    service.shift_clock(3600.0)
    assert service.wake_at(0.0, CLOCK_S + 3600) == 10.0
    assert run_due(service, CLOCK_S + 3600 + 9) == []
    assert run_due(service, CLOCK_S + 3600 + 10) == [1]


@pytest.mark.parametrize("image", [b"", b"\xc1", b"\x93\x01\x02\x03", bytes(100)])
def test_damaged_records_are_decode_errors(image):
    """Whatever a record holds, it is taken or refused, never a crash."""
    with pytest.raises(DecodeError):
        ScheduleService().restore(image)
    with pytest.raises(DecodeError):
        Marks().restore(image)
