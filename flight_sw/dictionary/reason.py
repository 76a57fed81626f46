"""Reasons: the one enum value that every refusal and failure carries down (ST[01] failure code)."""

from enum import Enum, unique


@unique
class Reason(Enum):
    """Why a telecommand was not accepted or not carried out; the value is the code on the wire."""

    UNKNOWN_COMMAND = 1
    BAD_ARGUMENT = 2
    WRONG_MODE = 3
    NO_SUCH_MODEL = 4
    WRONG_SHAPE = 5
    QUEUE_FULL = 6
    DEADLINE_PASSED = 7
    BOARD_AWAY = 8
    THROTTLED = 9
    NOT_FINITE = 10
    MODEL_FAILED = 11
    DUPLICATE_JOB = 12
    NO_SUCH_JOB = 13
    NOT_ALLOWED = 14
    ATTEMPTS_SPENT = 15
    CANCELLED = 16
    TOO_LARGE = 17
    UNPROTECTED = 18
