"""One fault being done to a stack: what it is told, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hil.campaign.trials.stack import TrialStack
from hil.faults.rig_messages import Hit

CROWDED = "another fault of the batch was in that place"


@dataclass(slots=True)
class Strike:
    """One fault being done.

    Args:
        number: of the fault in its trial, 0 or 1; picks its fractions.
        ends_s: when its cause is over; infinity until taken back.
    """

    variant: str
    place: float
    second: float
    level: float
    span: float
    number: int = 0
    at_s: float = 0.0
    ends_s: float = 0.0
    void: str = ""
    place_name: str = ""  # where memory has no say
    hits: tuple[Hit, ...] = ()
    taken: set[tuple[str, int]] = field(default_factory=set)  # pages hit, by all of a batch
    kept: object = None  # held so that its memory is not used again while its bits are looked at
    undo: list[Callable[[], None]] = field(default_factory=list)


def until(stack: TrialStack, one: Strike, span_s: float, undo: Callable[[], None]) -> str:
    """Take the cause away after a while."""
    one.ends_s = one.at_s + span_s
    one.undo.append(undo)
    stack.timeline.call(one.ends_s, "undo", lambda _: undo())
    return ""


def lasting(low_s: float, high_s: float, share: float) -> float:
    """How long a fault lasts: short ones as often as long ones, in equal steps of the logarithm."""
    return float(low_s * (high_s / low_s) ** share)


def between(low: float, high: float, share: float) -> float:
    """The value at this share of a range."""
    return low + share * (high - low)
