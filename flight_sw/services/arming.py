"""Arm and fire: a critical telecommand runs only within 30 s of an `arm` for just its bytes.

Shall: let one armed telecommand through once; refuse another, a second firing, and a late one.
How verified: tests/flight_sw/services/test_commanding.py (attacks A13).
Off nominal: whatever is refused also disarms, so that a mistake has to start over with `arm`.
Not provided: arming by schedule, sequence or event-action; critical telecommands cannot be stored.
"""

from dataclasses import dataclass

from flight_sw.dictionary.command import Command, arming_digest
from flight_sw.dictionary.reason import Reason

ARMED_S = 30.0


@dataclass(frozen=True, slots=True)
class _Armed:
    command: str
    digest: int
    until_s: float


class Arming:
    """At most one telecommand is armed."""

    def __init__(self) -> None:
        self._armed: _Armed | None = None

    def arm(self, command: str, digest: int, now: float) -> None:
        """Allow one telecommand; takes the place of whatever was armed."""
        self._armed = _Armed(command, digest, now + ARMED_S)

    def fire(self, command: Command, data: bytes, now: float) -> Reason | None:
        """None if this critical telecommand may run now; either way nothing is armed after."""
        armed, self._armed = self._armed, None
        digest = arming_digest(command.service, command.subtype, data)
        if armed is None or (armed.command, armed.digest) != (command.name, digest):
            return Reason.NOT_ARMED
        return None if now < armed.until_s else Reason.ARM_EXPIRED
