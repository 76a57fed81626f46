"""Boots that do not hold lead to fewer parts, then to SAFE, and never wrap round to health."""

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.radiation.boot_guard import COUNT_LIMIT, BootPlan, BootState, on_boot, on_stable


def test_unstable_boots_step_down():
    """Boots 1 and 2 start all, 3 and 4 the required parts, from 5 on SAFE."""
    state, plans = BootState(), []
    for _ in range(7):
        state, plan = on_boot(state)
        plans.append(plan)
    assert plans == [BootPlan.FULL] * 2 + [BootPlan.REQUIRED_ONLY] * 2 + [BootPlan.SAFE] * 3


def test_a_stable_phase_starts_the_count_anew():
    """After the system has held, the next boot is full again."""
    assert on_boot(on_stable()) == (BootState(1), BootPlan.FULL)


def test_unreadable_count_is_not_taken_for_health():
    """A lost or absurd count starts the required parts only."""
    for stored in (BootState(None), BootState(-1), BootState(1 << 40)):
        assert on_boot(stored)[1] is BootPlan.REQUIRED_ONLY


@given(count=st.integers(0, COUNT_LIMIT))
def test_count_never_falls_at_boot(count):
    """The count rises or saturates; it cannot wrap."""
    after = on_boot(BootState(count))[0].unstable_boots
    assert after == min(count + 1, COUNT_LIMIT)
