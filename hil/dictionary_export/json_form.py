"""The dictionary as JSON, for programs that want neither Python nor XML."""

import json
from typing import Any

from flight_sw.dictionary.events import EVENTS
from flight_sw.dictionary.field import Field
from flight_sw.dictionary.parameters import PARAMETERS
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import COMMANDS, Command
from hil.dictionary_export.layouts import layouts

VERSION = 1


def to_json() -> str:
    """All of it, indented, in the order of the dictionary."""
    content = {
        "format": "vanallen-dictionary",
        "version": VERSION,
        "telecommands": [_command(command) for command in COMMANDS],
        "telemetry": [
            {
                "name": layout.name,
                "service": layout.service,
                "subtype": layout.subtype,
                "key": None
                if layout.key is None
                else {"kind": layout.key.kind.name, "value": layout.key.value},
                "help": layout.help,
                "fields": [_field(field) for field in layout.fields],
            }
            for layout in layouts()
        ],
        "events": [{"name": e.name, "severity": e.severity.name, "text": e.text} for e in EVENTS],
        "parameters": [
            {
                "name": p.name,
                "default": p.default,
                "minimum": p.minimum,
                "maximum": p.maximum,
                "unit": p.unit,
                "help": p.help,
            }
            for p in PARAMETERS
        ],
        "reasons": {reason.name: reason.value for reason in Reason},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _command(command: Command) -> dict[str, Any]:
    return {
        "name": command.name,
        "service": command.service,
        "subtype": command.subtype,
        "function": command.function,
        "help": command.help,
        "modes": sorted(mode.name for mode in command.modes),
        "critical": command.critical,
        "arguments": [_field(field) for field in command.arguments],
    }


def _field(field: Field) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": field.name, "kind": field.kind.name}
    given = {
        "unit": field.unit,
        "help": field.help,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "choices": list(field.choices),
    }
    return entry | {name: value for name, value in given.items() if value not in ("", None, [])}
