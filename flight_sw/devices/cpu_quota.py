"""Slowing the worker down where the clock cannot be set: a share of a core, by control group.

The share is `cpu.max` of control group v2 (kernel documentation: admin-guide/cgroup-v2). Only the
worker is held back: node, watchdog and board link keep their time. A control group dies with its
processes, so nothing is left behind by a kill.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from flight_sw.devices.sysfs import read_text, write_text

PERIOD_US = 100_000  # the kernel's own default
LEAST_US = 1_000  # the kernel refuses less
NODE, WORKER = "node", "worker"


class CpuQuota:
    """The control group of this program, split in two leaves; see `FrequencyControl`.

    Args:
        levels_mhz: clocks that stand for the shares; the fastest is a whole core for each thread.
        threads: threads of the worker.
    """

    def __init__(self, root: Path, levels_mhz: Sequence[int], threads: int) -> None:
        self._base = _own_group(root)
        self._levels_mhz = tuple(levels_mhz)
        self._threads = threads
        # At once: a worker started before would stay in a group that may then hold none.
        self._ready = self._split()

    def adopt(self, pid: int) -> bool:
        """Hold this process back from now on, and its children; False if the kernel refuses."""
        return self._ready and write_text(self._base / WORKER / "cgroup.procs", f"{pid}\n")

    def set_level(self, level: int) -> bool:
        """Grant the level's share; True if the kernel took it."""
        index = max(0, min(level, len(self._levels_mhz) - 1))
        return self._ready and self._grant(self._levels_mhz[index] / self._levels_mhz[-1])

    def close(self) -> None:
        """Grant everything again."""
        if self._ready:
            self._grant(1.0)

    def _grant(self, share: float) -> bool:
        quota_us = max(LEAST_US, round(share * self._threads * PERIOD_US))
        text = f"max {PERIOD_US}\n" if share >= 1 else f"{quota_us} {PERIOD_US}\n"
        return write_text(self._base / WORKER / "cpu.max", text)

    def _split(self) -> bool:
        """Make the leaves: a group with controllers of its own may hold no process itself."""
        if not self._base.is_dir():
            return False
        try:
            for leaf in (NODE, WORKER):
                (self._base / leaf).mkdir(exist_ok=True)
        except OSError:
            return False
        moved = write_text(self._base / NODE / "cgroup.procs", f"{os.getpid()}\n")
        return moved and write_text(self._base / "cgroup.subtree_control", "+cpu\n")


def _own_group(root: Path) -> Path:
    """The group we were started in; a node started again finds itself in its leaf."""
    lines = (read_text(root / "proc/self/cgroup") or "").splitlines()
    path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    group = root / "sys/fs/cgroup" / path.lstrip("/")
    return group.parent if group.name == NODE else group
