"""Telemetry packets to reports: what the payload said, as values with names.

The dictionary is the only source of layout; a report here adds names for the ground. A packet that
does not fit its declaration is a DecodeError for the caller to count, and never a crash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.dictionary.events import EVENTS, Severity
from flight_sw.dictionary.field import Value, decode
from flight_sw.dictionary.parameters import PARAMETERS
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import BY_CODE, HOUSEKEEPING, REASONS
from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import Telemetry

HOUSEKEEPING_CODE = (3, 25)  # ECSS-E-ST-70-41C, 8.3.2.25
EVENT_CODES = ((5, 1), (5, 2), (5, 3), (5, 4))  # by severity


@unique
class Stage(Enum):
    """How far a telecommand got (ST[01]); the value is the report's name in the dictionary."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not-accepted"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """One sample of a housekeeping structure; `time` of all reports is UTC seconds since 1970."""

    time: float
    structure: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class EventReport:
    """Something happened on board; `sentence` is for people, `values` for programs."""

    time: float
    name: str
    severity: Severity
    values: Mapping[str, Value]
    sentence: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Where one telecommand stands; `request` is its packet id and sequence control."""

    time: float
    request: int
    stage: Stage
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A job's answer, provisional until a JobConfirmed names the same job and attempt.

    Args:
        model: slot.
        epoch: scrub counter when the answer was ready.
        elapsed: seconds in the worker.
        frequency: processor clock in MHz.
        digest: names the bytes that computed it, guards included; 16 hex digits of a SHA-256.
        output: tensor, little-endian; of a language model, UTF-8.
    """

    time: float
    job: int
    attempt: int
    model: int
    protection: str
    epoch: int
    elapsed: float
    frequency: int
    digest: str
    output: bytes


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An answer that must no longer be trusted."""

    time: float
    job: int
    attempt: int


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job that ends without an answer."""

    time: float
    job: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class JobConfirmed:
    """A clean scrub pass has covered this answer: it is final."""

    time: float
    job: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model on the board; `coverage` is the share of its weights proven live."""

    time: float
    slot: int
    name: str
    coverage: float
    protected: bool
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    digest: str
    kept: str


@dataclass(frozen=True, slots=True)
class RegionReport:
    """One protected memory region: where it is in its process, and its length in bytes."""

    time: float
    name: str
    address: int
    length: int


@dataclass(frozen=True, slots=True)
class ParameterReport:
    """The value of one on-board parameter, by its name."""

    time: float
    parameter: str
    value: float


@dataclass(frozen=True, slots=True)
class Alive:
    """The answer to a ping."""

    time: float


@dataclass(frozen=True, slots=True)
class Declared:
    """A report that the dictionary declares and that has no class of its own here."""

    time: float
    name: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A sound packet of a kind that the dictionary does not declare."""

    time: float
    service: int
    subtype: int
    raw: bytes


Report = (
    Housekeeping
    | EventReport
    | Verification
    | Result
    | Withdrawal
    | JobFailed
    | JobConfirmed
    | ModelReport
    | RegionReport
    | ParameterReport
    | Alive
    | Declared
    | Unknown
)


def decode_report(telemetry: Telemetry) -> Report:
    """The report that a telemetry packet carries.

    Raises:
        DecodeError: the data does not fit the packet's declaration in the dictionary.
    """
    code = (telemetry.service, telemetry.subtype)
    if code == HOUSEKEEPING_CODE:
        return _housekeeping(telemetry)
    if code in EVENT_CODES:
        return _event(telemetry)
    declared = BY_CODE.get(code)
    if declared is None:
        return Unknown(telemetry.time, *code, telemetry.data)
    values = decode(declared.fields, telemetry.data)
    return _MAKERS.get(declared.name, Declared)(telemetry.time, declared.name, values)


def _housekeeping(telemetry: Telemetry) -> Housekeeping:
    structure = telemetry.data[0] if telemetry.data else None
    if structure not in HOUSEKEEPING:
        raise DecodeError(f"no housekeeping structure {structure}")
    values = decode(HOUSEKEEPING[structure], telemetry.data[1:])
    return Housekeeping(telemetry.time, structure, values)


def _event(telemetry: Telemetry) -> EventReport:
    number = int.from_bytes(telemetry.data[:2], "big")
    if len(telemetry.data) < 2 or number >= len(EVENTS):
        raise DecodeError(f"no event {number}")
    event = EVENTS[number]
    if event.severity.value != telemetry.subtype:
        raise DecodeError(f"event {event.name} reported with severity {telemetry.subtype}")
    values = decode(event.fields, telemetry.data[2:])
    return EventReport(telemetry.time, event.name, event.severity, values, event.sentence(values))


def _verification(time: float, name: str, values: dict[str, Value]) -> Verification:
    reason = _reason(values["reason"]) if "reason" in values else None
    return Verification(time, int(values["request"]), Stage(name), reason)


def _job_failed(time: float, _: str, values: dict[str, Value]) -> JobFailed:
    return JobFailed(time, int(values["job"]), _reason(values["reason"]))


def _parameter(time: float, _: str, values: dict[str, Value]) -> ParameterReport:
    number = int(values["parameter"])
    if number >= len(PARAMETERS):
        raise DecodeError(f"no parameter {number}")
    return ParameterReport(time, PARAMETERS[number].name, float(values["value"]))


def _plain(kind: Callable[..., Report]) -> Callable[[float, str, dict[str, Value]], Report]:
    """For a report whose attributes are just the fields of its declaration."""
    return lambda time, _, values: kind(time, **values)


def _reason(code: Value) -> Reason:
    if not isinstance(code, int) or code not in REASONS:
        raise DecodeError(f"no reason {code!r}")
    return REASONS[code]


_MAKERS: dict[str, Callable[[float, str, dict[str, Value]], Report]] = {
    **{stage.value: _verification for stage in Stage},
    "alive": _plain(Alive),
    "parameter": _parameter,
    "result": _plain(Result),
    "withdrawal": _plain(Withdrawal),
    "job-failed": _job_failed,
    "job-confirmed": _plain(JobConfirmed),
    "model": _plain(ModelReport),
    "region": _plain(RegionReport),
}
