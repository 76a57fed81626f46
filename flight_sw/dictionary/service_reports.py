"""Reports of the services that tell, keep and act by themselves; all but housekeeping and events."""

from flight_sw.dictionary.automation_commands import MONITOR_KINDS
from flight_sw.dictionary.events import EVENT_NAMES
from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.pool import POOL_NAMES
from flight_sw.dictionary.report_kind import Report
from flight_sw.dictionary.storage_commands import STORES

MONITOR_STATES = ("UNCHECKED", "INVALID", "OK", "LOW", "HIGH")
FILE_STATES = ("EMPTY", "LOADING", "COMPLETE")
DIRECTIONS = ("UP", "DOWN")
ANSWER_ENDS = ("END", "TOKENS", "DEADLINE")
UPDATE_STATES = ("REFUSED", "ON_TRIAL", "CONFIRMED", "ROLLED_BACK", "KEPT", "NO_TRIAL")

_TIME = Field("time", Kind.F64, "UTC since 1970", "s")
_STRUCTURE = Field("structure", Kind.U8)
_TRANSACTION = Field("transaction", Kind.U16)
_PART = Field("part", Kind.U16)
_DATA = Field("data", Kind.BYTES)
_NAMES = Field("parameters", Kind.NAMES, choices=POOL_NAMES)
_PARAMETER = Field("parameter", Kind.ENUM, choices=POOL_NAMES)
_MONITOR = Field("monitor", Kind.U8)

