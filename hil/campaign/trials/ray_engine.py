"""The engine for many machines: shards as Ray tasks, their files as bytes back, stored by who asked.

Workers need the same version of this package and nothing else: no shared folder. A task whose worker or
machine dies is run again by Ray; a shard is the same wherever it is done, so nothing is counted twice.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from flight_sw.errors import UserError
from hil.campaign.trials.benches import check_kits, run_shards
from hil.campaign.trials.plan import Plan, Shard
from hil.campaign.trials.shards import open_folder, shard_file, store_shard

RETRIES = 5  # of one task, when its worker dies
WAIT_S = 10.0


class RayEngine:
    """See Engine. Joins the cluster of RAY_ADDRESS, else starts one of this machine's processors.

    Raises:
        UserError: Ray is not installed.
    """

    def __init__(self, workers: int = 0) -> None:
        try:
            import ray  # noqa: F401
        except ImportError:
            raise UserError(
                "--engine ray: Ray is not installed; install it with: pip install vanallen[ray]"
            ) from None
        self.workers = workers or len(os.sched_getaffinity(0))

    def check(self, plan: Plan) -> None:
        """See Engine."""
        check_kits(plan)

    def run(
        self, plan: Plan, folder: Path, batches: list[tuple[Shard, ...]]
    ) -> Iterator[list[str]]:
        """See Engine."""
        import ray

        if not ray.is_initialized():
            own = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": self.workers}
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, **own)
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(run_elsewhere)
        waiting = [task.remote(plan, batch) for batch in batches]
        with redirect_stdout(sys.stderr):  # Ray tells of workers that died on standard output
            while waiting:
                done, waiting = ray.wait(waiting, num_returns=1, timeout=WAIT_S)
                for one in done:
                    files: dict[str, bytes] = ray.get(one)
                    for name, content in files.items():
                        store_shard(folder, name, content)
                    yield list(files)


def run_elsewhere(plan: Plan, shards: tuple[Shard, ...]) -> dict[str, bytes]:
    """Do shards in a folder of our own and give their files back."""
    with tempfile.TemporaryDirectory(prefix="vanallen-shards-") as name:
        folder = Path(name)
        open_folder(folder, plan, resume=True)
        return {
            one: shard_file(folder, one).read_bytes() for one in run_shards(plan, folder, shards)
        }
