"""ST[11] time-based schedule: telecommands that run when the payload clock reaches their time.

Shall: keep up to 1,000 telecommands over any restart, release each at its time, lose none, run none
twice; edit by entry or by a filter of time and group; follow the payload clock, which no wall-clock
step moves.
How verified: tests/flight_sw/services/test_st11_schedule.py (state machine against a list);
tests/flight_sw/test_stack_schedule.py cuts the power at every write.

How nothing is lost or run twice. Two records: `schedule` holds the entries, `schedule-marks` what became
of those that fell due since `schedule` was last written. An entry is

    WAITING    in `schedule`, not in the marks
    RELEASING  marked, and the mark confirmed durable, before it is carried out
    DONE       marked in the very step that carries it out; a step's records are durable before any
               byte of that step leaves the payload
    gone       `schedule` is written anew without it

After a restart a RELEASING entry has had no effect outside and waits again; a DONE entry is not run, and
if the payload stopped in just that step, `schedule-interrupted` names it, for its effect may have
been cut short.

Off nominal: storage that refuses holds releases back (no mark, no release). An entry found more than
the parameter `late_limit` after its time, after an outage, is left out with the event
`schedule-missed`. Storage that takes a RELEASING mark, refuses the DONE mark, and a crash before the
next try: the entry runs again (two faults in one step). A record that is lost is told and starts empty.
Not provided: sub-schedules, position groups; critical telecommands, which need a person at hand.
"""

import struct
from collections.abc import Callable, Mapping

import msgspec

from flight_sw.dictionary.automation_commands import ANY_GROUP
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import check_stored
from flight_sw.errors import DecodeError
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.schedule_book import ENTRIES_MAX, Entry, Image, Marks
from flight_sw.services.st05_events import Happening, happening
from flight_sw.space_link.packet import Telecommand

RELEASES_PER_STEP = 8
SUMMARY_ENTRIES = 64  # in one report
PACKETS_BYTES_MAX = 262_144  # all entries together
DONE_MAX = 64  # marks kept before the entries are written anew
_LINE = struct.Struct(">IBdBB")
_NEVER = float("inf")
_Choice = Callable[[Entry], bool]


