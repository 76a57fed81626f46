"""Telemetry as the services hand it on: service, subtype and data, before it becomes a packet."""

from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.dictionary.field import Value, encode
from flight_sw.dictionary.telemetry import BY_NAME


@unique
class Channel(Enum):
    """Virtual channels of the downlink."""

    HOUSEKEEPING = 0
    RESULTS = 1


@dataclass(frozen=True, slots=True)
class Report:
    """One telemetry message to be."""

    service: int
    subtype: int
    data: bytes
    channel: Channel = Channel.HOUSEKEEPING


def report(name: str, channel: Channel = Channel.HOUSEKEEPING, /, **values: Value) -> Report:
    """Build a report that the dictionary declares under `name`."""
    kind = BY_NAME[name]
    return Report(kind.service, kind.subtype, encode(kind.fields, values), channel)
