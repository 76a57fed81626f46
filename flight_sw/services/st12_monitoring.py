"""ST[12] on-board monitoring: parameters of the pool held against limits, an expected value or a slope.

Shall: check each enabled parameter at its period; report a violation after the given number of bad
readings in a row, its end at the first good one; raise `monitor-violated`, on which ST[19] can act.
How verified: tests/flight_sw/services/test_st12_monitoring.py (state machine against a model).
Off nominal: readings of a part that is off are discarded, and what was counted of them, so an old fault
cannot act after power-on. Each monitor counts by itself: a healthy source does not hide a sick one. The
count stops at the limit, so a changed definition starts afresh. Debounce guards entry, never exit.
Not provided: functional monitors over several parameters; different events for low and high.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import msgspec

from flight_sw.dictionary.automation_commands import MONITOR_KINDS, MONITORS_MAX
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.pool import POOL
from flight_sw.dictionary.reason import Reason
from flight_sw.errors import DecodeError
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening

_BAD = ("LOW", "HIGH")
State = Literal["UNCHECKED", "INVALID", "OK", "LOW", "HIGH"]


class Monitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check; for `expected`, `low` is the value and `high` the tolerance."""

    number: int
    parameter: str
    kind: str
    low: float
    high: float
    repetitions: int
    period_s: float
    enabled: bool

    def fits(self) -> bool:
        """Whether this is a check that can be made."""
        ordered = self.kind == "expected" or self.low <= self.high
        return (
            1 <= self.number <= MONITORS_MAX
            and self.parameter in POOL
            and self.kind in MONITOR_KINDS
            and isfinite(self.low)
            and isfinite(self.high)
            and ordered
            and 1 <= self.repetitions <= 255
            and 0.1 <= self.period_s <= 3600
        )

    def judge(self, value: float, before: float | None) -> State:
        """What one reading says; the first reading of a slope says nothing."""
        low, high = self.low, self.high
        if self.kind == "expected":
            low, high = self.low - abs(self.high), self.low + abs(self.high)
        elif self.kind == "delta":
            if before is None:
                return "UNCHECKED"
            value -= before
        if value < low:
            return "LOW"
        return "HIGH" if value > high else "OK"


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool
    monitors: list[Monitor]


@dataclass(slots=True)
class _Watch:
    """What is known of one monitor since boot."""

    state: State = "UNCHECKED"
    bad: int = 0
    before: float | None = None
    due_s: float = float("-inf")


