"""Telecommands as people type them: `NAME key=value …`, with help from the dictionary."""

from collections.abc import Sequence
from pathlib import Path

from flight_sw.dictionary.field import Field, Kind, Value, parse
from flight_sw.dictionary.telecommands import BY_NAME, Command
from flight_sw.errors import UserError
from hil.ground.spelling import nearest

CHOICES_SHOWN = 3  # more make a usage line unreadable; --about lists them all
_UNIT_WORDS = {"s": "SECONDS"}


def find_command(name: str) -> Command:
    """The command of this name.

    Raises:
        UserError: there is none; the text names the nearest.
    """
    command = BY_NAME.get(name)
    if command is None:
        raise UserError(
            f"no telecommand {name!r}; {nearest(name, BY_NAME)} (all: vanallen send --list)"
        )
    return command


def parse_arguments(command: Command, words: Sequence[str]) -> dict[str, Value]:
    """Values from `key=value` words; for bytes, `@FILE` takes a file's content.

    Raises:
        UserError: a word without `=`, an unknown, doubled or missing argument, or a bad value.
    """
    fields = {field.name: field for field in command.arguments}
    values: dict[str, Value] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"{word!r}: write name=value; {usage(command)}")
        if name not in fields:
            known = nearest(name, fields) if fields else "it takes none"
            raise UserError(f"{command.name} has no argument {name!r}; {known}")
        if name in values:
            raise UserError(f"{command.name}: {name} is given twice; keep one")
        values[name] = _value(command, fields[name], text)
    missing = [name for name in fields if name not in values]
    if missing:
        raise UserError(f"{command.name}: {', '.join(missing)} missing; {usage(command)}")
    return values


def usage(command: Command) -> str:
    """How to type the command."""
    words = " ".join(f"{field.name}={_placeholder(field)}" for field in command.arguments)
    return f"usage: vanallen send {command.name} {words}".rstrip()


def _value(command: Command, field: Field, text: str) -> Value:
    if field.kind is Kind.BYTES and text.startswith("@"):
        path = Path(text[1:])
        try:
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"{command.name}: {path}: {error.strerror}; check the path") from error
    try:
        return parse(field, text)
    except ValueError as error:
        raise UserError(f"{command.name}: {error}") from error


def _placeholder(field: Field) -> str:
    if field.choices:
        return "|".join(field.choices) if len(field.choices) <= CHOICES_SHOWN else "NAME"
    if field.kind is Kind.BYTES:
        return "@FILE"
    return _UNIT_WORDS.get(field.unit, "NUMBER")
