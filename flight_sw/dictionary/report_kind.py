"""What a kind of telemetry packet is: its name, its place on the wire and its fields."""

from dataclasses import dataclass

from flight_sw.dictionary.field import Field


@dataclass(frozen=True, slots=True)
class Report:
    """One kind of telemetry packet with a fixed set of fields."""

    name: str
    service: int
    subtype: int
    fields: tuple[Field, ...]
