"""What can go wrong with a rig and not with the payload: reported apart, and worth one more try.

VanAllenError
└── RigError                 the bench's fault; the test says nothing about the payload
    ├── BoardBusy            somebody holds the lease
    ├── BoardUnavailable     no answer, garbage, a hook that fails
    │   └── WrongBoard       it answers, but it is another one
    └── LeaseLost            somebody else has taken it meanwhile

Exit codes follow sysexits.h, so that a CI job may try again after 69 and 75 only.
"""

from enum import IntEnum, unique

from flight_sw.errors import LinkLost, PortError, VanAllenError
from hil.rig.programs import StackFailed


@unique
class ExitCode(IntEnum):
    """What `vanallen hil` ends with."""

    OK = 0
    FAILED = 1  # a test, or a measurement out of its limits
    USAGE = 64  # command line, inventory, quarantine file
    UNAVAILABLE = 69
    INTERNAL = 70
    BUSY = 75


class RigError(VanAllenError):
    """The bench failed, not the payload."""


class BoardBusy(RigError):
    """Somebody else holds the board's lease."""


class BoardUnavailable(RigError):
    """The board does not answer as a board of ours does."""


class WrongBoard(BoardUnavailable):
    """The board that answers is not the one that the inventory means."""


class LeaseLost(RigError):
    """Our lease ran out and somebody else has the board now."""


INFRASTRUCTURE = (RigError, StackFailed, LinkLost, PortError)


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code that an error of the bench asks for."""
    if isinstance(error, BoardBusy | LeaseLost):
        return ExitCode.BUSY
    return ExitCode.UNAVAILABLE if isinstance(error, INFRASTRUCTURE) else ExitCode.FAILED
