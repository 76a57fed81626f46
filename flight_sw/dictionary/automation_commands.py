"""Telecommands that tell the payload what to do later, by itself, or if something happens.

Schedule (ST[11]), monitoring (ST[12]), event-action (ST[19]) and stored sequences (ST[21]). What they
store is whole telecommand packets; critical telecommands cannot be stored.
"""

from flight_sw.dictionary.command import Command
from flight_sw.dictionary.events import EVENT_NAMES
from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.pool import POOL_NAMES

ANY_GROUP = 255
ANY_SOURCE = 0xFFFF_FFFF
MONITORS_MAX = 32
ACTIONS_MAX = 32
SEQUENCES_MAX = 8
MONITOR_KINDS = ("limits", "expected", "delta")
GATES = ("any", "working")
_FAR_S = 10_000_000_000  # beyond every time that a clock here can show

_PACKET = Field("packet", Kind.BYTES, "a whole telecommand packet")
_ENTRY = Field("entry", Kind.U32, "schedule entry, number chosen by the ground")
_BY = Field("by", Kind.F64, "how much later", "s", minimum=-31_622_400, maximum=31_622_400)
_FILTER = (
    Field(
        "since", Kind.F64, "released at this time, UTC, or later", "s", minimum=0, maximum=_FAR_S
    ),
    Field("until", Kind.F64, "and before this time", "s", minimum=0, maximum=_FAR_S),
    Field("group", Kind.U8, f"of this group; {ANY_GROUP}: of any"),
)
_MONITOR = Field("monitor", Kind.U8, "monitor", minimum=1, maximum=MONITORS_MAX)
_ACTION = Field("action", Kind.U8, "event-action", minimum=1, maximum=ACTIONS_MAX)
_SEQUENCE = Field("sequence", Kind.U8, "stored sequence", minimum=1, maximum=SEQUENCES_MAX)

_SCHEDULE = (
    Command("enable-schedule", 11, 1, "release entries when their time comes"),
    Command("disable-schedule", 11, 2, "release nothing until enabled again"),
    Command("reset-schedule", 11, 3, "delete every entry and disable the schedule", critical=True),
    Command(
        "insert-entry",
        11,
        4,
        "add a telecommand to the schedule",
        (
            _ENTRY,
            Field("group", Kind.U8, "for filters", maximum=ANY_GROUP - 1, minimum=0),
            Field("release", Kind.F64, "when, UTC since 1970", "s", minimum=0, maximum=_FAR_S),
            _PACKET,
        ),
    ),
    Command("delete-entry", 11, 5, "delete one entry", (_ENTRY,)),
    Command("delete-entries", 11, 6, "delete entries by time and group", _FILTER),
    Command("shift-entry", 11, 7, "move one entry in time", (_ENTRY, _BY)),
    Command("shift-entries", 11, 8, "move entries by time and group", (*_FILTER, _BY)),
    Command("report-entries", 11, 16, "report entries by time and group", _FILTER),
    Command("report-schedule", 11, 18, "report the state of the schedule"),
)

_MONITORING = (
    Command("enable-monitor", 12, 1, "check a parameter again", (_MONITOR,)),
    Command("disable-monitor", 12, 2, "stop checking a parameter", (_MONITOR,)),
    Command(
        "add-monitor",
        12,
        5,
        "check a parameter from now on",
        (
            _MONITOR,
            Field("parameter", Kind.ENUM, "what to check", choices=POOL_NAMES),
            Field(
                "kind",
                Kind.ENUM,
                "limits: low to high; expected: low, give or take high; delta: change low to high",
                choices=MONITOR_KINDS,
            ),
            Field("low", Kind.F64, "low limit, or the value expected"),
            Field("high", Kind.F64, "high limit, or the tolerance"),
            Field("repetitions", Kind.U8, "bad readings in a row until told", minimum=1),
            Field("period", Kind.F32, "time between readings", "s", minimum=0.1, maximum=3600),
        ),
    ),
    Command("delete-monitor", 12, 6, "forget a check", (_MONITOR,)),
    Command("report-monitors", 12, 8, "report every check and its state"),
    Command("enable-monitoring", 12, 15, "check all that is enabled"),
    Command("disable-monitoring", 12, 16, "check nothing"),
)

_ACTIONS = (
    Command(
        "add-action",
        19,
        1,
        "carry out a telecommand whenever an event is raised",
        (
            _ACTION,
            Field("event", Kind.ENUM, "which event", choices=EVENT_NAMES),
            Field("source", Kind.U32, f"first number of the event; {ANY_SOURCE}: any"),
            _PACKET,
        ),
    ),
    Command("delete-action", 19, 2, "forget an event-action", (_ACTION,)),
    Command("enable-action", 19, 4, "let an event-action work again", (_ACTION,)),
    Command("disable-action", 19, 5, "keep an event-action but do not run it", (_ACTION,)),
    Command("report-actions", 19, 6, "report every event-action"),
    Command("enable-actions", 19, 8, "let event-actions work"),
    Command("disable-actions", 19, 9, "run no event-action"),
)

_SEQUENCES = (
    Command(
        "load-sequence",
        21,
        1,
        "store a sequence of telecommands",
        (
            _SEQUENCE,
            Field("gate", Kind.ENUM, "modes in which it may run", choices=GATES),
            Field("steps", Kind.BYTES, "steps as dictionary.stored packs them"),
        ),
    ),
    Command("delete-sequence", 21, 2, "forget a stored sequence", (_SEQUENCE,)),
    Command("run-sequence", 21, 4, "start a stored sequence", (_SEQUENCE,)),
    Command("stop-sequence", 21, 5, "stop a running sequence", (_SEQUENCE,)),
    Command("report-sequences", 21, 6, "report every stored sequence"),
)

AUTOMATION_COMMANDS: tuple[Command, ...] = (*_SCHEDULE, *_MONITORING, *_ACTIONS, *_SEQUENCES)
