"""What the ledger remembers of jobs that ended."""

import tracemalloc
from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.inference.finished import FinishedJobs
from flight_sw.inference.job import JobState

ENDS = (JobState.CONFIRMED, JobState.FAILED)


@given(
    room=st.integers(1, 5),
    ends=st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(ENDS)),
        unique_by=lambda end: end[0],
        max_size=20,
    ),
)
def test_the_last_jobs_are_remembered_and_no_others(room, ends):
    """Exactly as many as there is room for, each with how it ended."""
    finished, told = FinishedJobs(room), OrderedDict()
    for job, state in ends:
        assert finished.state(job) is None
        finished.put(job, state)
        told[job] = state
        while len(told) > room:
            told.popitem(last=False)
    assert {job: finished.state(job) for job, _ in ends} == {job: told.get(job) for job, _ in ends}


def test_memory_is_taken_at_the_start():
    """Ten thousand jobs later not a page more is held."""
    finished = FinishedJobs(4096)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for job in range(100_000, 110_000):
            finished.put(job, JobState.CONFIRMED)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096
