"""What a policy sees and says. All policies see the same readings at the same times."""

from dataclasses import dataclass
from typing import Protocol

from flight_sw.resources.lookahead import LevelModel, Outlook


@dataclass(frozen=True, slots=True)
class Sight:
    """Readings with noise and quantisation, the queue, and the bus's forecast."""

    now_s: float
    temp_c: float
    power_w: float
    charge: float
    due: tuple[tuple[float, float], ...]
    outlook: Outlook


@dataclass(frozen=True, slots=True)
class Order:
    """Level, 0 the coolest; `hold` starts no job."""

    level: int
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What policies are told: the model they may believe (it is wrong by up to 20 %) and the limits."""

    model: LevelModel
    limit_c: float
    cut_charge: float

    @property
    def top(self) -> int:
        """The fastest level."""
        return len(self.model.speeds) - 1


class Policy(Protocol):
    """Chooses an order at each poll."""

    def decide(self, sight: Sight) -> Order:
        """The order until the next poll."""
        ...
