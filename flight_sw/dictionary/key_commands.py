"""Telecommands that change the keys of the link (ST[131], private), and what answers them.

After CCSDS 355.1: keys come wrapped under a master key, are proven by a challenge, and only then take
over. What proves and activates them is accepted under the new keys alone.
"""

from flight_sw.dictionary.command import Command
from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.report_kind import Report

_KEY = Field("key", Kind.U16, "key id", minimum=1)

KEY_COMMANDS: tuple[Command, ...] = (
    Command(
        "load-keys",
        131,
        1,
        "keys that shall follow, wrapped; nothing changes until they are activated",
        (Field("wrapped", Kind.BYTES, "as space_link.key_wrap packs them"),),
        critical=True,
    ),
    Command("drop-keys", 131, 2, "forget the keys that were loaded and not activated"),
    Command("report-keys", 131, 3, "report which keys are in force and which wait"),
    Command(
        "verify-keys",
        131,
        4,
        "prove that the payload holds the pending telemetry key",
        (Field("challenge", Kind.BYTES, "16 bytes that were never used"),),
        pending_key=True,
    ),
    Command(
        "activate-keys",
        131,
        5,
        "put the pending keys in force; the old ones open nothing any more",
        (_KEY,),
        pending_key=True,
    ),
)

KEY_REPORTS: tuple[Report, ...] = (
    Report(
        "keys",
        131,
        6,
        (
            Field("key", Kind.U16, "id of the keys in force"),
            Field("pending", Kind.U16, "id of the keys that wait; 0: none"),
            Field("ready", Kind.BOOL, "whether the pending keys are stored and take telecommands"),
            Field("counter_next", Kind.U64, "smallest frame counter of the pending key"),
            Field("highest", Kind.U16, "highest key id ever loaded; the next must be above"),
        ),
    ),
    Report("key-check", 131, 7, (_KEY, Field("check", Kind.BYTES, "answer to the challenge"))),
)
