"""ST[05] event reporting: what happened, with its severity.

Shall: report every enabled event, in order, at no more than the parameter `event_rate` per second; keep
over a restart which events are disabled; show every event, disabled or not, to event-action (ST[19]).
How verified: tests/flight_sw/services/test_st05_events.py.
Off nominal: a storm of events fills a queue of EVENTS_WAITING_MAX; what does not fit is counted and
reported as one `events-dropped`. Severity HIGH takes the place of the newest lower one, and INFO may
fill only half of the queue.
Not provided: filters by severity; an event is disabled by its name.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from flight_sw.dictionary.events import BY_NAME, EVENT_NAMES, EventDefinition, Severity
from flight_sw.dictionary.field import Value, encode
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report

EVENTS_WAITING_MAX = 256
SEEN_MAX = 64  # between two steps, for event-action


@dataclass(frozen=True, slots=True)
class Happening:
    """One event as it was raised; `values` are those of its definition."""

    definition: EventDefinition
    values: dict[str, Value]


def happening(name: str, /, **values: Value) -> Happening:
    """An event that the dictionary declares under `name`."""
    return Happening(BY_NAME[name], values)


class EventService:
    """A bounded queue with a rate limit between those who raise events and the downlink."""

    def __init__(self) -> None:
        self.revision = 0
        self._seen: list[Happening] = []
        self._waiting: deque[Happening] = deque()
        self._disabled: set[str] = set()
        self._dropped = 0
        self._allowance = 0.0
        self._last_s: float | None = None

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[05]."""
        return {
            "enable-event": lambda call: self.enable(call.text("event")),
            "disable-event": lambda call: self.disable(call.text("event")),
            "report-disabled-events": self._report_disabled,
        }

    def enable(self, name: str) -> None:
        """(5,5)."""
        self.revision += name in self._disabled
        self._disabled.discard(name)

    def disable(self, name: str) -> None:
        """(5,6)."""
        self.revision += name not in self._disabled
        self._disabled.add(name)

    def image(self) -> bytes:
        """Names of the disabled events."""
        return msgspec.msgpack.encode(sorted(self._disabled))

    def restore(self, image: bytes) -> None:
        """Disable these; names that this software does not know are passed over."""
        names = read_image(image, list[str])
        self._disabled = {name for name in names if name in BY_NAME}

    @property
    def any_seen(self) -> bool:
        """Whether event-action has something to look at."""
        return bool(self._seen)

    def take_seen(self) -> list[Happening]:
        """Every event raised since the last call, at most SEEN_MAX, reported or not."""
        seen, self._seen = self._seen, []
        return seen

    def put(self, event: Happening) -> None:
        """Raise an event; it is reported by one of the next `take`s."""
        if len(self._seen) < SEEN_MAX:
            self._seen.append(event)
        if event.definition.name in self._disabled:
            return
        severity = event.definition.severity
        if severity is Severity.INFO and len(self._waiting) >= EVENTS_WAITING_MAX // 2:
            self._dropped += 1
            return
        if len(self._waiting) >= EVENTS_WAITING_MAX:
            self._dropped += 1
            if severity is not Severity.HIGH:
                return
            self._drop_newest_below_high()
        self._waiting.append(event)

    def take(self, now: float, rate_per_s: float) -> list[Report]:
        """Reports that may go now; at most one second's worth at once."""
        elapsed_s = 1.0 if self._last_s is None else max(0.0, now - self._last_s)
        self._last_s = now
        self._allowance = min(rate_per_s, self._allowance + elapsed_s * rate_per_s)
        reports = []
        if self._dropped and self._allowance >= 1:
            reports.append(event_report(happening("events-dropped", count=self._dropped)))
            self._dropped = 0
            self._allowance -= 1
        while self._waiting and self._allowance >= 1:
            reports.append(event_report(self._waiting.popleft()))
            self._allowance -= 1
        return reports

    def wake_at(self, now: float, rate_per_s: float) -> float:
        """When the next event may go."""
        if not self._waiting and not self._dropped:
            return float("inf")
        return now + max(0.0, 1 - self._allowance) / rate_per_s

    def _report_disabled(self, _: Call) -> Outcome:
        return [report("disabled-events", events=",".join(sorted(self._disabled)))]

    def _drop_newest_below_high(self) -> None:
        for index in range(len(self._waiting) - 1, -1, -1):
            if self._waiting[index].definition.severity is not Severity.HIGH:
                del self._waiting[index]
                return
        self._waiting.pop()


def event_report(event: Happening) -> Report:
    """(5,1) to (5,4): event id and its fields."""
    definition = event.definition
    number = EVENT_NAMES.index(definition.name)
    data = number.to_bytes(2, "big") + encode(definition.fields, event.values)
    return Report(5, definition.severity.value, data)
