"""The engine for a board of the rig: one board, one process, shards one after another."""

import time
from collections.abc import Iterator
from pathlib import Path

from flight_sw.errors import UserError
from hil.campaign.trials.plan import Plan, Shard
from hil.campaign.trials.port_bench import PortBench
from hil.campaign.trials.port_ways import check_reach
from hil.campaign.trials.shards import write_shard
from hil.rig.hold import HeldBoard, HoldOptions
from hil.rig.inventory import BoardEntry, chosen, emulated_entry, read_inventory
from hil.rig.running import start

LOGS = "events"


class PortEngine:
    """See Engine; the board is started with the first shard and ended with the last."""

    def __init__(self, entry: BoardEntry, wait_s: float = 0.0) -> None:
        self._entry, self._wait_s = entry, wait_s

    def check(self, plan: Plan) -> None:
        """See that the plan can be done there.

        Raises:
            UserError: a class cannot be injected on this board.
        """
        check_reach(self._entry, plan.classes)

    def run(
        self, plan: Plan, folder: Path, batches: list[tuple[Shard, ...]]
    ) -> Iterator[list[str]]:
        """See Engine."""
        held = HeldBoard(self._entry, HoldOptions(folder / "board", wait_s=self._wait_s))
        with held:
            running = start(held)
            try:
                bench = PortBench(running, plan, folder / LOGS)
                for shard in (one for batch in batches for one in batch):
                    began_s = time.process_time()
                    trials = list(bench.run(shard))
                    write_shard(folder, plan.digest, shard, trials, time.process_time() - began_s)
                    yield [shard.name]
            finally:
                running.close()


def board_entry(name: str, inventory: Path | None) -> BoardEntry:
    """The board of that name; without an inventory, the emulated one.

    Raises:
        UserError: no such board.
    """
    if inventory is None:
        if name != "emulated":
            raise UserError(
                f"--engine port: board {name} needs an inventory; name it with --hil-env"
            )
        return emulated_entry()
    found = chosen(read_inventory(inventory), [name])
    if len(found) != 1:
        raise UserError(f"--board {name}: means {len(found)} boards of {inventory}; name one")
    return found[0]
