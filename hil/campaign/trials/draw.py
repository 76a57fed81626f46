"""One fault of a campaign as data: drawn from (seed, class, number) alone, so it can be redrawn.

The stream does not know the protection class or the model: campaigns that differ in those strike with
the same faults, and their tables compare pair by pair.
"""

from dataclasses import dataclass
from itertools import combinations

from hil.faults.classes import CATALOG, FaultClass
from hil.kernel import stream

# One way of each class that a running stack can take at any time: what pairs are made of.
PAIRABLE: tuple[tuple[FaultClass, str], ...] = (
    (FaultClass.SEU, "weight-flip"),
    (FaultClass.MBU, "weight-burst"),
    (FaultClass.SEU_STATE, "vote-flip"),
    (FaultClass.SEU_STATE_SAME, "vote-same-bit"),
    (FaultClass.PROTECTION, "check-flip"),
    (FaultClass.SEFI, "board-hang"),
    (FaultClass.SEFI, "worker-crash"),
    (FaultClass.SEL, "latch-up"),
    (FaultClass.SENSOR, "dead"),
    (FaultClass.CLOCK, "clock-jump"),
    (FaultClass.STORE_IO, "full"),
    (FaultClass.BROWN_OUT, "dip"),
    (FaultClass.LINK, "board-noise"),
)
PAIRS = tuple((one[1], two[1]) for one, two in combinations(PAIRABLE, 2) if one[0] is not two[0])
RECOVERING = ("board-hang", "worker-crash", "node-crash", "latch-up", "dip", "vote-same-bit")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One fault; all but the first three are fractions in [0, 1).

    Args:
        index: number in its campaign.
        variants: one way to strike, or two for classes of two faults.
        delay: of the first, within the time between two jobs.
        gap: between the first and the second fault.
    """

    index: int
    fault: FaultClass
    variants: tuple[str, ...]
    delay: float
    gap: float
    place: tuple[float, ...]
    second: tuple[float, ...]
    level: tuple[float, ...]
    span: tuple[float, ...]

    @property
    def name(self) -> str:
        """The way it strikes, in a word."""
        return "+".join(self.variants)


def draw(seed: int, fault: FaultClass, index: int) -> Drawn:
    """Draw fault `index` of a class."""
    chance = stream(seed, f"trial:{fault.value}:{index}")
    variants = _variants(fault, index, chance.random())
    u = chance.random(10).tolist()
    return Drawn(
        index,
        fault,
        variants,
        u[0],
        u[1],
        (u[2], u[3]),
        (u[4], u[5]),
        (u[6], u[7]),
        (u[8], u[9]),
    )


def _variants(fault: FaultClass, index: int, chance: float) -> tuple[str, ...]:
    """Pairs take their turn, so that all of them come; the rest is drawn evenly."""
    if fault is FaultClass.PAIR:
        return PAIRS[index % len(PAIRS)]
    if fault is FaultClass.RECOVERY:
        second = PAIRABLE[int(chance * len(PAIRABLE))][1]
        return RECOVERING[index % len(RECOVERING)], second
    ways = CATALOG[fault].variants
    return (ways[int(chance * len(ways))],)
