"""Tables for the terminal: housekeeping with its limits coloured, events, telecommands."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flight_sw.dictionary.events import Severity
from flight_sw.dictionary.field import Value, describe
from flight_sw.dictionary.telecommands import ANY_MODE, COMMANDS, Command
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.profile import Profile
from hil.ground.arguments import usage
from hil.ground.limits import Level, level_of
from hil.ground.reports import (
    EventReport,
    Housekeeping,
    ModelReport,
    ParameterReport,
    RegionReport,
    Report,
)

TITLES = {1: "Payload", 2: "Link and board"}
_COUNTED = "refused_"  # one counter per reason: only those that have counted are shown
_STYLES = {Level.GOOD: "", Level.WATCH: "yellow", Level.ALARM: "bold red"}
_SEVERITIES = {
    Severity.INFO: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "bold red",
}


def overview(
    latest: Mapping[int, Housekeeping], events: Iterable[EventReport], profile: Profile, title: str
) -> RenderableType:
    """Everything `vanallen watch` shows; `latest` by structure number."""
    shown = sorted({*TITLES, *latest})
    tables = [_structure(number, latest.get(number), profile) for number in shown]
    return Group(Text(title, style="bold"), Columns(tables, padding=(0, 3)), event_table(events))


def event_table(events: Iterable[EventReport]) -> Table:
    """Events, the newest last."""
    table = Table(title="Events", title_justify="left", box=None, show_header=False, pad_edge=False)
    for event in events:
        style = _SEVERITIES[event.severity]
        name = Text(event.severity.name.lower(), style=style)
        table.add_row(clock(event.time), name, Text(event.sentence, style=style))
    if not table.rows:
        table.add_row(Text("none yet", style="dim"))
    return table


def command_table() -> Table:
    """Every telecommand in one line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("telecommand", no_wrap=True)
    table.add_column("what it does")
    table.add_column("arguments", style="cyan")
    for command in COMMANDS:
        arguments = " ".join(field.name for field in command.arguments)
        star = "" if command.modes == ANY_MODE else " *"
        table.add_row(command.name, command.help + star, arguments)
    table.caption = "* in NOMINAL and DEGRADED only.  More on one: vanallen send NAME --about"
    table.caption_justify = "left"
    return table


def command_help(command: Command) -> RenderableType:
    """One telecommand with its arguments, units and ranges."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for field in command.arguments:
        table.add_row(f"  {field.name}", Text(describe(field), style="cyan"), field.help)
    head = f"{command.name}: {command.help}\naccepted in {modes_of(command)}\n{usage(command)}"
    return Group(head, table) if command.arguments else Group(head)


def modes_of(command: Command) -> str:
    """Where a telecommand is accepted, in the order of the modes."""
    return ", ".join(mode.name for mode in sorted(command.modes, key=lambda mode: mode.value))


def clock(time: float) -> str:
    """UTC time of day of a report, to the tenth of a second."""
    return f"{datetime.fromtimestamp(time, UTC):%H:%M:%S.%f}"[:-5]


def _structure(number: int, sample: Housekeeping | None, profile: Profile) -> Table:
    when = clock(sample.time) if sample else "no sample yet"
    title = f"{TITLES.get(number, f'Structure {number}')}  {when}"
    table = Table(
        title=title,
        title_justify="left",
        box=None,
        show_header=False,
        pad_edge=False,
        min_width=len(title),
    )
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for field in HOUSEKEEPING[number]:
        if sample is None:
            table.add_row(field.name, "–", field.unit)  # noqa: RUF001 a dash for no value
            continue
        if field.name.startswith(_COUNTED) and not sample.values[field.name]:
            continue
        style = _STYLES[level_of(field.name, sample.values, profile)]
        value = Text(show(sample.values[field.name]), style=style)
        table.add_row(field.name, value, field.unit)
    return table


def show(value: Value) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def one_line(report: Report) -> str:
    """A report for people, in one line."""
    if isinstance(report, EventReport):
        return f"event: {report.sentence}"
    if isinstance(report, ParameterReport):
        return f"{report.parameter} = {report.value:g}"
    if isinstance(report, Housekeeping):
        values = ", ".join(f"{name} {show(value)}" for name, value in report.values.items())
        return f"housekeeping {report.structure}: {values}"
    if isinstance(report, RegionReport):
        return f"region {report.name}: {report.length} bytes at {report.address:#x}"
    if isinstance(report, ModelReport):
        guard = "protected" if report.protected else "NOT protected"
        return (
            f"model {report.slot}: {report.name}, {report.weight_bytes} bytes of weights, "
            f"{report.coverage:.4%} proven live, {guard}"
        )
    return type(report).__name__
