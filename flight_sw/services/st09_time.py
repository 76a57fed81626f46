"""ST[09] time: one payload clock for all that is planned, and a flag when the wall clock disagrees.

Shall: run the payload clock at the pace of the monotonic clock from the wall clock's reading at boot, so
that a wall-clock step changes time stamps and nothing else; flag a disagreement of more than SUSPECT_S;
set the clock on a critical telecommand, within limits; never start behind the time of the last run.
How verified: tests/flight_sw/services/test_st09_time.py; wall clock stepped both ways in test_stack.py.
Off nominal: a wall clock that boots in the past starts the payload clock at the last time known, and the
flag says so. Setting the clock moves schedule entries along, so that each runs when it would have run.
Not provided: a rate correction of the oscillator; time reports at a rate (9,1).
"""

from collections.abc import Callable, Mapping

import msgspec

from flight_sw.dictionary.reason import Reason
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening

SUSPECT_S = 1.0
SET_S_MAX = 86_400.0  # by one telecommand, unless the clock is suspect
KEEP_PERIOD_S = 600.0  # how far a boot without a good wall clock may start behind


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clock_s: float


class TimeService:
    """The payload clock; `now` is monotonic, `wall_s` the wall clock, both in seconds.

    Args:
        on_set: told by how much the clock was set, in seconds.
    """

    def __init__(self, on_set: Callable[[float], None]) -> None:
        self.revision = 0
        self.suspect = False
        self._on_set = on_set
        self._known_s = 0.0  # when the payload was last known to run
        self._boot_s: float | None = None
        self._zero_s: float | None = None
        self._stamp_by_s = 0.0
        self._now = self._wall_s = 0.0
        self._keep_due_s = float("inf")
        self._events: list[Happening] = []

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[09]."""
        return {"report-time": lambda _: [self._report()], "set-time": self._set}

    def step(self, now: float, wall_s: float) -> float:
        """Take both clocks; the payload clock's reading."""
        self._now, self._wall_s = now, wall_s
        if self._zero_s is None or self._boot_s is None:
            self._boot_s = now
            self._zero_s = max(wall_s, self._known_s) - now
            self._keep_due_s = now
        apart_s = self.stamp_s - self.clock_s
        if (abs(apart_s) > SUSPECT_S) is not self.suspect:
            self.suspect = not self.suspect
            if self.suspect:
                by_s = round(max(-2e9, min(2e9, apart_s)))
                self._events.append(happening("time-suspect", by=by_s))
        if now >= self._keep_due_s:
            self._keep_due_s = now + KEEP_PERIOD_S
            self.revision += 1
        return self.clock_s

    @property
    def clock_s(self) -> float:
        """The payload clock, UTC since 1970."""
        return self._now + (self._zero_s or 0.0)

    @property
    def stamp_s(self) -> float:
        """The wall clock as corrected by the ground: what telemetry is stamped with."""
        return self._wall_s + self._stamp_by_s

    def take_events(self) -> list[Happening]:
        """Events since the last call."""
        events, self._events = self._events, []
        return events

    def image(self) -> bytes:
        """The clock as it stands."""
        return msgspec.msgpack.encode(_Image(self.clock_s))

    def restore(self, image: bytes) -> None:
        """The last time known."""
        self._known_s = read_image(image, _Image).clock_s

    def _set(self, call: Call) -> Outcome:
        by_s = call.real("time") - self.clock_s
        if abs(by_s) > SET_S_MAX and not self.suspect:
            return Reason.NOT_ALLOWED
        self._zero_s = call.real("time") - self._now
        self._stamp_by_s = call.real("time") - self._wall_s
        self.suspect = False
        self._on_set(by_s)
        self._events.append(happening("time-set", by=round(by_s)))
        self.revision += 1
        return None

    def _report(self) -> Report:
        uptime_s = self._now - (self._boot_s or 0.0)
        return report(
            "time", clock=self.clock_s, wall=self.stamp_s, uptime=uptime_s, suspect=self.suspect
        )
