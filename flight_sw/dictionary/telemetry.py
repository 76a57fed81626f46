"""Telemetry besides events: housekeeping structures (ST[03]) and the reports of the other services."""

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