SERVICE_REPORTS: tuple[Report, ...] = (
    Report(
        "structure-definition",
        3,
        10,
        (_STRUCTURE, Field("enabled", Kind.BOOL), Field("period", Kind.F32, unit="s"), _NAMES),
    ),
    Report(
        "structure-values",
        3,
        129,
        (_STRUCTURE, _NAMES, Field("values", Kind.BYTES, "one after another, as in the pool")),
    ),
    Report("disabled-events", 5, 8, (Field("events", Kind.NAMES, choices=EVENT_NAMES),)),
    Report("region-dump", 6, 4, (Field("region", Kind.TEXT), Field("offset", Kind.U32), _DATA)),
    Report(
        "region-checksum",
        6,
        8,
        (
            Field("region", Kind.TEXT),
            Field("offset", Kind.U32, unit="B"),
            Field("length", Kind.U32, unit="B"),
            Field("crc", Kind.U32, "CRC-32C, RFC 3720 B.4"),
        ),
    ),
    Report(
        "region-mended",
        6,
        130,
        (Field("region", Kind.TEXT), Field("pages", Kind.U32), Field("hits", Kind.U32)),
    ),
    Report("region-refused", 6, 131, (Field("region", Kind.TEXT), Field("reason", Kind.U16))),
    Report(
        "time",
        9,
        129,
        (
            Field("clock", Kind.F64, "payload clock: UTC at boot, then its own pace", "s"),
            Field("wall", Kind.F64, "wall clock, which stamps the telemetry", "s"),
            Field("uptime", Kind.F64, "since boot", "s"),
            Field("suspect", Kind.BOOL, "whether the two clocks disagree"),
        ),
    ),
    Report(
        "schedule-summary",
        11,
        13,
        (
            Field("total", Kind.U16, "entries that match, in all reports together"),
            Field(
                "entries",
                Kind.BYTES,
                "each U32 entry, U8 group, F64 release, U8 service, U8 subtype",
            ),
        ),
    ),
    Report(
        "schedule-state",
        11,
        19,
        (
            Field("enabled", Kind.BOOL),
            Field("entries", Kind.U16),
            Field("next", Kind.F64, "release of the next entry, 0 if none", "s"),
            Field("released", Kind.U32, "since boot"),
            Field("missed", Kind.U32, "since boot"),
        ),
    ),
    Report(
        "monitor-definition",
        12,
        9,
        (
            _MONITOR,
            _PARAMETER,
            Field("kind", Kind.ENUM, choices=MONITOR_KINDS),
            Field("low", Kind.F64),
            Field("high", Kind.F64),
            Field("repetitions", Kind.U8),
            Field("period", Kind.F32, unit="s"),
            Field("enabled", Kind.BOOL),
            Field("state", Kind.ENUM, choices=MONITOR_STATES),
        ),
    ),
    Report(
        "monitor-transition",
        12,
        12,
        (
            _MONITOR,
            _PARAMETER,
            Field("before", Kind.ENUM, choices=MONITOR_STATES),
            Field("after", Kind.ENUM, choices=MONITOR_STATES),
            Field("value", Kind.F64),
        ),
    ),
    Report("large-first", 13, 1, (_TRANSACTION, Field("size", Kind.U32, unit="B"), _DATA)),
    Report("large-middle", 13, 2, (_TRANSACTION, _PART, _DATA)),
    Report("large-last", 13, 3, (_TRANSACTION, _PART, _DATA)),
    Report(
        "store-state",
        15,
        13,
        (
            Field("store", Kind.ENUM, choices=STORES),
            Field("enabled", Kind.BOOL),
            Field("packets", Kind.U32),
            Field("bytes", Kind.U32, unit="B"),
            Field("oldest", Kind.F64, "UTC, 0 if none", "s"),
            Field("newest", Kind.F64, "UTC, 0 if none", "s"),
            Field("overwritten", Kind.U32, "packets lost to newer ones since boot"),
        ),
    ),
    Report(
        "action-definition",
        19,
        7,
        (
            Field("action", Kind.U8),
            Field("event", Kind.ENUM, choices=EVENT_NAMES),
            Field("source", Kind.U32),
            Field("enabled", Kind.BOOL),
            Field("runs", Kind.U32, "since boot"),
            Field("packet", Kind.BYTES),
        ),
    ),
    Report(
        "sequence-state",
        21,
        7,
        (
            Field("sequence", Kind.U8),
            Field("steps", Kind.U8),
            Field("running", Kind.BOOL),
            Field("next", Kind.U8, "step that comes next"),
        ),
    ),
    Report(
        "file-state",
        23,
        4,
        (
            Field("slot", Kind.U8),
            Field("state", Kind.ENUM, choices=FILE_STATES),
            Field("size", Kind.U32, unit="B"),
            Field("chunk", Kind.U16, unit="B"),
            Field("missing", Kind.U16, "chunks that have not come"),
            Field("chunks", Kind.BYTES, "the first of those, U16 each"),
        ),
    ),
    Report(
        "transfer-state",
        23,
        136,
        (
            Field("transfer", Kind.U32, "transaction number"),
            Field("slot", Kind.U8, "0 while it is not known"),
            Field("direction", Kind.ENUM, choices=DIRECTIONS),
            Field("progress", Kind.U32, unit="B"),
            Field("size", Kind.U32, unit="B"),
        ),
    ),
    Report(
        "model-update",
        130,
        135,
        (
            Field("slot", Kind.U8, "model slot"),
            Field("state", Kind.ENUM, choices=UPDATE_STATES),
            Field("reason", Kind.U16, "see Reason; 0 for none"),
            Field("detail", Kind.TEXT),
            Field("left", Kind.F32, "of the trial", "s"),
        ),
    ),
    Report(
        "answer-part",
        130,
        136,
        (
            Field("job", Kind.U32),
            Field("attempt", Kind.U8),
            Field("first", Kind.U16, "token that it begins with, from 0"),
            Field("text", Kind.BYTES, "UTF-8"),
        ),
    ),
    Report(
        "answer-times",
        130,
        137,
        (
            Field("job", Kind.U32),
            Field("attempt", Kind.U8),
            Field("tokens", Kind.U16),
            Field("ended", Kind.ENUM, choices=ANSWER_ENDS),
            Field("queue", Kind.F32, "from admission to the end, less the next two", "s"),
            Field("prefill", Kind.F32, "to the first token", "s"),
            Field("decode", Kind.F32, "all other tokens", "s"),
        ),
    ),
)
