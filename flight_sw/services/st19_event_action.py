"""ST[19] event-action: a telecommand that the payload carries out by itself when an event is raised.

Shall: run the telecommand of each enabled action whose event was raised, disabled as a report or not, in
the next step; keep the table over a restart.
How verified: tests/flight_sw/services/test_st19_event_action.py.
Off nominal: an action whose own effects raise its event again is held by two limits: one run per action
in ACTION_PERIOD_S, and RUNS_PER_STEP in all; what is held back is counted and told, at a limited
rate. A refused telecommand is told as `stored-command-failed`, which no action may be tied to.
Not provided: more than one telecommand per action (tie a stored sequence); critical telecommands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from flight_sw.dictionary.automation_commands import ACTIONS_MAX, ANY_SOURCE
from flight_sw.dictionary.events import BY_NAME
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import check_stored
from flight_sw.errors import DecodeError
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening
from flight_sw.space_link.packet import Telecommand

ACTION_PERIOD_S = 1.0
RUNS_PER_STEP = 4
TELL_PERIOD_S = 10.0
UNTIED = frozenset({"action-run", "actions-held", "stored-command-failed", "events-dropped"})


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the table."""

    number: int
    event: str
    source: int
    enabled: bool
    packet: bytes

    def meets(self, event: Happening) -> bool:
        """Whether this event is the one."""
        if not self.enabled or event.definition.name != self.event:
            return False
        return self.source == ANY_SOURCE or self.source == _source(event)


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool
    actions: list[Action]


@dataclass(slots=True)
class _Runs:
    count: int = 0
    last_s: float = float("-inf")


class EventActionService:
    """The table and its limits."""

    def __init__(self) -> None:
        self.revision = 0
        self.enabled = True
        self.run = 0
        self.held = 0
        self._actions: dict[int, Action] = {}
        self._runs: dict[int, _Runs] = {}
        self._told_held = 0
        self._tell_due_s = float("-inf")

    @property
    def any(self) -> bool:
        """Whether the table has any line."""
        return bool(self._actions)

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[19]."""
        return {
            "add-action": self._add,
            "delete-action": self._delete,
            "enable-action": lambda call: self._enable_one(call, enabled=True),
            "disable-action": lambda call: self._enable_one(call, enabled=False),
            "enable-actions": lambda _: self._enable(enabled=True),
            "disable-actions": lambda _: self._enable(enabled=False),
            "report-actions": lambda _: [self._definition(n) for n in sorted(self._actions)],
        }

    def answer(self, seen: Iterable[Happening], now: float) -> list[tuple[Action, Telecommand]]:
        """The actions that these events call for and the limits allow."""
        chosen: list[tuple[Action, Telecommand]] = []
        if not self.enabled or not self._actions:
            return chosen
        for event in seen:
            for action in self._actions.values():
                if not action.meets(event):
                    continue
                runs = self._runs[action.number]
                if len(chosen) >= RUNS_PER_STEP or now < runs.last_s + ACTION_PERIOD_S:
                    self.held += 1
                    continue
                runs.last_s, runs.count = now, runs.count + 1
                chosen.append((action, check_stored(action.packet)))
        self.run += len(chosen)
        return chosen

    def take_events(self, now: float) -> list[Happening]:
        """What was held back, at most once in TELL_PERIOD_S."""
        if self.held == self._told_held or now < self._tell_due_s:
            return []
        count, self._told_held = self.held - self._told_held, self.held
        self._tell_due_s = now + TELL_PERIOD_S
        return [happening("actions-held", count=count)]

    def image(self) -> bytes:
        """The table."""
        return msgspec.msgpack.encode(_Image(self.enabled, list(self._actions.values())))

    def restore(self, image: bytes) -> None:
        """Take the table over; DecodeError tells of lines left out."""
        saved = read_image(image, _Image)
        self.enabled = saved.enabled
        sound = [action for action in saved.actions if _problem(action) is None]
        self._actions = {action.number: action for action in sound}
        self._runs = {number: _Runs() for number in self._actions}
        if len(sound) < len(saved.actions):
            raise DecodeError(f"{len(saved.actions) - len(sound)} event-actions left out")

    def _add(self, call: Call) -> Outcome:
        number = call.number("action")
        if number in self._actions:
            return Reason.ALREADY_EXISTS
        action = Action(
            number, call.text("event"), call.number("source"), True, call.data("packet")
        )
        problem = _problem(action)
        if problem is None:
            self._actions[number] = action
            self._runs[number] = _Runs()
            self.revision += 1
        return problem

    def _delete(self, call: Call) -> Outcome:
        if self._actions.pop(call.number("action"), None) is None:
            return Reason.NO_SUCH_ENTRY
        self.revision += 1
        return None

    def _enable_one(self, call: Call, *, enabled: bool) -> Outcome:
        action = self._actions.get(call.number("action"))
        if action is None:
            return Reason.NO_SUCH_ENTRY
        self._actions[action.number] = msgspec.structs.replace(action, enabled=enabled)
        self.revision += 1
        return None

    def _enable(self, *, enabled: bool) -> Outcome:
        self.enabled = enabled
        self.revision += 1
        return None

    def _definition(self, number: int) -> Report:
        action = self._actions[number]
        return report(
            "action-definition",
            action=number,
            event=action.event,
            source=action.source,
            enabled=action.enabled,
            runs=self._runs[number].count,
            packet=action.packet,
        )


def _problem(action: Action) -> Reason | None:
    if not 1 <= action.number <= ACTIONS_MAX or action.event not in BY_NAME:
        return Reason.BAD_ARGUMENT
    if action.event in UNTIED:
        return Reason.NOT_ALLOWED
    try:
        check_stored(action.packet)
    except DecodeError:
        return Reason.BAD_ARGUMENT
    return None


def _source(event: Happening) -> int | None:
    first = next(iter(event.values.values()), None)
    return first if isinstance(first, int) else None
