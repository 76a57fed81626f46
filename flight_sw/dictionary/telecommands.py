"""Every telecommand the payload knows: one line to declare it, one handler to carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass

from flight_sw.dictionary.events import EVENT_NAMES
from flight_sw.dictionary.field import Field, Kind, Value, decode, encode
from flight_sw.dictionary.parameters import PARAMETER_NAMES
from flight_sw.errors import DecodeError
from flight_sw.mode import WORKING, Mode

ANY_MODE = frozenset({Mode.SAFE, Mode.NOMINAL, Mode.DEGRADED})
PROTECTION_CLASSES = ("none", "standard")
JOB_INPUT_BYTES_MAX = 60_000  # one space packet holds 65,536 bytes of data (CCSDS 133.0, 4.1.4)


@dataclass(frozen=True, slots=True)
class Command:
    """One telecommand.

    Args:
        name: what a person types.
        service: PUS service type, ECSS-E-ST-70-41C.
        subtype: PUS message subtype.
        function: for ST[08], the function id that opens the data field; else None.
        modes: where it is accepted.
    """

    name: str
    service: int
    subtype: int
    help: str
    arguments: tuple[Field, ...] = ()
    function: int | None = None
    modes: frozenset[Mode] = ANY_MODE

    def encode(self, values: Mapping[str, Value]) -> bytes:
        """Pack the data field; ValueError names the argument that does not fit."""
        head = b"" if self.function is None else self.function.to_bytes(2, "big")
        return head + encode(self.arguments, values)

    def decode(self, data: bytes) -> dict[str, Value]:
        """Unpack the data field; DecodeError says what is wrong with it."""
        return decode(self.arguments, data if self.function is None else data[2:])


_EVENT = Field("event", Kind.ENUM, "which event report", choices=EVENT_NAMES)
_STRUCTURE = Field("structure", Kind.U8, "housekeeping structure", minimum=1, maximum=2)
_PARAMETER = Field("parameter", Kind.ENUM, "on-board parameter", choices=PARAMETER_NAMES)
_JOB = Field("job", Kind.U32, "job number, chosen by the ground")

COMMANDS: tuple[Command, ...] = (
    Command("ping", 17, 1, "ask for an are-you-alive report"),
    Command("start-housekeeping", 3, 5, "start periodic reports of a structure", (_STRUCTURE,)),
    Command("stop-housekeeping", 3, 6, "stop periodic reports of a structure", (_STRUCTURE,)),
    Command("report-housekeeping", 3, 27, "report a structure once", (_STRUCTURE,)),
    Command(
        "set-housekeeping-period",
        3,
        31,
        "change how often a structure is reported",
        (
            _STRUCTURE,
            Field("period", Kind.F32, "time between reports", "s", minimum=0.1, maximum=3600),
        ),
    ),
    Command("enable-event", 5, 5, "report an event again", (_EVENT,)),
    Command("disable-event", 5, 6, "stop reporting an event", (_EVENT,)),
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
    Command("report-parameter", 20, 1, "report an on-board parameter", (_PARAMETER,)),
    Command(
        "set-parameter",
        20,
        3,
        "set an on-board parameter",
        (_PARAMETER, Field("value", Kind.F64, "new value, in the parameter's unit")),
    ),
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
    Command("cancel-job", 130, 2, "drop a job that has no result yet", (_JOB,), modes=WORKING),
)

BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}
_BY_CODE = {(c.service, c.subtype, c.function): c for c in COMMANDS}


def find(service: int, subtype: int, data: bytes) -> Command:
    """The command that a telecommand packet carries.

    Raises:
        DecodeError: no such service, subtype or function.
    """
    if service == 8 and len(data) < 2:
        raise DecodeError("TC(8,1) without a function id")
    function = int.from_bytes(data[:2], "big") if service == 8 else None
    command = _BY_CODE.get((service, subtype, function))
    if command is None:
        raise DecodeError(f"no command TC({service},{subtype}) function {function}")
    return command
