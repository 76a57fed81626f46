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
    NOT_ARMED = 19
    ARM_EXPIRED = 20
    BUSY = 21
    NO_SUCH_ENTRY = 22
    ALREADY_EXISTS = 23
    TABLE_FULL = 24
    IN_THE_PAST = 25
    NO_SUCH_REGION = 26
    BAD_DIGEST = 27
    INCOMPLETE = 28
    OUT_OF_ORDER = 29
    NOT_STARTED = 30  # an optional part that the boot-loop guard has left out
    BAD_KEY = 31  # not wrapped by our master key, or keys that may not be used
    KEY_IN_USE = 32  # this key, or its id, has been here before
    BAD_FORMAT = 33
    FOREIGN_DATA = 34  # a model that reads files other than its own weights
    WRONG_MACHINE = 35  # compiled for another processor or runtime
    WRONG_ANSWER = 36  # a known input gives another answer
    STORAGE_FAILED = 37
    INTERRUPTED = 38
    EMPTY = 39  # nothing was given
    HANDLER_FAILED = 40  # a fault of ours, told by the event of the same name
