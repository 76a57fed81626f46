"""Telecommands to the payload itself: test, housekeeping, events, memory, functions, time, jobs."""

from flight_sw.dictionary.command import ANY_MODE, PROTECTION_CLASSES, WORKING, Command
from flight_sw.dictionary.events import EVENT_NAMES
from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.parameters import PARAMETER_NAMES
from flight_sw.dictionary.pool import POOL_NAMES
from flight_sw.dictionary.storage_commands import FILE_SLOTS

JOB_INPUT_BYTES_MAX = 60_000  # one space packet holds 65,536 bytes of data (CCSDS 133.0, 4.1.4)
JOB_INPUT_LARGE_BYTES_MAX = 1_000_000  # by ST[13]; the board link carries 1 MiB in one message
STRUCTURE_FIRST, STRUCTURE_LAST = 16, 31  # housekeeping structures that are defined at run time
DUMP_BYTES_MAX = 4096
ANSWER_TOKENS_MAX = 1024

_EVENT = Field("event", Kind.ENUM, "which event report", choices=EVENT_NAMES)
_STRUCTURE = Field(
    "structure", Kind.U8, "housekeeping structure", minimum=1, maximum=STRUCTURE_LAST
)
_OWN_STRUCTURE = Field(
    "structure",
    Kind.U8,
    "housekeeping structure defined at run time",
    minimum=STRUCTURE_FIRST,
    maximum=STRUCTURE_LAST,
)
_PERIOD = Field("period", Kind.F32, "time between reports", "s", minimum=0.1, maximum=3600)
_PARAMETER = Field("parameter", Kind.ENUM, "on-board parameter", choices=PARAMETER_NAMES)
_JOB = Field("job", Kind.U32, "job number, chosen by the ground")
_REGION = Field("region", Kind.TEXT, "name of a memory region, see report-regions")
_OFFSET = Field("offset", Kind.U32, "first byte, from the start of the region", "B")

_HOUSEKEEPING = (
    Command("start-housekeeping", 3, 5, "start periodic reports of a structure", (_STRUCTURE,)),
    Command("stop-housekeeping", 3, 6, "stop periodic reports of a structure", (_STRUCTURE,)),
    Command("report-housekeeping", 3, 27, "report a structure once", (_STRUCTURE,)),
    Command(
        "set-housekeeping-period",
        3,
        31,
        "change how often a structure is reported",
        (_STRUCTURE, _PERIOD),
    ),
    Command(
        "create-structure",
        3,
        1,
        "define a housekeeping structure; it starts stopped",
        (
            _OWN_STRUCTURE,
            _PERIOD,
            Field("parameters", Kind.NAMES, "what it reports", choices=POOL_NAMES),
        ),
    ),
    Command("delete-structure", 3, 3, "forget a structure defined so", (_OWN_STRUCTURE,)),
    Command("report-structures", 3, 9, "report the definition of every structure"),
)

_EVENTS = (
    Command("enable-event", 5, 5, "report an event again", (_EVENT,)),
    Command("disable-event", 5, 6, "stop reporting an event", (_EVENT,)),
    Command("report-disabled-events", 5, 7, "report which events are not reported"),
)

_MEMORY = (
    Command(
        "dump-region",
        6,
        3,
        "read bytes of a memory region",
        (
            _REGION,
            _OFFSET,
            Field("length", Kind.U16, "how many", "B", minimum=1, maximum=DUMP_BYTES_MAX),
        ),
    ),
    Command(
        "check-region",
        6,
        7,
        "compute the CRC-32C of bytes of a memory region",
        (
            _REGION,
            _OFFSET,
            Field("length", Kind.U32, "how many; 0 for all behind the offset", "B"),
        ),
    ),
    Command("scrub-region", 6, 128, "check and mend one region at once", (_REGION,)),
    Command(
        "repair-region",
        6,
        129,
        "write one region anew from its golden copy; answers since then are withdrawn",
        (_REGION,),
        critical=True,
    ),
)

