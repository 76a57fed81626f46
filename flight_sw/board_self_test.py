"""The self-test of the board's models: a known input on schedule, part after part, while nothing runs.

The scrub sees weights only. A flip in a graph, a kernel's own memory or a mapping that has split off its
file shows as a known answer that does not come back: then the worker starts afresh from checked files.
"""

from flight_sw.board_models import BoardModels
from flight_sw.inference.worker_messages import SelfTested
from flight_sw.worker_watch import WorkerWatch


class BoardSelfTest:
    """Decides when to test which part, and what a failed test asks for.

    Args:
        period_s: time between two tests; every part has its turn.
    """

    def __init__(self, models: BoardModels, worker: WorkerWatch, period_s: float) -> None:
        self.done = 0
        self.failed = 0
        self._models = models
        self._worker = worker
        self._period_s = period_s
        self._turn = 0
        self._due_s: float | None = None

    def step(self, now: float) -> None:
        """Start a test if one is due and the worker is free."""
        if self._due_s is None:
            self._due_s = now + self._period_s
        if now < self._due_s or not self._worker.ready or not self._models.parts:
            return
        numbers = sorted(self._models.parts)
        number = numbers[self._turn % len(numbers)]
        self._turn += 1
        self._due_s = now + self._period_s
        if self._models.is_tested(number):
            self._worker.self_test(number, now)

    def take(self, told: SelfTested, *, weights_were_hit: bool) -> None:
        """A wrong answer that damaged weights explain is mended by now; any other needs a restart."""
        self.done += 1
        if told.is_same and told.private_dirty_kib == 0:
            return
        self.failed += 1
        if not weights_were_hit or told.private_dirty_kib:
            self._worker.restart("self-test failed")
