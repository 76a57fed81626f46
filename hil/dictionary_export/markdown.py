"""The dictionary as a manual page: what can be sent, what comes down, what it means."""

from collections.abc import Iterable

from flight_sw.dictionary.events import EVENTS
from flight_sw.dictionary.field import Field, describe
from flight_sw.dictionary.parameters import PARAMETERS
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import COMMANDS, Command
from hil.dictionary_export.layouts import EVENT_SERVICE, layouts


def to_markdown() -> str:
    """The page; every number in it comes from the declaration that flight and ground use."""
    lines = ["# Telecommands and telemetry", ""]
    lines += ["Numbers are big-endian. Text is a count byte and UTF-8.", "", "## Telecommands", ""]
    for command in COMMANDS:
        lines += _command(command)
    lines += ["## Telemetry", ""]
    for layout in layouts():
        if layout.service != EVENT_SERVICE or layout.key is None:
            key = f", {layout.key.name} {layout.key.value}" if layout.key else ""
            lines += [f"### {layout.name}", "", f"TM({layout.service},{layout.subtype}){key}", ""]
            lines += _fields(layout.fields)
    lines += ["## Events", "", "| number | event | severity | sentence |", "|---|---|---|---|"]
    for number, event in enumerate(EVENTS):
        sentence = event.text.replace("|", "\\|")
        lines.append(f"| {number} | {event.name} | {event.severity.name} | {sentence} |")
    lines += ["", "## Parameters", "", "| parameter | default | range | unit | meaning |"]
    lines.append("|---|---|---|---|---|")
    for p in PARAMETERS:
        lines.append(
            f"| {p.name} | {p.default:g} | {p.minimum:g} to {p.maximum:g} | {p.unit} | {p.help} |"
        )
    lines += ["", "## Reasons for a refusal", "", "| code | reason |", "|---|---|"]
    lines += [f"| {reason.value} | {reason.name} |" for reason in Reason]
    return "\n".join(lines) + "\n"


def _command(command: Command) -> list[str]:
    function = "" if command.function is None else f", function {command.function}"
    modes = ", ".join(sorted(mode.name for mode in command.modes))
    critical = " Needs `arm` first." if command.critical else ""
    head = [
        f"### {command.name}",
        "",
        f"{command.help[0].upper()}{command.help[1:]}.{critical}",
        "",
    ]
    head += [f"TC({command.service},{command.subtype}){function}; accepted in {modes}.", ""]
    return head + _fields(command.arguments)


def _fields(fields: Iterable[Field]) -> list[str]:
    rows = [f"| {f.name} | {describe(f)} | {f.help} |" for f in fields]
    return ["| field | takes | meaning |", "|---|---|---|", *rows, ""] if rows else []
