"""Control state that survives hits: three copies, voted bitwise at every read, sealed by a CRC.

For what decides (mode, counters, limits), not for bulk data. One copy is stored inverted and each
lives in memory pages of its own, so that one event is unlikely to change two copies alike; when it
does, the vote passes but the CRC-32C over the voted value does not, and the defaults are in force
again. A hit may fall between any two reads of a step, so the record itself keeps what its votes found
until the owner tells it.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flight_sw.radiation import native
from flight_sw.radiation.protected import MemoryRegion

Number = int | float
_CODES: Final[Mapping[type, str]] = {int: "q", float: "d"}
_CRC_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Votes:
    """What votes found: bits put right, and whether two copies were hit alike and the defaults rule."""

    bits: int
    lost: bool


class VotedRecord:
    """A fixed record of named integers (64 bits, signed) and floats in three voted copies.

    `defaults` names the fields and fixes their types. `repairs` counts the bits outvoted so far.
    """

    def __init__(self, name: str, defaults: Mapping[str, Number]) -> None:
        self.name = name
        self.repairs = 0
        self._told = 0
        self._lost = False
        self._defaults = dict(defaults)
        codes = "".join(_CODES[type(value)] for value in defaults.values())
        self._layout = struct.Struct("<" + codes)
        length = self._layout.size + _CRC_BYTES
        self._copies = tuple(native.aligned_bytes(length) for _ in range(3))
        self._write(self._defaults)

    def read(self) -> dict[str, Number]:
        """All fields, after the vote has put right what it could; the defaults if the CRC disagrees."""
        first, second, inverted = self._copies
        report = native.tmr_scrub(first, second, inverted, inverted=True)
        self.repairs += sum(report.miscompares)
        size = self._layout.size
        value, seal = first[:size], first[size:]
        if native.crc32c(value) != int.from_bytes(seal, "little"):
            self._lost = True
            self._write(self._defaults)
            return dict(self._defaults)
        return dict(zip(self._defaults, self._layout.unpack(value), strict=True))

    def set(self, **fields: Number) -> None:
        """Change some fields; ValueError for an unknown field, a wrong type or a number out of range."""
        self._write(self.read() | self._checked(fields))

    def vote(self) -> Votes | None:
        """Vote now; what this vote and all reads since the last call found, or None if all was well."""
        self.read()
        found = Votes(self.repairs - self._told, self._lost)
        self._told, self._lost = self.repairs, False
        return found if found.bits or found.lost else None

    def memory_regions(self) -> tuple[MemoryRegion, ...]:
        """The three copies: voted-a:, voted-b: and voted-c: (inverted) plus the name."""
        length = self._layout.size + _CRC_BYTES
        return tuple(
            MemoryRegion(f"voted-{letter}:{self.name}", native.address_of(copy), length)
            for letter, copy in zip("abc", self._copies, strict=True)
        )

    def _checked(self, fields: Mapping[str, Number]) -> dict[str, Number]:
        for field, value in fields.items():
            wanted = type(self._defaults.get(field))
            if type(value) is not wanted:
                raise ValueError(
                    f"voted record {self.name!r}: field {field!r} cannot take {value!r}"
                )
        return dict(fields)

    def _write(self, fields: Mapping[str, Number]) -> None:
        try:
            value = self._layout.pack(*fields.values())
        except struct.error as error:
            raise ValueError(f"voted record {self.name!r}: {error}") from error
        record = value + native.crc32c(value).to_bytes(_CRC_BYTES, "little")
        first, second, inverted = self._copies
        first[:] = record
        second[:] = record
        inverted[:] = bytes(byte ^ 0xFF for byte in record)
