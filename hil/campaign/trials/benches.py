"""Which bench runs a shard, and the kits that a process keeps from shard to shard."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from flight_sw.inference.job import Protection
from hil.campaign.trials.graph_bench import run_graph_trials
from hil.campaign.trials.kit import StackKit, open_kit
from hil.campaign.trials.plan import Plan, Shard
from hil.campaign.trials.process_bench import run_process_trials
from hil.campaign.trials.shards import write_shard
from hil.campaign.trials.stack_bench import run_stack_trials
from hil.campaign.trials.store_bench import run_store_trials
from hil.campaign.trials.trial import Trial
from hil.faults.classes import CATALOG, Bench


class Benches:
    """Kits by protection, made when first needed; use it as a context."""

    def __init__(self, model: str, board: str, *, brisk: bool = False) -> None:
        self._model, self._board, self._brisk = model, board, brisk
        self._stack = ExitStack()
        self._kits: dict[Protection, StackKit] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self, protection: Protection) -> None:
        """Open the kit of a class, to see that it can be.

        Raises:
            UserError: the model or board has not what it needs.
        """
        self._kit(protection)

    def run(self, shard: Shard, seed: int, batch: int = 1) -> Iterator[Trial]:
        """The trials of one shard, in order; see Plan for `batch`."""
        fault, indices = shard.cell.fault, range(shard.first, shard.first + shard.count)
        bench = CATALOG[fault].bench
        if bench is Bench.STORE:
            yield from run_store_trials(fault, seed, indices)
            return
        kit = self._kit(shard.cell.protection)
        if bench is Bench.STACK:
            yield from run_stack_trials(kit, fault, seed, indices, batch)
        elif bench is Bench.PROCESS:
            yield from run_process_trials(kit, fault, seed, indices)
        else:
            yield from run_graph_trials(kit, fault, seed, indices)

    def _kit(self, protection: Protection) -> StackKit:
        if protection not in self._kits:
            kit = open_kit(self._model, self._board, protection, brisk=self._brisk)
            self._kits[protection] = self._stack.enter_context(kit)
        return self._kits[protection]


def check_kits(plan: Plan) -> None:
    """Open the kit of every protection of a plan, to see that it can be.

    Raises:
        UserError: the model or board has not what it needs.
    """
    for protection in plan.protections:
        with Benches(plan.model, plan.board) as benches:
            benches.check(protection)


def run_shards(plan: Plan, folder: Path, shards: tuple[Shard, ...]) -> list[str]:
    """Run shards here and store each; their names. What a worker process of an engine calls."""
    with Benches(plan.model, plan.board, brisk=plan.brisk) as benches:
        for shard in shards:
            started_s = time.process_time()
            trials = list(benches.run(shard, plan.seed, plan.batch))
            write_shard(folder, plan.digest, shard, trials, time.process_time() - started_s)
    return [shard.name for shard in shards]
