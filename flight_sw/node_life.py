"""What must be alive on the board before its watchdog is fed: a heartbeat for each thing the node does.

Shall: permit feeding only while every heartbeat is fresh; each is given where its work was really done.
How verified: tests/watchdog/test_starving.py holds back one heartbeat at a time.
Off nominal: a worker that keeps crashing is being restarted, which is life; a worker that is neither
heard nor restarted is not. The controller's silence is no reason to reset the board: it goes to its
coolest level and waits.
"""

from enum import StrEnum, unique

from flight_sw.profile import Profile
from flight_sw.radiation.heartbeat import HeartbeatWatchdog
from flight_sw.worker_watch import LONG_PAUSE_S

PERIODS_MISSED_MAX = 10
SHORTEST_S = 5.0  # below any watchdog that a board has, above what a busy board delays
SLACK_S = 5.0


@unique
class Beat(StrEnum):
    """Each heartbeat of the node."""

    SENSORS = "sensors"  # readings were taken, whatever they said
    SCRUB = "scrub"  # pages were checked, or none was due
    WORKER = "worker"  # the worker answered, or was started anew
    TELLING = "telling"  # the controller was told


class NodeLife:
    """The heartbeats of one node; times are seconds of its monotonic clock."""

    def __init__(self, profile: Profile) -> None:
        regular_s = max(PERIODS_MISSED_MAX * profile.heartbeat.period_s, SHORTEST_S)
        limits = profile.inference
        patience_s = max(
            limits.start_timeout_s,
            limits.load_timeout_s,
            limits.job_timeout_s,
            limits.ping_timeout_s,
        )
        self._timeouts_s: dict[str, float] = {
            Beat.SENSORS: regular_s,
            Beat.SCRUB: regular_s,
            Beat.WORKER: patience_s + LONG_PAUSE_S + SLACK_S,
            Beat.TELLING: regular_s,
        }
        self._beats: HeartbeatWatchdog | None = None

    def beat(self, name: Beat, now: float) -> None:
        """This part has done its work."""
        self._started(now).beat(name, now)

    def may_feed(self, now: float) -> bool:
        """Whether all of them are fresh."""
        return self._started(now).may_feed(now)

    def _started(self, now: float) -> HeartbeatWatchdog:
        if self._beats is None:
            self._beats = HeartbeatWatchdog(self._timeouts_s, now)
        return self._beats
