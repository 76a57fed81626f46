"""Every telemetry packet as one flat row of fields, which is how other ground systems want it.

Housekeeping and events share a service and subtype and are told apart by a number that comes first; that
number is the `key` here.
"""

from dataclasses import dataclass

from flight_sw.dictionary.events import EVENTS
from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.telemetry import HOUSEKEEPING, REPORTS

HOUSEKEEPING_CODE = (3, 25)  # ECSS-E-ST-70-41C, 8.3.2.25
EVENT_SERVICE = 5
SIZED: tuple[Kind, ...] = (Kind.TEXT, Kind.NAMES)  # a U8 count, then so many bytes


@dataclass(frozen=True, slots=True)
class Key:
    """The number that opens the data of a packet and says what it is."""

    name: str
    kind: Kind
    value: int


@dataclass(frozen=True, slots=True)
class Layout:
    """One telemetry packet behind its PUS-C header."""

    name: str
    service: int
    subtype: int
    fields: tuple[Field, ...]
    help: str = ""
    key: Key | None = None


def layouts() -> tuple[Layout, ...]:
    """Housekeeping, events and all other reports, in the order of the dictionary."""
    return (
        *(
            Layout(
                f"housekeeping-{number}",
                *HOUSEKEEPING_CODE,
                fields,
                f"housekeeping structure {number}",
                Key("structure", Kind.U8, number),
            )
            for number, fields in HOUSEKEEPING.items()
        ),
        *(
            Layout(
                f"event-{event.name}",
                EVENT_SERVICE,
                event.severity.value,
                event.fields,
                event.text,
                Key("event", Kind.U16, number),
            )
            for number, event in enumerate(EVENTS)
        ),
        *(Layout(r.name, r.service, r.subtype, r.fields) for r in REPORTS),
    )


def fixed_bytes(field: Field) -> int | None:
    """Bytes of a field on the wire, None where that varies."""
    sizes = {"B": 1, "?": 1, "enum": 1, "H": 2, "I": 4, "i": 4, "f": 4, "Q": 8, "d": 8}
    return sizes.get(field.kind.value)
