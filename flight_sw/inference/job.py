"""What a job is: the words that the ledger, the controller and telemetry share.

A job is one input for the model in one slot. Its answer is *provisional* until every page of the
model's weights has been scrubbed clean after the run, and is *withdrawn* when a scrub finds damage
that the run may have computed with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique


@unique
class Protection(Enum):
    """How much a job pays for a trustworthy answer."""

    NONE = "none"  # no scrub stands behind the answer: it is final at once
    STANDARD = "standard"  # provisional until the next clean pass
    HIGH = "high"  # standard plus checksums in the graph
    VOTE = "vote"  # independent weight copies, bitwise vote


@unique
class Refusal(Enum):
    """Why a job was not admitted; one value per refusal, counted and reported."""

    MODE = "mode"  # the mode runs no jobs
    GOVERNOR = "governor"  # too hot or too little energy
    NO_MODEL = "no_model"  # the slot is empty
    PROTECTION = "protection"  # the model in the slot cannot be protected as asked
    SHAPE = "shape"  # the input has another size than the model takes, or is of another kind
    QUOTA = "quota"  # the inputs held would exceed the memory budget
    BUSY = "busy"  # as many jobs are open as may be
    DEADLINE = "deadline"  # the deadline has passed already
    DUPLICATE = "duplicate"  # this id is open or was answered lately


@unique
class JobState(Enum):
    """Where a job is in its life; CONFIRMED and FAILED are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@unique
class FailReason(Enum):
    """Why an admitted job ends without an answer."""

    SHAPE = "shape"
    BAD_INPUT = "bad_input"
    NO_MODEL = "no_model"
    NONFINITE = "nonfinite"
    RUNTIME = "runtime"
    DEADLINE = "deadline"
    ATTEMPTS = "attempts"  # withdrawn or lost with the board too often
    CANCELLED = "cancelled"
    EMPTY = "empty"  # a question without words
    TOO_LONG = "too_long"  # a question with more tokens than the model may take


# A run that ends like this may end otherwise on repaired weights or in a fresh worker.
RETRYABLE = frozenset({FailReason.NONFINITE, FailReason.RUNTIME})


@dataclass(frozen=True, slots=True)
class Job:
    """One admitted piece of work; `priority` 0 is the most urgent, `deadline_s` on the controller's
    clock.
    """

    id: int
    slot: int
    input: bytes
    deadline_s: float
    priority: int = 1
    protection: Protection = Protection.STANDARD
    is_text: bool = False
    admitted_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SlotOffer:
    """What the model in a slot takes, and the protection classes that it can keep.

    `input_bytes` are just those of a tensor; at most those of a question where `is_text`.
    """

    input_bytes: int
    classes: frozenset[Protection]
    is_text: bool = False

    def fits(self, job: Job) -> bool:
        """Whether a job's input is of the kind and size that the model takes."""
        if self.is_text or job.is_text:
            return self.is_text and job.is_text and len(job.input) <= self.input_bytes
        return len(job.input) == self.input_bytes


@dataclass(frozen=True, slots=True)
class Admission:
    """What the rest of the payload allows at this moment."""

    mode_allows: bool
    governor_allows: bool
    slots: Mapping[int, SlotOffer]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the node says about a finished run; ticks count the node's scrub steps."""

    job_id: int
    attempt: int
    output: bytes
    tick_start: int
    tick_end: int


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and where it comes from."""

    job_id: int
    attempt: int
    slot: int
    output: bytes
    model_digest: bytes
    protection: Protection
    tick_start: int
    tick_end: int
    admitted_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An answer that must no longer be trusted; `requeued` is False when the attempts are used
    up.
    """

    job_id: int
    attempt: int
    requeued: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that ends without an answer."""

    job_id: int
    attempt: int
    reason: FailReason
