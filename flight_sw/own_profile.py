"""The profile in memory, checked against the digest it had at boot.

Limits live as plain numbers in the controller's heap, where no scrub comes by. A number that no longer
encodes to the digest of the boot is told, and the controller asks to be started anew: the next boot
reads the profile's file, so nothing has to be trusted that lies beside the damage.
"""

import msgspec

from flight_sw.profile import Profile
from flight_sw.radiation.native import crc32c

CHECK_PERIOD_S = 60.0


class OwnProfile:
    """Says once that the profile was changed."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._golden = _digest(profile)
        self._due_s = 0.0
        self._told = False

    def is_damaged(self, now: float) -> bool:
        """Look if a look is due; True once, when the profile is not what it was at boot."""
        if self._told or now < self._due_s:
            return False
        self._due_s = now + CHECK_PERIOD_S
        self._told = _digest(self._profile) != self._golden
        return self._told


def _digest(profile: Profile) -> int:
    return crc32c(msgspec.msgpack.encode(profile))