class ScheduleService:
    """See the module text; `marks` is the second record."""

    def __init__(self) -> None:
        self.revision = 0
        self.marks = Marks()
        self.enabled = True
        self.released = 0
        self.missed = 0
        self._entries: dict[int, Entry] = {}
        self._next_serial = 1
        self._next_s: float | None = None
        self._written_marks = 0

    def __len__(self) -> int:
        return sum(entry.serial not in self.marks for entry in self._entries.values())

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[11]."""
        return {
            "enable-schedule": lambda _: self._enable(enabled=True),
            "disable-schedule": lambda _: self._enable(enabled=False),
            "reset-schedule": self._reset,
            "insert-entry": self._insert,
            "delete-entry": lambda call: self._delete(_one(call), some=True),
            "delete-entries": lambda call: self._delete(_filter(call)),
            "shift-entry": lambda call: self._shift(call, _one(call), some=True),
            "shift-entries": lambda call: self._shift(call, _filter(call)),
            "report-entries": self._summaries,
            "report-schedule": lambda _: [self._state()],
        }

    def resume(self) -> list[Happening]:
        """After a restart, once both records are restored: what was cut short."""
        self._next_serial = max(self._next_serial, self.marks.newest() + 1)
        numbers = {entry.serial: number for number, entry in self._entries.items()}
        cut = [numbers[serial] for serial in self.marks.fresh if serial in numbers]
        self.marks.settle()
        return [happening("schedule-interrupted", entry=number) for number in cut]

    def due(self, clock_s: float, late_limit_s: float) -> list[Happening]:
        """Mark what is due as RELEASING; entries found too late are left out and told."""
        if not self.enabled or self.marks.releasing or self._next_release_s() > clock_s:
            return []
        ready = sorted(
            (e for e in self._waiting() if e.release_s <= clock_s), key=lambda e: e.release_s
        )[:RELEASES_PER_STEP]
        late = [entry for entry in ready if clock_s - entry.release_s > late_limit_s]
        self.missed += len(late)
        self.marks.drop([entry.serial for entry in late])
        self.marks.begin([entry.serial for entry in ready if entry not in late])
        self._next_s = None
        return [
            happening("schedule-missed", entry=entry.number, late=clock_s - entry.release_s)
            for entry in late
        ]

    def release(self) -> list[tuple[Entry, Telecommand]]:
        """Entries to carry out in this step; call it only when both records are durable.

        The caller must make the marks durable before anything that this causes leaves the payload.
        """
        self.marks.settle()
        if not self.marks.releasing:
            return []
        by_serial = {entry.serial: entry for entry in self._entries.values()}
        entries = [by_serial[s] for s in self.marks.carry_out() if s in by_serial]
        self.released += len(entries)
        if len(self.marks) > DONE_MAX:
            self.revision += 1
        return [(entry, check_stored(entry.packet)) for entry in entries]

    def wake_at(self, now: float, clock_s: float) -> float:
        """When the next entry falls due; while marks are on their way, storage sets the pace."""
        if not self.enabled or self.marks.releasing:
            return _NEVER
        return now + max(0.0, self._next_release_s() - clock_s)

    def shift_clock(self, by_s: float) -> None:
        """The payload clock was set: entries keep the moment they would have had."""
        self._entries = {number: e.shifted(by_s) for number, e in self._entries.items()}
        self._changed()

    def image(self) -> bytes:
        """Every entry that is not over and done with."""
        self._drop_settled()
        entries = list(self._entries.values())
        return msgspec.msgpack.encode(Image(self.enabled, self._next_serial, entries))

    def stored(self) -> None:
        """`schedule` is durable as it is now: older marks may be forgotten."""
        if self._written_marks != self.revision:
            self._written_marks = self.revision
            self.marks.forget()

    def restore(self, image: bytes) -> None:
        """Take stored entries over; DecodeError tells of those left out."""
        saved = read_image(image, Image)
        self.enabled, self._next_serial = saved.enabled, saved.next_serial
        left_out = len(saved.entries[ENTRIES_MAX:])
        for entry in saved.entries[:ENTRIES_MAX]:
            try:
                check_stored(entry.packet)
            except DecodeError:
                left_out += 1
            else:
                self._entries[entry.number] = entry
        self._next_s = None
        if left_out:
            raise DecodeError(f"{left_out} entries left out")

    def _waiting(self) -> list[Entry]:
        busy = self.marks.releasing
        return [
            e for e in self._entries.values() if e.serial not in self.marks and e.serial not in busy
        ]

    def _next_release_s(self) -> float:
        if self._next_s is None:
            self._next_s = min((e.release_s for e in self._waiting()), default=_NEVER)
        return self._next_s

    def _drop_settled(self) -> None:
        settled = self.marks.is_settled
        self._entries = {n: e for n, e in self._entries.items() if not settled(e.serial)}

    def _changed(self) -> None:
        self.revision += 1
        self._next_s = None

    def _enable(self, *, enabled: bool) -> Outcome:
        self.enabled = enabled
        self._changed()
        return None

    def _reset(self, _: Call) -> Outcome:
        self._entries = {}
        self.enabled = False
        self._changed()
        return None

    def _insert(self, call: Call) -> Outcome:
        packet = call.data("packet")
        release_s = call.real("release")
        try:
            check_stored(packet)
        except DecodeError:
            return Reason.BAD_ARGUMENT
        if release_s <= call.clock_s:
            return Reason.IN_THE_PAST
        waiting = self._waiting()
        if any(entry.number == call.number("entry") for entry in waiting):
            return Reason.ALREADY_EXISTS
        size = sum(len(entry.packet) for entry in waiting) + len(packet)
        if len(waiting) >= ENTRIES_MAX or size > PACKETS_BYTES_MAX:
            return Reason.TABLE_FULL
        if call.number("entry") in self._entries:
            self._drop_settled()
            if call.number("entry") in self._entries:
                return Reason.BUSY
        entry = Entry(
            self._next_serial, call.number("entry"), call.number("group"), release_s, packet
        )
        self._next_serial += 1
        self._entries[entry.number] = entry
        self._changed()
        return None

    def _delete(self, chosen: _Choice, *, some: bool = False) -> Outcome:
        gone = [entry.number for entry in self._waiting() if chosen(entry)]
        if some and not gone:
            return Reason.NO_SUCH_ENTRY
        for number in gone:
            del self._entries[number]
        self._changed()
        return None

    def _shift(self, call: Call, chosen: _Choice, *, some: bool = False) -> Outcome:
        moved = [e.shifted(call.real("by")) for e in self._waiting() if chosen(e)]
        if some and not moved:
            return Reason.NO_SUCH_ENTRY
        if any(entry.release_s <= call.clock_s for entry in moved):
            return Reason.IN_THE_PAST
        self._entries.update({entry.number: entry for entry in moved})
        self._changed()
        return None

    def _summaries(self, call: Call) -> Outcome:
        chosen = _filter(call)
        found = sorted(filter(chosen, self._waiting()), key=lambda e: (e.release_s, e.serial))
        pieces = [found[i : i + SUMMARY_ENTRIES] for i in range(0, len(found), SUMMARY_ENTRIES)]
        return [
            report("schedule-summary", total=len(found), entries=b"".join(map(_line, piece)))
            for piece in pieces or [[]]
        ]

    def _state(self) -> Report:
        next_s = self._next_release_s()
        return report(
            "schedule-state",
            enabled=self.enabled,
            entries=len(self),
            next=0.0 if next_s == _NEVER else next_s,
            released=self.released,
            missed=self.missed,
        )


def _one(call: Call) -> _Choice:
    number = call.number("entry")
    return lambda entry: entry.number == number


def _filter(call: Call) -> _Choice:
    since_s, until_s, group = call.real("since"), call.real("until"), call.number("group")
    return lambda entry: since_s <= entry.release_s < until_s and group in (ANY_GROUP, entry.group)


def _line(entry: Entry) -> bytes:
    telecommand = check_stored(entry.packet)
    return _LINE.pack(
        entry.number, entry.group, entry.release_s, telecommand.service, telecommand.subtype
    )
