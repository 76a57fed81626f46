"""Blind feeding is impossible and recovery never goes round in a loop."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.radiation.heartbeat import (
    LADDER,
    MAX_EPISODES,
    HeartbeatWatchdog,
    RecoveryLadder,
    Rung,
)


def test_one_late_heartbeat_forbids_feeding():
    """With one of two heartbeats late the watchdog may not be fed."""
    watchdog = HeartbeatWatchdog({"node": 2.0, "scrub": 5.0}, started_at=0.0)
    assert watchdog.may_feed(2.0)
    watchdog.beat("scrub", 2.5)
    assert watchdog.expired(2.5) == ("node",)
    assert not watchdog.may_feed(2.5)
    watchdog.beat("node", 2.6)
    assert watchdog.may_feed(2.6)


def test_undeclared_heartbeat_is_refused():
    """A beat under an unknown name is an error, not a new heartbeat."""
    watchdog = HeartbeatWatchdog({"node": 2.0}, started_at=0.0)
    with pytest.raises(KeyError):
        watchdog.beat("other", 1.0)


@pytest.mark.parametrize("timeouts", [{}, {"a": 0.0}, {"a": 1.0, "b": -1.0}])
def test_watchdog_without_sense_is_refused(timeouts):
    """No heartbeat at all, or a timeout that is not positive, is a ValueError."""
    with pytest.raises(ValueError, match="positive timeout"):
        HeartbeatWatchdog(timeouts, started_at=0.0)


@settings(max_examples=100, deadline=None)
@given(
    beats=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=30),
    now=st.floats(0, 200),
)
def test_feeding_means_every_heartbeat_is_fresh(beats, now):
    """May-feed holds exactly when the newest beat of every name is within its timeout."""
    timeouts = {"a": 1.0, "b": 10.0, "c": 50.0}
    watchdog = HeartbeatWatchdog(timeouts, started_at=0.0)
    for name, at in beats:
        watchdog.beat(name, at)
    newest = {name: max([0.0, *(at for n, at in beats if n == name)]) for name in timeouts}
    fresh = all(0 <= now - newest[name] <= timeouts[name] for name in timeouts)
    assert watchdog.may_feed(now) is fresh


def test_ladder_tries_each_rung_once_and_ends_in_safe():
    """A fault that nothing mends meets every rung once, then SAFE for good."""
    ladder = RecoveryLadder(settle_s=60.0)
    assert [ladder.next_rung(float(t)) for t in range(7)] == [*LADDER, Rung.SAFE, Rung.SAFE]
    ladder.recovered(10.0)
    assert ladder.next_rung(1e6) is Rung.SAFE
    ladder.reset()
    assert ladder.next_rung(1e6) is Rung.REWRITE


def test_fault_that_returns_soon_climbs_on():
    """A fault back before the settle time continues with the next rung."""
    ladder = RecoveryLadder(settle_s=60.0)
    assert ladder.next_rung(0.0) is Rung.REWRITE
    ladder.recovered(1.0)
    assert ladder.next_rung(30.0) is Rung.RESTART_WORKER
    ladder.recovered(31.0)
    assert ladder.next_rung(91.0) is Rung.REWRITE


def test_ladder_can_start_higher():
    """A hung worker starts at its own rung; rewriting memory would not help it."""
    ladder = RecoveryLadder(settle_s=60.0, first=Rung.RESTART_WORKER)
    assert ladder.next_rung(0.0) is Rung.RESTART_WORKER


@settings(max_examples=100, deadline=None)
@given(gaps=st.lists(st.tuples(st.floats(0.1, 200), st.booleans()), min_size=60, max_size=60))
def test_recovery_is_bounded(gaps):
    """However faults and recoveries alternate, the tries before SAFE are bounded."""
    ladder = RecoveryLadder(settle_s=60.0)
    now, rungs = 0.0, []
    for gap, recovers in gaps:
        now += gap
        rungs.append(ladder.next_rung(now))
        if recovers:
            ladder.recovered(now)
    first_safe = rungs.index(Rung.SAFE)
    assert first_safe <= MAX_EPISODES * (len(LADDER) - 1)
    assert set(rungs[first_safe:]) == {Rung.SAFE}
