"""How often the stack talks to itself in virtual time: the profile's periods, stretched.

A quiet payload beats five times a second on its serial line; over days nothing else would be simulated.
Stretching periods changes how fast a fault is noticed, not what happens then, and every report says so.
"""

from dataclasses import dataclass

import msgspec

from flight_sw.profile import Profile


@dataclass(frozen=True, slots=True)
class Pace:
    """Periods in seconds.

    Args:
        heartbeat_s: of heartbeats and orders; three missing make the board silent.
        scrub_pass_s: of one pass over all protected pages.
        housekeeping_s: of telemetry.
        self_test_s: of the models' known-answer tests.
    """

    heartbeat_s: float = 30.0
    scrub_pass_s: float = 600.0
    housekeeping_s: float = 120.0
    self_test_s: float = 600.0

    def stretch(self, profile: Profile) -> Profile:
        """The profile with these periods."""
        beat = profile.heartbeat
        heartbeat = msgspec.structs.replace(
            beat,
            period_s=self.heartbeat_s,
            timeout_s=3 * self.heartbeat_s,
            boot_s=max(beat.boot_s, 3 * self.heartbeat_s),
            settle_s=max(beat.settle_s, 3 * self.heartbeat_s),
        )
        inference = msgspec.structs.replace(
            profile.inference, ping_timeout_s=8 * self.heartbeat_s, self_test_s=self.self_test_s
        )
        scrub = msgspec.structs.replace(profile.scrub, pass_s=self.scrub_pass_s)
        return msgspec.structs.replace(
            profile, heartbeat=heartbeat, inference=inference, scrub=scrub
        )

    def declared(self, profile: Profile) -> str:
        """The sentence for the report."""
        return (
            f"periods stretched for virtual time: heartbeats each {self.heartbeat_s:g} s (profile "
            f"{profile.heartbeat.period_s:g} s), scrub pass {self.scrub_pass_s:g} s (profile "
            f"{profile.scrub.pass_s:g} s), model self-tests each {self.self_test_s:g} s (profile "
            f"{profile.inference.self_test_s:g} s)"
        )
