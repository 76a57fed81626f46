"""Arguments of every telecommand and fields of every report, from any bytes."""

from flight_sw.dictionary import events, telecommands, telemetry
from flight_sw.dictionary.field import Field, decode, encode
from flight_sw.errors import DecodeError
from tests.fuzz.inputs import Input

FIELDS: tuple[tuple[Field, ...], ...] = (
    *(command.arguments for command in telecommands.COMMANDS),
    *(event.fields for event in events.EVENTS),
    *(tuple(kind.fields) for kind in telemetry.BY_CODE.values()),
)


def seeds() -> list[bytes]:
    """Each declaration with zeros, and a command by its code."""
    return [bytes([n]) + bytes(24) for n in range(min(len(FIELDS), 250))] + [
        bytes([255, c.service, c.subtype]) + (c.function or 0).to_bytes(2, "big") + bytes(16)
        for c in telecommands.COMMANDS
    ]


def run(data: bytes) -> None:
    """Values in range that encode again to something that decodes, or DecodeError."""
    given = Input(data)
    which = given.byte()
    try:
        if which == 255:
            service, subtype, rest = given.byte(), given.byte(), given.rest()
            telecommands.find(service, subtype, rest).decode(rest)
            return
        fields = FIELDS[which % len(FIELDS)]
        values = decode(fields, given.rest())
    except DecodeError:
        return
    assert set(values) == {field.name for field in fields}
    decode(fields, encode(fields, values))
