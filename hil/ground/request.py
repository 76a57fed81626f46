"""One telecommand on its way: sent, accepted, done; and the errors that say where it stopped.

VanAllenError
└── GroundError
    ├── CommandRefused   the payload did not accept it; `reason` says why
    ├── CommandFailed    accepted, but not carried out; `reason` says why
    ├── NoAnswer         no verification in time: lost, refused by the link, or nobody is there
    ├── TransferFailed   a file did not reach the other end
    └── NotSeen          an expected report did not come in time
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self

from flight_sw.dictionary.reason import Reason
from flight_sw.errors import VanAllenError
from hil.ground.reports import Stage, Verification

ANSWER_S = 5.0
_FINAL = frozenset({Stage.DONE, Stage.FAILED, Stage.NOT_ACCEPTED})


class GroundError(VanAllenError):
    """Something did not happen on board as the ground wanted it."""


class NoAnswer(GroundError):
    """A telecommand has no verification in time."""


class TransferFailed(GroundError):
    """A file did not reach the other end."""


class NotSeen(GroundError):
    """An expected report did not come in time."""


class _Rejected(GroundError):
    word = ""

    def __init__(self, name: str, reason: Reason | None) -> None:
        super().__init__(f"{name} {self.word}: {reason.name if reason else 'no reason given'}")
        self.reason = reason


class CommandRefused(_Rejected):
    """The payload did not accept a telecommand."""

    word = "refused"


class CommandFailed(_Rejected):
    """A telecommand was accepted but not carried out."""

    word = "failed"


class Pump(Protocol):
    """What a request needs of the ground: to let time and telemetry flow."""

    def wait_until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Receive until the condition holds; False when the time is up."""
        ...

    def why_silent(self) -> str:
        """What is known about a missing answer."""
        ...


@dataclass(slots=True, eq=False)
class Request:
    """One telecommand that was sent.

    Args:
        id: packet id and sequence control, by which verifications name it (ECSS-E-ST-70-41C, 8.1.2.1).
        sent_s: ground's monotonic clock.
    """

    id: int
    name: str
    sent_s: float
    pump: Pump = field(repr=False)
    stages: list[Verification] = field(default_factory=list)

    @property
    def stage(self) -> Stage | None:
        """The last word about it, None while there is none."""
        return self.stages[-1].stage if self.stages else None

    @property
    def reason(self) -> Reason | None:
        """Why it was refused or failed, else None."""
        return self.stages[-1].reason if self.stages else None

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be said about it."""
        return self.stage in _FINAL

    def accepted(self, within_s: float = ANSWER_S) -> Self:
        """Wait until the payload has accepted it.

        Raises:
            CommandRefused: with the reason.
            NoAnswer: the time is up.
        """
        self._wait(lambda: self.stage is not None, within_s)
        self._raise_if(Stage.NOT_ACCEPTED)
        return self

    def done(self, within_s: float = ANSWER_S) -> Self:
        """Wait until it is carried out.

        Raises:
            CommandRefused: with the reason.
            CommandFailed: with the reason.
            NoAnswer: the time is up.
        """
        self._wait(lambda: self.is_final, within_s)
        self._raise_if(Stage.NOT_ACCEPTED, Stage.FAILED)
        return self

    def _wait(self, condition: Callable[[], bool], within_s: float) -> None:
        if not self.pump.wait_until(condition, within_s):
            heard = f"only {self.stage.value}" if self.stage else "no answer"
            raise NoAnswer(f"{self.name}: {heard} within {within_s:g} s; {self.pump.why_silent()}")

    def _raise_if(self, *stages: Stage) -> None:
        if self.stage not in stages:
            return
        kind = CommandRefused if self.stage is Stage.NOT_ACCEPTED else CommandFailed
        raise kind(self.name, self.reason)
