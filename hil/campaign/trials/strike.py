"""One fault being done to a stack: what it is told, and what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.campaign.residue import name_of
from hil.campaign.trials.stack import TrialStack
from hil.faults.regions import Bit, page_of
from hil.faults.rig_messages import Hit

Place = tuple[str, int]  # region or voted record, page
CROWDED = "another fault of the batch was in that place"


@dataclass(slots=True)
class Strike:
    """One fault being done.

    Args:
        number: of the fault in its trial, 0 or 1; picks its fractions.
        ends_s: when its cause is over; infinity until taken back.
        taken: pages hit, by all of a batch of which each page may be hit once.
        others: strikes of a batch which wait until a place is mended, and the ground knows.
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
    due_s: float = float("inf")  # when it was to strike; later where it had to wait
    struck: bool = False
    events_before: int = 0  # that the ground had heard in this trial
    taken: set[Place] = field(default_factory=set)
    others: Sequence["Strike"] = ()
    kept: object = None  # held so that its memory is not used again while its bits are looked at
    undo: list[Callable[[], None]] = field(default_factory=list)


def is_free(stack: TrialStack, place: Place, others: Sequence[Strike]) -> bool:
    """Whether the ground was told, since they struck, of all that hit this place before."""
    here = [one for one in others if place in {place_of(hit) for hit in one.hits}]
    first = max((one.events_before for one in here), default=0)
    told = any(place_told(event.values) == place for event in stack.notes.events[first:])
    return not here or told


def place_of(hit: Hit | Bit) -> Place:
    """Region or voted record that was hit, and the page in it."""
    region = hit.region if isinstance(hit, Hit) else hit.region.name
    return name_of(region), page_of(region, hit.offset)


def place_told(values: Mapping[str, Any]) -> Place:
    """The place that an event tells of; a voted record has one page."""
    return str(values.get("region", values.get("record"))), int(values.get("page", 0))


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
