"""The idle-current watch finds a latch-up, lets work be work, and holds jobs back for moments alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.resources.latch_up import (
    OUTLASTS_S,
    PAUSE_S,
    READINGS,
    WINDOW_EVERY_S,
    WINDOW_LONGEST_S,
    IdleCurrent,
    LatchUpWatch,
)

IDLE_A, STEP_A = 0.42, 0.15
PERIOD_S = 0.1


class Bench:
    """A board with a supply: idle current, work that heeds the clock, and a latch-up that does not."""

    def __init__(self) -> None:
        self.watch = LatchUpWatch(IdleCurrent(IDLE_A, STEP_A))
        self.now = 0.0
        self.work_a = self.latch_a = 0.0
        self.idle, self.slowest = True, False
        self.found: list[float] = []
        self.held_s = 0.0

    def run(self, seconds: float, period_s: float = PERIOD_S) -> "Bench":
        """Let time pass; jobs run only where they are not held back."""
        for _ in range(round(seconds / period_s)):
            self.now += period_s
            work_a = self.work_a * (0.16 if self.watch.probing else 1.0)
            idle = self.idle or self.watch.hold
            slowest = self.slowest or self.watch.probing
            current_a = IDLE_A + work_a + self.latch_a
            self.watch.read(current_a, self.now)
            above = self.watch.beat(self.now, rested=idle, slowest=slowest)
            self.held_s += self.watch.hold * period_s
            if above is not None:
                self.found.append(above)
                self.latch_a = 0.0
        return self


@pytest.mark.parametrize("period_s", [PERIOD_S, 10.0])
def test_a_step_in_the_idle_current_is_found(period_s: float) -> None:
    """0.4 A more at rest is found after two looks, each after a pause, at any rate of readings."""
    bench = Bench().run(20 * period_s, period_s)
    bench.latch_a = 0.4
    bench.run(2 * (READINGS * period_s + 1.0) + 2 * period_s, period_s)
    assert bench.found == [pytest.approx(0.4, abs=0.02)]
    assert not bench.watch.hold


def test_work_of_others_is_no_latch_up() -> None:
    """A load that falls with the clock is probed once a minute and never reported."""
    bench = Bench().run(5)
    bench.work_a = 0.47
    bench.run(10 * PAUSE_S)
    assert bench.found == []
    assert 0 < bench.held_s < 0.1 * 10 * PAUSE_S


def test_a_throttled_board_that_works_for_itself_has_no_latch_up() -> None:
    """At the slowest clock a probe shows nothing new: a model that loads there once cost the power."""
    bench = Bench().run(5)
    bench.slowest = True
    for _ in range(5):
        bench.work_a = 0.2
        bench.run(OUTLASTS_S - 20)
        bench.work_a = 0.0
        bench.run(5)
    assert bench.found == []
    assert bench.held_s == 0


@pytest.mark.parametrize("busy_s", [0.0, 20.0])
def test_a_latch_up_of_a_throttled_board_is_found_in_time(busy_s: float) -> None:
    """It outlasts all work, and jobs between hide it for no longer."""
    bench = Bench().run(5)
    bench.slowest, bench.latch_a = True, 0.3
    while not bench.found and bench.now < 2 * OUTLASTS_S:
        bench.idle = False
        bench.run(busy_s)
        bench.idle = True
        bench.run(10)
    assert bench.found == [pytest.approx(0.3, abs=0.02)]
    assert bench.now < OUTLASTS_S + 40


def test_a_load_that_begins_in_a_probe_is_no_latch_up() -> None:
    """Its current is there at the slowest clock too; the beat that tells of the load ends the probe."""
    bench = Bench().run(5)
    bench.work_a = 0.3
    while not bench.watch.probing:
        bench.run(PERIOD_S)
    bench.run(1.0)
    for reading in range(READINGS):
        bench.watch.read(IDLE_A + 0.3, bench.now + reading * PERIOD_S)
    assert bench.watch.beat(bench.now + READINGS * PERIOD_S, rested=False, slowest=True) is None
    assert not bench.watch.probing
    assert not bench.watch.hold
    bench.work_a = 0.0
    bench.run(60)
    assert bench.found == []


def test_readings_count_when_the_next_beat_tells_of_rest() -> None:
    """Those of a period with work in it do not, though the board rests when it tells."""
    watch = LatchUpWatch(IdleCurrent(IDLE_A, STEP_A))
    for second in range(100):
        watch.read(0.9, float(second))
        if second % 10 == 0:
            assert watch.beat(float(second), rested=second % 20 != 0) is None
    assert not watch.probing


def test_a_latch_up_under_work_of_others_is_found() -> None:
    """What stays at the slowest clock is the latch-up, whatever runs beside it."""
    bench = Bench().run(5)
    bench.work_a, bench.latch_a = 0.1, 0.5
    bench.run(10)
    assert bench.found == [pytest.approx(0.5, abs=0.05)]


def test_a_board_that_never_rests_is_held_back_for_a_look() -> None:
    """Every three minutes jobs wait a moment, and then a latch-up is seen too."""
    bench = Bench()
    bench.idle = False
    bench.run(WINDOW_EVERY_S * 4)
    assert 0 < bench.held_s < 4 * WINDOW_LONGEST_S
    bench.latch_a = 0.3
    bench.run(WINDOW_EVERY_S + WINDOW_LONGEST_S)
    assert len(bench.found) == 1


def test_a_job_that_does_not_end_is_not_waited_for_without_end() -> None:
    """The hold ends by itself; the next look is due later."""
    watch = LatchUpWatch(IdleCurrent(IDLE_A, STEP_A))
    held = 0
    for second in range(1000):
        watch.read(0.9, float(second))
        assert watch.beat(float(second), rested=False) is None
        held += watch.hold
    assert held <= 5 * (WINDOW_LONGEST_S + 1)


def test_a_slow_rise_cannot_teach_a_latch_up() -> None:
    """The idle current that is learned stays near the profile's figure."""
    bench = Bench()
    for _ in range(400):
        bench.latch_a += 0.002
        bench.run(3)
        if bench.found:
            break
    assert bench.found
    assert bench.watch.idle_a <= 1.25 * IDLE_A


@given(st.lists(st.tuples(st.floats(0, 0.56), st.booleans()), max_size=80))
def test_a_current_below_the_step_never_holds_a_resting_board(readings) -> None:
    """No suspicion, no probe, no report, whatever the order of readings."""
    watch = LatchUpWatch(IdleCurrent(IDLE_A, STEP_A))
    for second, (current_a, idle) in enumerate(readings):
        watch.read(min(current_a, IDLE_A), float(second))
        assert watch.beat(float(second), rested=idle) is None
        assert not watch.probing


def test_a_board_that_went_away_is_forgotten() -> None:
    """Readings from before a power cycle do not count after it."""
    bench = Bench().run(5)
    bench.latch_a = 0.4
    bench.run(1.4)
    assert bench.watch.probing
    bench.watch.forget()
    assert not bench.watch.hold
    assert not bench.watch.probing
