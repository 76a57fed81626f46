"""ST[20] on-board parameters: the few numbers the ground may turn.

Shall: report and set every parameter of the dictionary, within its range, never let the thermal
limits be wider than the board profile's, and keep the values over a restart.
How verified: tests/flight_sw/services/test_st20_parameters.py (with a state machine).
Off nominal: a value out of range changes nothing and is answered with BAD_ARGUMENT. A stored value that
is unknown, of the wrong type, out of range or against a limit is left out, and the default applies.
Not provided: new parameters at run time.
"""

from collections.abc import Mapping

import msgspec

from flight_sw.dictionary.parameters import BY_NAME, PARAMETER_NAMES, PARAMETERS
from flight_sw.dictionary.reason import Reason
from flight_sw.errors import DecodeError
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report


class ParameterService:
    """The current values.

    Args:
        ceilings: for some parameters, the value that the profile allows at most.
    """

    def __init__(self, ceilings: dict[str, float]) -> None:
        self.revision = 0
        self._ceilings = ceilings
        self._values = self._defaults()

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[20]."""
        return {
            "report-parameter": lambda call: [self.report(call.text("parameter"))],
            "set-parameter": lambda call: self.set(call.text("parameter"), call.real("value")),
            "report-parameters": lambda _: [self.report(name) for name in PARAMETER_NAMES],
            "reset-parameters": self._reset,
        }

    def values(self) -> dict[str, float]:
        """All values by name."""
        return dict(self._values)

    def set(self, name: str, value: float) -> Reason | None:
        """(20,3): None when done, else why not."""
        reason = self._problem(name, value, self._values)
        if reason is None:
            self._values = {**self._values, name: value}
            self.revision += 1
        return reason

    def report(self, name: str) -> Report:
        """(20,2)."""
        return report("parameter", parameter=PARAMETER_NAMES.index(name), value=self._values[name])

    def image(self) -> bytes:
        """The values as stored, by name."""
        return msgspec.msgpack.encode(self._values)

    def restore(self, image: bytes) -> None:
        """Take stored values over; DecodeError names those left out."""
        saved = read_image(image, dict[str, float])
        known = {name: float(value) for name, value in saved.items() if name in BY_NAME}
        merged = {**self._defaults(), **known}
        bad = [name for name in known if self._problem(name, known[name], merged)]
        self._values = {**self._defaults(), **{n: v for n, v in known.items() if n not in bad}}
        if self._values["release"] >= self._values["soft_limit"]:
            self._values = self._defaults()
        if bad or len(known) < len(saved):
            left_out = sorted({*bad, *(name for name in saved if name not in BY_NAME)})
            raise DecodeError("left out: " + ", ".join(left_out)[:120])

    def _reset(self, _: Call) -> Outcome:
        self._values = self._defaults()
        self.revision += 1
        return None

    def _defaults(self) -> dict[str, float]:
        return {p.name: min(p.default, self._ceilings.get(p.name, p.default)) for p in PARAMETERS}

    def _problem(self, name: str, value: float, others: Mapping[str, float]) -> Reason | None:
        parameter = BY_NAME[name]
        if not parameter.minimum <= value <= parameter.maximum:
            return Reason.BAD_ARGUMENT
        if value > self._ceilings.get(name, value):
            return Reason.NOT_ALLOWED
        changed = {**others, name: value}
        return Reason.NOT_ALLOWED if changed["release"] >= changed["soft_limit"] else None
