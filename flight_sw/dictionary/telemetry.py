"""Telemetry besides events: housekeeping (ST[03]) and the reports of the other services."""

from flight_sw.dictionary.command import PROTECTION_CLASSES
from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.housekeeping import BOARD_STATES, BOOT_PLANS, HOUSEKEEPING, MODES
from flight_sw.dictionary.key_commands import KEY_REPORTS
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.report_kind import Report
from flight_sw.dictionary.service_reports import SERVICE_REPORTS

__all__ = [
    "BOARD_STATES",
    "BOOT_PLANS",
    "BY_CODE",
    "BY_NAME",
    "HOUSEKEEPING",
    "MODES",
    "REASONS",
    "REPORTS",
    "Report",
]

# ST[01]: the request id is the packet id and sequence control of the telecommand (6.1.5).
REQUEST = (Field("request", Kind.U32, "packet id and sequence control"),)
FAILURE = (*REQUEST, Field("reason", Kind.U16, "see Reason"))
REASONS = {reason.value: reason for reason in Reason}

PARAMETER_REPORT = (Field("parameter", Kind.U8), Field("value", Kind.F64))

REGION = (
    Field("name", Kind.TEXT),
    Field("address", Kind.U64),
    Field("length", Kind.U32, unit="B"),
)

KEPT = ("scrubbed", "proven only", "engine: canary only")
MODEL = (
    Field("slot", Kind.U8),
    Field("name", Kind.TEXT),
    Field("coverage", Kind.F64, "share of the weight bytes proven live"),
    Field("protected", Kind.BOOL),
    Field("weight_bytes", Kind.U32, unit="B"),
    Field("input_bytes", Kind.U32, unit="B"),
    Field("output_bytes", Kind.U32, "0: a language model, which answers in words", "B"),
    Field("digest", Kind.TEXT, "first 16 hex digits of the model's SHA-256"),
    Field("kept", Kind.ENUM, "how its weights are kept right", choices=KEPT),
)

RESULT = (
    Field("job", Kind.U32),
    Field("attempt", Kind.U8, "1 for the first answer; a re-run counts on"),
    Field("model", Kind.U8, "slot"),
    Field("protection", Kind.ENUM, choices=PROTECTION_CLASSES),
    Field("epoch", Kind.U64, "scrub counter when the answer was ready"),
    Field("elapsed", Kind.F32, "time in the worker", "s"),
    Field("frequency", Kind.U16, "processor clock", "MHz"),
    Field("digest", Kind.TEXT, "first 16 hex digits of the SHA-256 of the bytes that computed"),
    Field("output", Kind.BYTES, "tensor, little-endian; of a language model, UTF-8"),
)
WITHDRAWAL = (Field("job", Kind.U32), Field("attempt", Kind.U8))
JOB_FAILED = (Field("job", Kind.U32), Field("reason", Kind.U16))
JOB_CONFIRMED = (Field("job", Kind.U32), Field("attempt", Kind.U8))


# Besides these: (3,25) is a U8 structure number, then that structure's fields; (5,1) to (5,4) are a U16
# event id, then that event's fields. Services 130 and 131 are the mission's own (128 up are free for
# that, ECSS-E-ST-70-41C, 5.3.2).
REPORTS: tuple[Report, ...] = (
    Report("accepted", 1, 1, REQUEST),
    Report("not-accepted", 1, 2, FAILURE),
    Report("started", 1, 3, REQUEST),
    Report("done", 1, 7, REQUEST),
    Report("failed", 1, 8, FAILURE),
    Report("alive", 17, 2, ()),
    Report("parameter", 20, 2, PARAMETER_REPORT),
    Report("result", 130, 129, RESULT),
    Report("withdrawal", 130, 130, WITHDRAWAL),
    Report("job-failed", 130, 131, JOB_FAILED),
    Report("job-confirmed", 130, 132, JOB_CONFIRMED),
    Report("model", 130, 133, MODEL),
    Report("region", 130, 134, REGION),
    *SERVICE_REPORTS,
    *KEY_REPORTS,
)
BY_NAME: dict[str, Report] = {report.name: report for report in REPORTS}
BY_CODE: dict[tuple[int, int], Report] = {(r.service, r.subtype): r for r in REPORTS}
