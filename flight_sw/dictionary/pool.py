"""The pool: every number that housekeeping, monitoring and conditions may name.

It holds each housekeeping field and each on-board parameter by its name, in one list; a name's place
is its code on the wire, and what is kept on board is the name, so that a new field moves nothing.
"""

from collections.abc import Iterable, Mapping

from flight_sw.dictionary.field import Field, Kind, Value
from flight_sw.dictionary.housekeeping import HOUSEKEEPING
from flight_sw.dictionary.parameters import PARAMETERS

# Readings that mean nothing while the board is off or silent.
OF_THE_BOARD = frozenset({"temp", "temp_known", "power", "frequency", "pages_checked"})

COUNTS_OF_REFUSALS = ("refused_", "frames_refused_")  # one for each reason; too many to name

_FIELDS: tuple[Field, ...] = tuple(
    field
    for fields in HOUSEKEEPING.values()
    for field in fields
    if field.kind not in (Kind.TEXT, Kind.BYTES) and not field.name.startswith(COUNTS_OF_REFUSALS)
)
POOL: dict[str, Field] = {
    **{field.name: field for field in _FIELDS},
    **{p.name: Field(p.name, Kind.F64, p.help, p.unit) for p in PARAMETERS},
}
POOL_NAMES: tuple[str, ...] = tuple(POOL)


def as_number(name: str, value: Value) -> float:
    """A pool value as monitoring sees it: a choice counts as its place, a flag as 0 or 1."""
    if isinstance(value, str):
        return float(POOL[name].choices.index(value))
    return float(value)


def fields_of(names: Iterable[str]) -> tuple[Field, ...]:
    """The fields of a structure that reports these names, in this order."""
    return tuple(POOL[name] for name in names)


def numbers(values: Mapping[str, Value]) -> dict[str, float]:
    """Every pool value that `values` holds, as a number."""
    return {name: as_number(name, value) for name, value in values.items() if name in POOL}
