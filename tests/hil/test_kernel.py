"""Chance is repeatable, and one use of it never shifts another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.kernel import Actor, Timeline, poisson_arrivals, stream

FIRST_NUMBERS = [77788472, 3821309517, 4276674267]
SEEDS = st.integers(min_value=0, max_value=2**63)


@given(SEEDS, st.text(max_size=30))
@settings(max_examples=30)
def test_the_same_seed_and_name_give_the_same_numbers(seed, name):
    """A stream starts where its seed and name say."""
    assert stream(seed, name).random(4).tolist() == stream(seed, name).random(4).tolist()


@given(SEEDS)
@settings(max_examples=30)
def test_another_name_or_seed_gives_other_numbers(seed):
    """Names and seeds do not run into each other."""
    numbers = {
        stream(seed, "upsets").random(),
        stream(seed, "upsets:weights").random(),
        stream(seed + 1, "upsets").random(),
        stream(int(f"{seed}1"), "").random(),
    }
    assert len(numbers) == 4


def test_the_streams_stay_the_same_between_versions():
    """A seed written in a report re-runs the same flight next year."""
    assert stream(7, "upsets").integers(0, 1 << 32, 3).tolist() == FIRST_NUMBERS


@given(SEEDS, st.floats(0, 50), st.floats(-10, 10), st.floats(0, 10))
@settings(max_examples=50)
def test_arrivals_lie_in_their_span_in_order(seed, rate, start, span):
    """No arrival is early or late."""
    times = poisson_arrivals(stream(seed, "a"), rate, start, start + span)
    assert times == sorted(times)
    assert all(start <= time <= start + span for time in times)


def test_arrivals_come_at_their_rate():
    """Mean and variance of the count are those of a Poisson process."""
    counts = [len(poisson_arrivals(stream(seed, "a"), 20.0, 0, 5)) for seed in range(400)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(100, abs=2)
    assert variance == pytest.approx(100, rel=0.3)


@pytest.mark.parametrize(
    ("rate", "until"), [(-1, 1), (1, -1), (1e9, 1), (float("nan"), 1), (1, float("inf"))]
)
def test_an_impossible_rate_is_refused(rate, until):
    """A wrong rate is an error, not a plan without end."""
    with pytest.raises(ValueError, match="out of range"):
        poisson_arrivals(stream(1, "a"), rate, 0, until)


def test_actors_are_stepped_in_order_of_time_and_of_asking() -> None:
    """Ties go to who asked first; an earlier wish replaces a later one; nothing runs in the past."""
    timeline, seen = Timeline(), []
    late, early = (Actor(name, lambda at, name=name: seen.append((name, at))) for name in "ab")
    timeline.wake(late, 5.0)
    timeline.wake(early, 5.0)
    timeline.wake(late, 3.0)
    timeline.call(5.0, "c", lambda at: timeline.wake(early, 1.0))
    timeline.run(10.0)
    assert seen == [("a", 3.0), ("b", 5.0), ("b", 5.0)]
    assert timeline.now_s == 10.0
    assert timeline.steps == 4
