"""What the shell offers while someone types `vanallen send`: commands, then arguments and values.

Switch it on once with: vanallen --install-completion
"""

from collections.abc import Iterator

from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.telecommands import BY_NAME


def commands(typed: str) -> list[tuple[str, str]]:
    """Telecommands that begin so, each with its help."""
    return [(c.name, c.help) for c in BY_NAME.values() if c.name.startswith(typed)]


def arguments(name: str | None, given: list[str], typed: str) -> list[str]:
    """`key=` for what is still missing, or the values of the key that is being typed."""
    command = BY_NAME.get(name or "")
    if command is None:
        return []
    key, equals, begun = typed.partition("=")
    if equals:
        field = next((one for one in command.arguments if one.name == key), None)
        return [f"{key}={value}" for value in _values(field) if value.startswith(begun)]
    used = {one.partition("=")[0] for one in given}
    missing = (one.name for one in command.arguments if one.name not in used)
    return [f"{name}=" for name in missing if name.startswith(key)]


def _values(field: Field | None) -> Iterator[str]:
    if field is not None and field.kind is Kind.ENUM:
        yield from field.choices
    if field is not None and field.kind is Kind.BOOL:
        yield from ("yes", "no")
