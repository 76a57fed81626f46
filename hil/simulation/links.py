"""The links of a simulated flight: bits that flip on the way, and hours in which no ground listens.

In a gap telecommands wait on the ground and telemetry in the payload's stores, from which the operator
has it sent at the next contact. On a noisy space link a telecommand that nobody answers is sent again,
and what was lost on the way down is had from the stores.
"""

from dataclasses import dataclass

import msgspec

from flight_sw.profile import Profile
from hil.faults.line import LineNoise

BITS_PER_BYTE = 10  # start and stop bit


@dataclass(slots=True)
class Wire:
    """One direction of a serial line: bytes leave one after another, so that none overtakes.

    Args:
        free_s: when the last byte that was given to it is over.
    """

    baud: int
    free_s: float = 0.0

    def arrival_s(self, now_s: float, data: bytes) -> float:
        """When the last of these bytes is over; they wait for those before them."""
        self.free_s = max(now_s, self.free_s) + len(data) * BITS_PER_BYTE / self.baud
        return self.free_s


@dataclass(frozen=True, slots=True)
class Links:
    """How good they are.

    Args:
        bit_error_rate: on the board's serial line, both ways.
        contact_every_s: from the start of one contact to that of the next; 0 for a ground that always
            listens.
        contact_s: length of one.
        space_bit_error_rate: on the space link, both ways.
    """

    bit_error_rate: float = 0.0
    contact_every_s: float = 0.0
    contact_s: float = 600.0
    space_bit_error_rate: float = 0.0

    @property
    def noise(self) -> LineNoise:
        """What the line does to bytes."""
        return LineNoise(bit_error_rate=self.bit_error_rate)

    @property
    def space_noise(self) -> LineNoise:
        """What the space link does to bytes."""
        return LineNoise(bit_error_rate=self.space_bit_error_rate)

    def coded(self, profile: Profile) -> Profile:
        """The profile to fly with: over a noisy space link no payload sends telemetry uncoded."""
        if not self.space_bit_error_rate or profile.space_link.framing != "ccsds":
            return profile
        link = msgspec.structs.replace(profile.space_link, coding="rs")
        return msgspec.structs.replace(profile, space_link=link)

    @property
    def has_gaps(self) -> bool:
        """Whether there are times without contact."""
        return self.contact_every_s > self.contact_s

    def in_contact(self, now_s: float) -> bool:
        """Whether a ground listens; the first contact begins with the flight."""
        return not self.has_gaps or now_s % self.contact_every_s < self.contact_s

    def declared(self) -> tuple[str, ...]:
        """Sentences for the report; none for clean links and a ground that always listens."""
        lines = []
        if self.bit_error_rate:
            lines.append(f"the board's line flips one bit in {1 / self.bit_error_rate:.3g}")
        if self.space_bit_error_rate:
            lines.append(
                f"the space link flips one bit in {1 / self.space_bit_error_rate:.3g}; telemetry is "
                "Reed-Solomon coded where frames are CCSDS, and what is not answered is sent again"
            )
        if self.has_gaps:
            lines.append(
                f"a ground listens {self.contact_s / 60:g} min of every "
                f"{self.contact_every_s / 60:g} min; the rest is had from the payload's stores"
            )
        return tuple(lines)
