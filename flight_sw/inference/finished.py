"""Jobs that ended, by number: enough of them to refuse a number that is used twice.

The room is taken at the start and never grows: a table that fills for hours looks like a leak, and hides
one.
"""

from typing import Final

import numpy as np

from flight_sw.inference.job import JobState

_STATES: Final = tuple(JobState)
_NOBODY: Final = -1


class FinishedJobs:
    """The last jobs that ended and how; the oldest makes room for the newest.

    Args:
        room: how many, at 9 bytes each.
    """

    def __init__(self, room: int) -> None:
        self._jobs = np.full(room, _NOBODY, np.int64)
        self._states = bytearray(room)
        self._next = 0

    def put(self, job_id: int, state: JobState) -> None:
        """A job ended; its number is not in here."""
        self._jobs[self._next] = job_id
        self._states[self._next] = _STATES.index(state)
        self._next = (self._next + 1) % len(self._states)

    def state(self, job_id: int) -> JobState | None:
        """How the job ended; None if it did not, or so long ago that it is forgotten."""
        places = np.flatnonzero(self._jobs == job_id)
        return _STATES[self._states[places[0]]] if places.size else None
