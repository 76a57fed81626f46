"""Telemetry besides events: housekeeping (ST[03]) and the reports of the other services."""

from dataclasses import dataclass

from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import PROTECTION_CLASSES
from flight_sw.mode import Mode

MODES = tuple(mode.name for mode in Mode)
BOARD_STATES = ("OFF", "BOOTING", "UP", "SILENT")

HOUSEKEEPING: dict[int, tuple[Field, ...]] = {
    1: (
        Field("mode", Kind.ENUM, "payload mode", choices=MODES),
        Field("board", Kind.ENUM, "board state", choices=BOARD_STATES),
        Field("temp_known", Kind.BOOL, "whether temp is a fresh reading"),
        Field("temp", Kind.F32, "processor temperature", "degC"),
        Field("power", Kind.F32, "board power", "W"),
        Field("frequency", Kind.U16, "processor clock ordered by the governor", "MHz"),
        Field("jobs_queued", Kind.U16, "jobs waiting or running"),
        Field("jobs_done", Kind.U32, "results sent, withdrawn ones not counted"),
        Field("jobs_unconfirmed", Kind.U16, "results not yet covered by a clean scrub pass"),
        Field("jobs_withdrawn", Kind.U32, "results taken back"),
        Field("jobs_failed", Kind.U32, "jobs ended without a result"),
        Field("pages_checked", Kind.U64, "protected pages read by the scrubber"),
        Field("flips_corrected", Kind.U32, "pages corrected in place"),
        Field("pages_rebuilt", Kind.U32, "pages rebuilt from the golden copy"),
        Field("votes_repaired", Kind.U32, "voted records repaired"),
    ),
    2: (
        Field("boots", Kind.U32, "controller boots"),
        Field("tc_accepted", Kind.U32, "telecommands accepted"),
        Field("tc_rejected", Kind.U32, "telecommands refused after authentication"),
        Field("frames_refused", Kind.U32, "frames refused by the link"),
        Field("tc_counter_next", Kind.U64, "smallest frame counter that will be accepted"),
        Field("board_resets", Kind.U16, "board resets ordered"),
        Field("board_power_cycles", Kind.U16, "board power cycles ordered"),
        Field("worker_restarts", Kind.U16, "inference worker restarts seen"),
        Field("link_resyncs", Kind.U32, "damaged frames on the board link"),
        Field("link_resends", Kind.U32, "frames sent again on the board link"),
    ),
}

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

MODEL = (
    Field("slot", Kind.U8),
    Field("name", Kind.TEXT),
    Field("coverage", Kind.F64, "share of the weight bytes proven live"),
    Field("protected", Kind.BOOL),
    Field("weight_bytes", Kind.U32, unit="B"),
    Field("input_bytes", Kind.U32, unit="B"),
    Field("output_bytes", Kind.U32, unit="B"),
    Field("digest", Kind.TEXT, "first 16 hex digits of the model's SHA-256"),
)

RESULT = (
    Field("job", Kind.U32),
    Field("attempt", Kind.U8, "1 for the first answer; a re-run counts on"),
    Field("model", Kind.U8, "slot"),
    Field("protection", Kind.ENUM, choices=PROTECTION_CLASSES),
    Field("epoch", Kind.U64, "scrub counter when the answer was ready"),
    Field("elapsed", Kind.F32, "time in the worker", "s"),
    Field("frequency", Kind.U16, "processor clock", "MHz"),
    Field("output", Kind.BYTES, "tensor, little-endian"),
)
WITHDRAWAL = (Field("job", Kind.U32), Field("attempt", Kind.U8))
JOB_FAILED = (Field("job", Kind.U32), Field("reason", Kind.U16))
JOB_CONFIRMED = (Field("job", Kind.U32), Field("attempt", Kind.U8))


@dataclass(frozen=True, slots=True)
class Report:
    """One kind of telemetry packet with a fixed set of fields."""

    name: str
    service: int
    subtype: int
    fields: tuple[Field, ...]


# Besides these: (3,25) is a U8 structure number, then that structure's fields; (5,1) to (5,4) are a U16
# event id, then that event's fields. Service 130 is the mission's own (ECSS-E-ST-70-41C, 5.3.2: 128 up).
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
)
BY_NAME: dict[str, Report] = {report.name: report for report in REPORTS}
BY_CODE: dict[tuple[int, int], Report] = {(r.service, r.subtype): r for r in REPORTS}
