"""What a handler of a telecommand is given and what it may answer; each service brings its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.mode import Mode
from flight_sw.services.report import Report

Arguments = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted telecommand: checked arguments, monotonic time, payload clock, mode."""

    arguments: Arguments
    now: float
    clock_s: float
    mode: Mode

    def number(self, name: str) -> int:
        """An argument that is a whole number."""
        return int(self.arguments[name])

    def real(self, name: str) -> float:
        """An argument that is a measure."""
        return float(self.arguments[name])

    def text(self, name: str) -> str:
        """An argument that is a name."""
        return str(self.arguments[name])

    def data(self, name: str) -> bytes:
        """An argument that is bytes."""
        value = self.arguments[name]
        return value if isinstance(value, bytes) else b""


# None: done. A Reason: failed, and nothing was changed. Reports: done, and this is the answer.
Outcome = Reason | list[Report] | None
Handler = Callable[[Call], Outcome]


class Service(Protocol):
    """Anything that carries out telecommands."""

    def handlers(self) -> Mapping[str, Handler]:
        """Its telecommands by the names of the dictionary."""
        ...
