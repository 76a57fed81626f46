"""Every telecommand the payload knows: one line to declare it, one handler to carry it out.

The lines stand in four files by what they command: the payload, its memory of what to do, its stores,
its keys.
"""

from collections.abc import Mapping

from flight_sw.dictionary.automation_commands import AUTOMATION_COMMANDS
from flight_sw.dictionary.command import (
    ANY_MODE,
    PROTECTION_CLASSES,
    Command,
    arming_digest,
)
from flight_sw.dictionary.field import Field, Kind, Value
from flight_sw.dictionary.key_commands import KEY_COMMANDS
from flight_sw.dictionary.payload_commands import (
    JOB_INPUT_BYTES_MAX,
    JOB_INPUT_LARGE_BYTES_MAX,
    PAYLOAD_COMMANDS,
)
from flight_sw.dictionary.storage_commands import STORAGE_COMMANDS
from flight_sw.errors import DecodeError

__all__ = [
    "ANY_MODE",
    "BY_NAME",
    "COMMANDS",
    "CRITICAL_NAMES",
    "JOB_INPUT_BYTES_MAX",
    "JOB_INPUT_LARGE_BYTES_MAX",
    "PROTECTION_CLASSES",
    "Command",
    "arming",
    "find",
]

_DECLARED = (*PAYLOAD_COMMANDS, *AUTOMATION_COMMANDS, *STORAGE_COMMANDS, *KEY_COMMANDS)
CRITICAL_NAMES: tuple[str, ...] = tuple(c.name for c in _DECLARED if c.critical)

COMMANDS: tuple[Command, ...] = (
    *_DECLARED,
    Command(
        "arm",
        8,
        1,
        "allow one critical telecommand, with just these arguments, for 30 s",
        (
            Field("command", Kind.ENUM, "which telecommand", choices=CRITICAL_NAMES),
            Field("digest", Kind.U64, "first 64 bits of SHA-256 of service, subtype and data"),
        ),
        function=7,
    ),
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


def arming(name: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of the `arm` that must go before this critical telecommand."""
    command = BY_NAME[name]
    digest = arming_digest(command.service, command.subtype, command.encode(values))
    return {"command": name, "digest": digest}
