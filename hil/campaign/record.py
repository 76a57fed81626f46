"""What is known about a flight after it: the plan, what was done to the stack, what it said.

Plain data, so that the judge and the report can be tested without flying. All times are mission
seconds on the ground's clock; an event's time is when its report arrived, never earlier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

from flight_sw.dictionary.field import Value


@unique
class Outcome(Enum):
    """What became of one fault; the words are fixed, the last three before VOID are failures."""

    MASKED = "masked"  # gone without harm, shown by the check at the end
    CORRECTED = "corrected"
    RECOVERED = "recovered"  # detected, then brought back from a golden copy or a restart
    SAFE = "safe"  # detected, and the payload stopped using what is damaged
    SILENT = "silent"
    HANG = "hang"
    DEAD = "dead"
    VOID = "void"  # did not land


FAILURES = frozenset({Outcome.SILENT, Outcome.HANG, Outcome.DEAD})


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault, fixed before the flight.

    Args:
        id: position in the plan, from 0.
        kind: a word of `hil.scenario.Kind`.
        place: where among all bits of its target, in [0, 1); the memory map turns it into an address.
        second: likewise for a second bit, among its possible partners.
        origin: `upset` for radiation, `scenario` for a fault that the scenario names.
    """

    id: int
    at_s: float
    kind: str
    place: float
    second: float
    origin: str


@dataclass(frozen=True, slots=True)
class Injection:
    """What the rig did for one planned fault.

    Args:
        at_s: before the first bit was touched, so that a latency is never too short.
        region: memory region or voted record; empty for a process or a board.
        page: page of the region, -1 where there is none.
        landed: read back and seen changed.
        why: for a fault that did not land, the reason.
    """

    fault: int
    at_s: float
    landed: bool
    region: str = ""
    page: int = -1
    bits: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event report as it came down."""

    at_s: float
    name: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A result as it came down."""

    at_s: float
    job: int
    attempt: int
    slot: int
    output: bytes


@dataclass(frozen=True, slots=True)
class JobCounts:
    """The book of jobs as the ground kept it; a job is submitted once its telecommand was accepted."""

    submitted: frozenset[int] = frozenset()
    withdrawn: frozenset[tuple[int, int]] = frozenset()  # (job, attempt)
    failed: Mapping[int, str] = field(default_factory=dict)  # job, reason


@dataclass(frozen=True, slots=True)
class Flight:
    """Everything the judge looks at.

    Args:
        golden: job number and the output of the same job on an unharmed session.
        regions: weights region by model slot.
        damaged: (region, page) still wrong at the end; for a voted record the page is -1. None if
            the check at the end could not be made: then nothing counts as clean.
        ended_s: when the flight ended.
        mode: the mode last reported.
        board: the board's state last reported.
        recovery_s: by fault kind, how long this board may take where it is slower than most.
    """

    plan: tuple[Planned, ...]
    injections: tuple[Injection, ...]
    events: tuple[Event, ...]
    answers: tuple[Answer, ...]
    jobs: JobCounts
    golden: Mapping[int, bytes]
    regions: Mapping[int, str]
    damaged: frozenset[tuple[str, int]] | None
    ended_s: float
    mode: str
    board: str
    recovery_s: Mapping[str, float] = field(default_factory=dict)
