"""Running a plan: what is missing goes to the engine, looks may end a cell, the table is written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hil.campaign.trials.bounds import decide, looks_at
from hil.campaign.trials.engine import Engine, batches_of
from hil.campaign.trials.plan import SHARD_TRIALS, Cell, Plan, Shard, cells_of, shards_of
from hil.campaign.trials.shards import ShardFile, open_folder, read_shard
from hil.campaign.trials.table import landed_of, make_table, trials_of

TABLE_FILE = "table.json"
Show = Callable[["State"], None]


@dataclass(slots=True)
class State:
    """How far a campaign has come.

    Args:
        ended: by cell, what its looks decided.
    """

    plan: Plan
    found: dict[Shard, ShardFile] = field(default_factory=dict)
    ended: dict[Cell, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Trials done."""
        return sum(file.count for file in self.found.values())

    @property
    def planned(self) -> int:
        """Trials that the plan asks for."""
        return sum(shard.count for shard in shards_of(self.plan))

    @property
    def failures(self) -> int:
        """Failed trials."""
        return sum(trial.failed for file in self.found.values() for trial in file.trials)

    @property
    def landed(self) -> int:
        """Trials whose fault landed."""
        return sum(len(landed_of(file.trials)) for file in self.found.values())


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a plan."""

    folder: Path
    resume: bool = False
    stop_at_failure: bool = False


def run_campaign(plan: Plan, options: RunOptions, engine: Engine, show: Show) -> dict[str, Any]:
    """Run what is missing and return the table, which is also written.

    Raises:
        UserError: the folder is another campaign's, or cannot be written.
    """
    open_folder(options.folder, plan, resume=options.resume)
    by_name = {shard.name: shard for shard in shards_of(plan)}
    state = State(plan)
    for shard in by_name.values():
        _take(state, options.folder, shard)
    show(state)
    while batches := batches_of(_due(state)):
        for names in engine.run(plan, options.folder, batches):
            for name in names:
                _take(state, options.folder, by_name[name])
            show(state)
            if options.stop_at_failure and state.failures:
                return _finish(state, options.folder)
    return _finish(state, options.folder)


def _take(state: State, folder: Path, shard: Shard) -> None:
    file = read_shard(folder, state.plan.digest, shard)
    if file is not None:
        state.found[shard] = file


def _due(state: State) -> tuple[Shard, ...]:
    """Shards to run now: all that are missing, or those up to the next look of each open cell."""
    plan, missing = state.plan, [s for s in shards_of(state.plan) if s not in state.found]
    if plan.stop is None:
        return tuple(missing)
    due: list[Shard] = []
    for cell in cells_of(plan):
        mine = [shard for shard in missing if shard.cell == cell]
        for mark in looks_at(plan.stop, plan.n, SHARD_TRIALS):
            before = [shard for shard in mine if shard.first < mark]
            if before:
                due += before
                break
            landed = landed_of(t for t in trials_of(state.found, cell) if t.index < mark)
            word = decide(plan.stop, sum(t.failed for t in landed), len(landed)) if landed else ""
            if word:
                state.ended[cell] = f"{word} after {mark}"
                break
    return tuple(due)


def _finish(state: State, folder: Path) -> dict[str, Any]:
    table = make_table(state.plan, state.found)
    table["ended_early"] = {cell.name: word for cell, word in state.ended.items()}
    table["complete"] = not state.ended and state.done == state.planned
    (folder / TABLE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(table)))
    return table
