"""What a telecommand is: its name, its place on the wire, its arguments, and where it is accepted."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import copysign

from flight_sw.dictionary.field import Field, Value, decode, encode
from flight_sw.errors import DecodeError
from flight_sw.mode import WORKING, Mode

ANY_MODE = frozenset({Mode.SAFE, Mode.NOMINAL, Mode.DEGRADED})
PROTECTION_CLASSES = ("none", "standard", "high", "vote")

__all__ = ["ANY_MODE", "PROTECTION_CLASSES", "WORKING", "Command", "arming_digest"]


@dataclass(frozen=True, slots=True)
class Command:
    """One telecommand.

    Args:
        name: what a person types.
        service: PUS service type, ECSS-E-ST-70-41C.
        subtype: PUS message subtype.
        function: for ST[08], the function id that opens the data field; else None.
        modes: where it is accepted.
        critical: carried out only within 30 s of an `arm` for just these bytes, and never unattended.
        pending_key: carried out only under keys that are loaded and not yet in force, with no other.
        bulk: waits in the queue of large transfers, which never holds other telecommands up.
    """

    name: str
    service: int
    subtype: int
    help: str
    arguments: tuple[Field, ...] = ()
    function: int | None = None
    modes: frozenset[Mode] = ANY_MODE
    critical: bool = False
    pending_key: bool = False
    bulk: bool = False

    def encode(self, values: Mapping[str, Value]) -> bytes:
        """Pack the data field; ValueError names the argument that does not fit."""
        head = b"" if self.function is None else self.function.to_bytes(2, "big")
        plain = {n: v + 0.0 if isinstance(v, float) else v for n, v in values.items()}  # no -0.0
        return head + encode(self.arguments, plain)

    def decode(self, data: bytes) -> dict[str, Value]:
        """Unpack the data field; DecodeError says what is wrong with it.

        A minus zero is refused: no encoder of ours makes one, and signs of zero surprise (A12).
        """
        values = decode(self.arguments, data if self.function is None else data[2:])
        for name, value in values.items():
            if value == 0 and isinstance(value, float) and copysign(1, value) < 0:
                raise DecodeError(f"{name} is minus zero")
        return values


def arming_digest(service: int, subtype: int, data: bytes) -> int:
    """What `arm` must carry: the first 64 bits of SHA-256 over service, subtype and data field."""
    return int.from_bytes(sha256(bytes([service, subtype]) + data).digest()[:8], "big")
