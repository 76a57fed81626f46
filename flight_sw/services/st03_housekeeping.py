"""ST[03] housekeeping: the payload's state, each structure at its own period.

Shall: report each enabled structure once per period, once on request, and at once when the ground asks;
define up to 16 further structures at run time from names of the pool, and keep them over a restart.
How verified: tests/flight_sw/services/test_st03_housekeeping.py.
Off nominal: after a gap in time (a stopped process) one report is sent, not the missed ones. A stored
structure that names a parameter this software does not know is left out, and the loss is told.
Not provided: diagnostic structures, super-commutated parameters. Periods of the built-in structures
start anew at boot.
"""

from collections.abc import Callable, Mapping

import msgspec

from flight_sw.dictionary.field import Value, encode
from flight_sw.dictionary.payload_commands import STRUCTURE_FIRST, STRUCTURE_LAST
from flight_sw.dictionary.pool import POOL, fields_of
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import DecodeError
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report

FIRST_PERIOD_S = 1.0
SLOW_PERIOD_S = 10.0
PERIODS_S = {3: SLOW_PERIOD_S, 4: SLOW_PERIOD_S}
PARAMETERS_MAX = 32  # in one structure

_Change = Callable[[int], None]


class _Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A structure defined at run time, as it is stored."""

    number: int
    period_s: float
    enabled: bool
    names: list[str]


class HousekeepingService:
    """Knows which structures are due; the values come from the controller."""

    def __init__(self) -> None:
        self.revision = 0
        self._period_s = {s: PERIODS_S.get(s, FIRST_PERIOD_S) for s in HOUSEKEEPING}
        self._enabled = set(HOUSEKEEPING)
        self._due_s = dict.fromkeys(HOUSEKEEPING, float("-inf"))
        self._own: dict[int, tuple[str, ...]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[03]."""
        return {
            "start-housekeeping": lambda call: self._change(call, self.enable),
            "stop-housekeeping": lambda call: self._change(call, self.disable),
            "report-housekeeping": lambda call: self._change(call, self.request, kept=False),
            "set-housekeeping-period": lambda call: self._change(
                call, lambda structure: self.set_period(structure, call.real("period"))
            ),
            "create-structure": self._create,
            "delete-structure": self._delete,
            "report-structures": lambda _: [self._definition(s) for s in sorted(self._period_s)],
        }

    def enable(self, structure: int) -> None:
        """(3,5): start periodic reports, the first at once."""
        self._enabled.add(structure)
        self.request(structure)

    def disable(self, structure: int) -> None:
        """(3,6): stop periodic reports."""
        self._enabled.discard(structure)
        self._due_s[structure] = float("inf")

    def request(self, structure: int) -> None:
        """(3,27): one report at the next step."""
        self._due_s[structure] = float("-inf")

    def request_all(self) -> None:
        """Report every enabled structure at the next step, as for a ground that just arrived."""
        for structure in self._enabled:
            self.request(structure)

    def set_period(self, structure: int, period_s: float) -> None:
        """(3,31): change the period; the next report comes at once."""
        self._period_s[structure] = period_s
        self.request(structure)

    def due(self, now: float) -> list[int]:
        """Structures to report now; each is scheduled anew."""
        structures = [s for s, due_s in self._due_s.items() if due_s <= now]
        for structure in structures:
            period_s = self._period_s[structure]
            following_s = self._due_s[structure] + period_s
            late = following_s <= now  # also true for a request, whose time was -inf
            self._due_s[structure] = now + period_s if late else following_s
            if structure not in self._enabled:
                self._due_s[structure] = float("inf")
        return structures

    def names(self, structure: int) -> tuple[str, ...]:
        """The pool names that a structure defined at run time reports; empty for a built-in one."""
        return self._own.get(structure, ())

    def wake_at(self) -> float:
        """When the next structure is due."""
        return min(self._due_s.values())

    def image(self) -> bytes:
        """The structures defined at run time."""
        return msgspec.msgpack.encode(
            [
                _Own(number, self._period_s[number], number in self._enabled, list(names))
                for number, names in self._own.items()
            ]
        )

    def restore(self, image: bytes) -> None:
        """Take them over; DecodeError tells of those left out."""
        saved = read_image(image, list[_Own])
        left_out = 0
        for own in saved:
            sound = own.number in _NUMBERS and 0.1 <= own.period_s <= 3600
            if not sound or not _names_fit(own.names):
                left_out += 1
                continue
            self._add(own.number, own.period_s, tuple(own.names))
            if own.enabled:
                self.enable(own.number)
        if left_out:
            raise DecodeError(f"{left_out} structures left out")

    def _change(self, call: Call, change: _Change, *, kept: bool = True) -> Outcome:
        structure = call.number("structure")
        if structure not in self._period_s:
            return Reason.NO_SUCH_ENTRY
        change(structure)
        self.revision += kept and structure in self._own
        return None

    def _create(self, call: Call) -> Outcome:
        structure = call.number("structure")
        names = tuple(call.text("parameters").split(","))
        if structure in self._own:
            return Reason.ALREADY_EXISTS
        if not _names_fit(names):
            return Reason.BAD_ARGUMENT
        self._add(structure, call.real("period"), names)
        self.revision += 1
        return None

    def _delete(self, call: Call) -> Outcome:
        structure = call.number("structure")
        if self._own.pop(structure, None) is None:
            return Reason.NO_SUCH_ENTRY
        self._enabled.discard(structure)
        del self._period_s[structure], self._due_s[structure]
        self.revision += 1
        return None

    def _add(self, structure: int, period_s: float, names: tuple[str, ...]) -> None:
        self._own[structure] = names
        self._period_s[structure] = period_s
        self._due_s[structure] = float("inf")

    def _definition(self, structure: int) -> Report:
        built_in = HOUSEKEEPING.get(structure, ())
        names = self._own.get(structure) or [f.name for f in built_in if f.name in POOL]
        return report(
            "structure-definition",
            structure=structure,
            enabled=structure in self._enabled,
            period=self._period_s[structure],
            parameters=",".join(names),
        )


def housekeeping_report(structure: int, values: dict[str, Value]) -> Report:
    """(3,25): structure number and its fields."""
    return Report(3, 25, bytes([structure]) + encode(HOUSEKEEPING[structure], values))


def own_report(structure: int, names: tuple[str, ...], values: Mapping[str, Value]) -> Report:
    """(3,129): a structure defined at run time; it says itself what it holds."""
    data = encode(fields_of(names), {name: values[name] for name in names})
    return report("structure-values", structure=structure, parameters=",".join(names), values=data)


_NUMBERS = range(STRUCTURE_FIRST, STRUCTURE_LAST + 1)


def _names_fit(names: "list[str] | tuple[str, ...]") -> bool:
    unique = len(set(names)) == len(names)
    return 0 < len(names) <= PARAMETERS_MAX and unique and all(name in POOL for name in names)
