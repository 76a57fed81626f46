"""The flight software's own governors behind the interface of the comparison."""

from dataclasses import dataclass, field

from flight_sw.resources.governor import StaircaseGovernor, StaircaseLimits
from flight_sw.resources.lookahead import Caution, LookAheadGovernor, Situation
from hil.governors.policy import Order, Sight, Task


@dataclass(slots=True)
class Staircase:
    """flight_sw.resources.governor as it flies."""

    task: Task
    soft_c: float
    release_c: float
    governor: StaircaseGovernor = field(init=False)

    def __post_init__(self) -> None:
        self.governor = StaircaseGovernor(self.task.top + 1)
        self.governor.start(-1.0)

    def decide(self, sight: Sight) -> Order:
        """One step at most."""
        limits = StaircaseLimits(self.soft_c, self.release_c, self.task.limit_c + 5.0, 1.0)
        return Order(self.governor.decide(sight.temp_c, limits, sight.now_s).level)


@dataclass(slots=True)
class LookAhead:
    """flight_sw.resources.lookahead as it flies."""

    task: Task
    caution: Caution
    governor: LookAheadGovernor = field(init=False)

    def __post_init__(self) -> None:
        self.governor = LookAheadGovernor(self.task.model, self.caution)

    def decide(self, sight: Sight) -> Order:
        """Need, heat and energy."""
        situation = Situation(sight.now_s, sight.temp_c, sight.power_w, sight.due, sight.outlook)
        choice = self.governor.decide(situation, self.task.limit_c)
        return Order(choice.level, choice.hold)
