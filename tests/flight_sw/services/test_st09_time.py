"""ST[09]: a payload clock that no wall-clock step moves, and a flag when the two disagree."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.errors import DecodeError
from flight_sw.services.st09_time import TimeService

UTC_S = 1_800_000_000.0


@pytest.fixture
def moved():
    return []


@pytest.fixture
def clock(moved):
    service = TimeService(moved.append)
    service.step(10.0, UTC_S)
    return service


def names(service):
    return [event.definition.name for event in service.take_events()]


@pytest.mark.parametrize("step_s", [7200.0, -7200.0, 2**31 - UTC_S, -UTC_S])
def test_wall_clock_step_moves_stamps_and_flag_alone(clock, step_s):
    """Forward, back, to 2038 or to 1970: the payload clock goes on at its pace."""
    assert clock.step(20.0, UTC_S + 10 + step_s) == UTC_S + 10
    assert clock.stamp_s == UTC_S + 10 + step_s
    assert clock.suspect
    assert names(clock) == ["time-suspect"]
    clock.step(21.0, UTC_S + 11)
    assert not clock.suspect


def test_setting_the_clock_moves_the_schedule_along(ask, read, clock, moved):
    """The telecommand sets clock and stamps, clears the flag and tells by how much."""
    clock.step(11.0, UTC_S + 5000)
    assert ask(clock, "set-time", now=11.0, time=UTC_S + 61) is None
    assert moved == [60.0]
    assert (clock.clock_s, clock.stamp_s, clock.suspect) == (UTC_S + 61, UTC_S + 61, False)
    ((_, told),) = read(ask(clock, "report-time"))
    assert (told["clock"], told["uptime"]) == (UTC_S + 61, 1.0)


def test_clock_is_not_set_beyond_a_day_unless_it_is_suspect(ask, clock, moved):
    """A wrong number of the ground cannot throw a sound clock away."""
    assert ask(clock, "set-time", time=UTC_S + 2 * 86_400) is Reason.NOT_ALLOWED
    assert moved == []
    clock.step(11.0, 0.0)
    assert ask(clock, "set-time", time=UTC_S + 2 * 86_400) is None


@pytest.mark.parametrize("time", [0.0, 1.5e9, 2**32 * 2.0, -1.0])
def test_absurd_times_are_no_arguments(ask, clock, time):
    """Before 2020 and after 2100 is out of range."""
    with pytest.raises(ValueError, match="time"):
        ask(clock, "set-time", time=time)


def test_boot_without_a_good_wall_clock_starts_at_the_last_time_known(clock, moved):
    """A clock that starts in 1970 does not take the payload back, and is suspect."""
    clock.step(500.0, UTC_S + 490)
    again = TimeService(moved.append)
    again.restore(clock.image())
    assert again.step(3.0, 100.0) == UTC_S + 490
    assert again.suspect


def test_time_is_kept_every_ten_minutes(clock):
    """Ten minutes of running cost one write."""
    before = clock.revision
    for tick in range(1, 1200):
        clock.step(10.0 + tick, UTC_S + tick)
    assert clock.revision - before in (1, 2)
    with pytest.raises(DecodeError):
        clock.restore(b"x")
