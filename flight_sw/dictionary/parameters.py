"""On-board parameters that the ground may read and set (ST[20])."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One on-board parameter; its value is a number within [minimum, maximum] in `unit`."""

    name: str
    default: float
    minimum: float
    maximum: float
    unit: str
    help: str


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("scrub_enabled", 1, 0, 1, "", "1: read and repair protected pages; 0: leave them"),
    Parameter("scrub_pass", 1.0, 0.05, 3600, "s", "time of one full pass over all protected pages"),
    Parameter("soft_limit", 80.0, 40, 100, "degC", "governor steps down above this"),
    Parameter("release", 74.0, 30, 95, "degC", "governor steps up below this"),
    Parameter("event_rate", 20, 1, 200, "1/s", "most event reports sent per second"),
    Parameter("late_limit", 300, 0, 86_400, "s", "schedule entries found later are left out"),
)

PARAMETER_NAMES: tuple[str, ...] = tuple(parameter.name for parameter in PARAMETERS)
BY_NAME: dict[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}
