"""Engines: they hand shards to processes and say when one is done. All else is the shard's own affair.

An engine sends a plan and ranges and gets names back; what was found is in the shard's file. Shards go
out in the order of their ranges, so that every cell grows evenly and an early stop sees whole looks.
"""

import os
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Protocol

from hil.campaign.trials.benches import check_kits, run_shards
from hil.campaign.trials.plan import Plan, Shard

BATCH = 4  # shards of one cell that a process does in a row, so that a kit is made once for them
Done = Callable[[tuple[Shard, ...]], bool]


class Engine(Protocol):
    """Runs batches of shards somewhere."""

    def check(self, plan: Plan) -> None:
        """See that the plan can be done; UserError if not."""
        ...

    def run(
        self, plan: Plan, folder: Path, batches: list[tuple[Shard, ...]]
    ) -> Iterator[list[str]]:
        """Yield the names of each batch that is done; stop when the caller does."""
        ...


class LocalEngine:
    """Processes of this machine, by joblib; one process runs in our own.

    Args:
        workers: how many; 0 for one each processor.
    """

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))

    def check(self, plan: Plan) -> None:
        """See Engine."""
        check_kits(plan)

    def run(
        self, plan: Plan, folder: Path, batches: list[tuple[Shard, ...]]
    ) -> Iterator[list[str]]:
        """See Engine."""
        if self.workers == 1 or len(batches) == 1:
            for batch in batches:
                yield run_shards(plan, folder, batch)
            return
        from joblib import Parallel, delayed

        parallel = Parallel(
            n_jobs=min(self.workers, len(batches)),
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch="n_jobs",
        )
        yield from parallel(delayed(run_shards)(plan, folder, batch) for batch in batches)


def batches_of(shards: tuple[Shard, ...]) -> list[tuple[Shard, ...]]:
    """Shards in batches of one cell each."""
    batches: list[tuple[Shard, ...]] = []
    for _, group in groupby(shards, key=lambda shard: shard.cell):
        cell = tuple(group)
        batches += [cell[i : i + BATCH] for i in range(0, len(cell), BATCH)]
    return batches