_FUNCTIONS = (
    Command(
        "set-mode",
        8,
        1,
        "go to another mode",
        (Field("mode", Kind.ENUM, "target", choices=("SAFE", "NOMINAL")),),
        function=1,
    ),
    Command("restart-worker", 8, 1, "restart the inference worker", function=2, modes=WORKING),
    Command(
        "power-cycle-board", 8, 1, "cut and restore the board's power", function=3, modes=WORKING
    ),
    Command(
        "scrub-now", 8, 1, "read every protected page once, at once", function=4, modes=WORKING
    ),
    Command("report-regions", 8, 1, "report the memory map of protected regions", function=5),
    Command("report-models", 8, 1, "report the models on the board", function=6, modes=WORKING),
)

_TIME = (
    Command("report-time", 9, 128, "report the payload's clocks"),
    Command(
        "set-time",
        9,
        130,
        "set the payload's clock; schedule and links keep their pace",
        (
            Field(
                "time",
                Kind.F64,
                "UTC now, seconds since 1970",
                "s",
                minimum=1_577_836_800,  # 2020-01-01
                maximum=4_102_444_800,  # 2100-01-01, within CDS short's 16 bits of days
            ),
        ),
        critical=True,
    ),
)

_PARAMETERS = (
    Command("report-parameter", 20, 1, "report an on-board parameter", (_PARAMETER,)),
    Command(
        "set-parameter",
        20,
        3,
        "set an on-board parameter",
        (_PARAMETER, Field("value", Kind.F64, "new value, in the parameter's unit")),
    ),
    Command("report-parameters", 20, 128, "report every on-board parameter"),
    Command(
        "reset-parameters", 20, 129, "set every on-board parameter to its default", critical=True
    ),
)

_JOBS = (
    Command(
        "submit-job",
        130,
        1,
        "run a model on an input",
        (
            _JOB,
            Field("model", Kind.U8, "model slot", minimum=1, maximum=16),
            Field("protection", Kind.ENUM, "protection class", choices=PROTECTION_CLASSES),
            Field("priority", Kind.U8, "0 is first", minimum=0, maximum=7),
            Field("deadline", Kind.F32, "give up after", "s", minimum=0.1, maximum=86_400),
            Field("input", Kind.BYTES, "tensor, little-endian, in the model's shape"),
        ),
        modes=WORKING,
    ),
    Command(
        "ask-model",
        130,
        6,
        "ask a language model; words come down as they are found",
        (
            _JOB,
            Field("model", Kind.U8, "model slot", minimum=1, maximum=16),
            Field("protection", Kind.ENUM, "protection class", choices=PROTECTION_CLASSES),
            Field("priority", Kind.U8, "0 is first", minimum=0, maximum=7),
            Field("deadline", Kind.F32, "stop after", "s", minimum=0.1, maximum=86_400),
            Field("tokens", Kind.U16, "longest answer", minimum=1, maximum=ANSWER_TOKENS_MAX),
            Field("temperature", Kind.F32, "0: always the likeliest", minimum=0, maximum=10),
            Field("seed", Kind.U32, "of the draw above temperature 0"),
            Field("prompt", Kind.BYTES, "UTF-8, in the model's own chat format"),
        ),
        modes=WORKING,
    ),
    Command("cancel-job", 130, 2, "drop a job that has no result yet", (_JOB,), modes=WORKING),
)

_MODEL = Field("model", Kind.U8, "model slot", minimum=1, maximum=16)
_MODELS = (
    Command(
        "install-model",
        130,
        3,
        "bring a model update from a file slot to the board, for a trial in a model slot",
        (
            _MODEL,
            Field("file", Kind.U8, "file slot", minimum=1, maximum=FILE_SLOTS),
            Field("within", Kind.F32, "confirm or undo", "s", minimum=10, maximum=604_800),
        ),
        modes=WORKING,
    ),
    Command("confirm-model", 130, 4, "keep the model on trial in a slot", (_MODEL,), modes=WORKING),
    Command(
        "roll-back-model",
        130,
        5,
        "put back what was there before a trial",
        (_MODEL,),
        modes=WORKING,
    ),
)

PAYLOAD_COMMANDS: tuple[Command, ...] = (
    Command("ping", 17, 1, "ask for an are-you-alive report", modes=ANY_MODE),
    *_HOUSEKEEPING,
    *_EVENTS,
    *_MEMORY,
    *_FUNCTIONS,
    *_TIME,
    *_PARAMETERS,
    *_JOBS,
    *_MODELS,
)
