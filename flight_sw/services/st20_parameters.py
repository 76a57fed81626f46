"""ST[20] on-board parameters: the few numbers the ground may turn.

Shall: report and set every parameter of the dictionary, within its range, and never let the thermal
limits be wider than the board profile's.
How verified: tests/flight_sw/services/test_st20_parameters.py.
Off nominal: a value out of range changes nothing and is answered with BAD_ARGUMENT.
Not provided yet: persistence over a restart, new parameters at run time.
"""

from flight_sw.dictionary.parameters import BY_NAME, PARAMETER_NAMES, PARAMETERS
from flight_sw.dictionary.reason import Reason
from flight_sw.services.report import Report, report


class ParameterService:
    """The current values.

    Args:
        ceilings: for some parameters, the value that the profile allows at most.
    """

    def __init__(self, ceilings: dict[str, float]) -> None:
        self._ceilings = ceilings
        self._values = {p.name: min(p.default, ceilings.get(p.name, p.default)) for p in PARAMETERS}

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def set(self, name: str, value: float) -> Reason | None:
        """(20,3): None when done, else why not."""
        parameter = BY_NAME[name]
        if not parameter.minimum <= value <= parameter.maximum:
            return Reason.BAD_ARGUMENT
        if value > self._ceilings.get(name, value):
            return Reason.NOT_ALLOWED
        changed = {**self._values, name: value}
        if changed["release"] >= changed["soft_limit"]:
            return Reason.NOT_ALLOWED
        self._values = changed
        return None

    def report(self, name: str) -> Report:
        """(20,2)."""
        return report("parameter", parameter=PARAMETER_NAMES.index(name), value=self._values[name])