class MonitoringService:
    """Definitions, their debounce and their state."""

    def __init__(self) -> None:
        self.revision = 0
        self.enabled = True
        self._monitors: dict[int, Monitor] = {}
        self._watches: dict[int, _Watch] = {}

    @property
    def violated(self) -> int:
        """How many monitors are out of limits."""
        return sum(watch.state in _BAD for watch in self._watches.values())

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[12]."""
        return {
            "add-monitor": self._add,
            "delete-monitor": self._delete,
            "enable-monitor": lambda call: self._enable_one(call, enabled=True),
            "disable-monitor": lambda call: self._enable_one(call, enabled=False),
            "enable-monitoring": lambda _: self._enable(enabled=True),
            "disable-monitoring": lambda _: self._enable(enabled=False),
            "report-monitors": lambda _: [self._definition(n) for n in sorted(self._monitors)],
        }

    def is_due(self, now: float) -> bool:
        """Whether any reading is wanted."""
        return now >= self.wake_at()

    def wake_at(self) -> float:
        """When the next reading is wanted."""
        due = [self._watches[m.number].due_s for m in self._monitors.values() if m.enabled]
        return min(due, default=float("inf")) if self.enabled else float("inf")

    def step(
        self, now: float, readings: Mapping[str, float | None]
    ) -> tuple[list[Report], list[Happening]]:
        """Check what is due; a reading of None is of a part that is off."""
        reports: list[Report] = []
        events: list[Happening] = []
        for monitor in self._monitors.values():
            watch = self._watches[monitor.number]
            if not (self.enabled and monitor.enabled) or now < watch.due_s:
                continue
            watch.due_s = now + monitor.period_s
            before = watch.state
            value = readings.get(monitor.parameter)
            _take(monitor, watch, value)
            if watch.state != before:
                reports.append(_transition(monitor, before, watch.state, value))
                events += _tell(monitor, before, watch.state, value)
        return reports, events

    def image(self) -> bytes:
        """The definitions."""
        return msgspec.msgpack.encode(_Image(self.enabled, list(self._monitors.values())))

    def restore(self, image: bytes) -> None:
        """Take definitions over; DecodeError tells of those left out."""
        saved = read_image(image, _Image)
        self.enabled = saved.enabled
        sound = [monitor for monitor in saved.monitors if monitor.fits()]
        self._monitors = {monitor.number: monitor for monitor in sound}
        self._watches = {number: _Watch() for number in self._monitors}
        if len(sound) < len(saved.monitors):
            raise DecodeError(f"{len(saved.monitors) - len(sound)} monitors left out")

    def _add(self, call: Call) -> Outcome:
        monitor = Monitor(
            call.number("monitor"),
            call.text("parameter"),
            call.text("kind"),
            call.real("low"),
            call.real("high"),
            call.number("repetitions"),
            call.real("period"),
            enabled=True,
        )
        if monitor.number in self._monitors:
            return Reason.ALREADY_EXISTS
        if not monitor.fits():
            return Reason.BAD_ARGUMENT
        self._put(monitor)
        return None

    def _delete(self, call: Call) -> Outcome:
        if self._monitors.pop(call.number("monitor"), None) is None:
            return Reason.NO_SUCH_ENTRY
        del self._watches[call.number("monitor")]
        self.revision += 1
        return None

    def _enable_one(self, call: Call, *, enabled: bool) -> Outcome:
        monitor = self._monitors.get(call.number("monitor"))
        if monitor is None:
            return Reason.NO_SUCH_ENTRY
        self._put(msgspec.structs.replace(monitor, enabled=enabled))
        return None

    def _put(self, monitor: Monitor) -> None:
        self._monitors[monitor.number] = monitor
        self._watches[monitor.number] = _Watch()
        self.revision += 1

    def _enable(self, *, enabled: bool) -> Outcome:
        self.enabled = enabled
        self._watches = {number: _Watch() for number in self._monitors}
        self.revision += 1
        return None

    def _definition(self, number: int) -> Report:
        monitor = self._monitors[number]
        return report(
            "monitor-definition",
            monitor=number,
            parameter=monitor.parameter,
            kind=monitor.kind,
            low=monitor.low,
            high=monitor.high,
            repetitions=monitor.repetitions,
            period=monitor.period_s,
            enabled=monitor.enabled,
            state=self._watches[number].state,
        )


def _take(monitor: Monitor, watch: _Watch, value: float | None) -> None:
    """One reading into count and state."""
    if value is None or not isfinite(value):
        watch.bad, watch.before, watch.state = 0, None, "INVALID"
        return
    verdict = monitor.judge(value, watch.before)
    watch.before = value
    if verdict not in _BAD:
        watch.bad, watch.state = 0, verdict
        return
    watch.bad = min(watch.bad + 1, monitor.repetitions)
    if watch.bad >= monitor.repetitions:
        watch.state = verdict


def _transition(monitor: Monitor, before: State, after: State, value: float | None) -> Report:
    return report(
        "monitor-transition",
        monitor=monitor.number,
        parameter=monitor.parameter,
        before=before,
        after=after,
        value=0.0 if value is None or not isfinite(value) else value,
    )


def _tell(monitor: Monitor, before: State, after: State, value: float | None) -> list[Happening]:
    if value is None or (after not in _BAD and before not in _BAD):
        return []
    what: dict[str, Value] = {
        "monitor": monitor.number,
        "parameter": monitor.parameter,
        "value": value,
    }
    if after in _BAD:
        return [happening("monitor-violated", **what, state=after)]
    return [happening("monitor-cleared", **what)] if after == "OK" else []
