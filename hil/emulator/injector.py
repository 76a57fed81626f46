"""Brings faults onto the emulated board and keeps the log of what landed and what did not."""

import time
from collections.abc import Callable
from dataclasses import replace

from hil.emulator.acts import Act, BoardParts, perform
from hil.faults.catalog import REGIONS_OF, Fault, FaultKind
from hil.faults.flip import BitState, flip_fault, state_of
from hil.faults.process import group_members
from hil.faults.regions import Region, read_regions
from hil.faults.rig_messages import MAX_LOG_RECORDS, Injected

MAX_LOG = 1_000_000
REGIONS_FILE = "regions.json"


class Injector:
    """Injects at once; faults with a duration are taken back by `service`."""

    def __init__(self, parts: BoardParts) -> None:
        self._parts = parts
        self._log: list[Injected] = []
        self._undo: dict[FaultKind, tuple[float, Callable[[], None]]] = {}

    def regions(self) -> list[Region]:
        """Return the memory map of the software that runs now."""
        return read_regions(self._parts.sysroot.run_dir / REGIONS_FILE)

    def inject(self, fault: Fault, now_s: float) -> Injected:
        """Inject now and write the outcome to the log.

        Raises:
            ValueError: the log is full.
        """
        if len(self._log) >= MAX_LOG:
            raise ValueError(f"the log of {MAX_LOG} injections is full; start a new run")
        started = Injected(len(self._log), fault, now_s, time.time(), landed=False, reason="")
        if fault.kind in REGIONS_OF:
            reason, hits = flip_fault(fault, self.regions(), self.processes())
            done = replace(started, landed=not reason, reason=reason, hits=hits)
        else:
            reason = self._act(fault, now_s)
            done = replace(started, landed=not reason, reason=reason)
        self._log.append(done)
        return done

    def log(self, since: int) -> list[Injected]:
        """Return a bounded piece of the log, from a number on."""
        return self._log[max(0, since) :][:MAX_LOG_RECORDS]

    def verify(self, number: int) -> list[BitState]:
        """Look at each bit of an injection again.

        Raises:
            ValueError: no such injection.
        """
        if not 0 <= number < len(self._log):
            raise ValueError(f"no injection {number}; the log ends before {len(self._log)}")
        return [state_of(hit) for hit in self._log[number].hits]

    def service(self, now_s: float) -> None:
        """Take back what has lasted long enough."""
        for kind, (due_s, undo) in list(self._undo.items()):
            if now_s >= due_s:
                del self._undo[kind]
                undo()

    def processes(self) -> set[int]:
        """Return the processes whose memory may be hit: the node's group."""
        node_pid = self._parts.board.node_pid
        return {stat.pid for stat in group_members(node_pid)} if node_pid else set()

    def perform(self, fault: Fault) -> Act:
        """Bring about a fault that is no bit flip."""
        return perform(fault, self._parts)

    def _act(self, fault: Fault, now_s: float) -> str:
        # A second fault of a kind replaces the first, or taking them back would end in the middle.
        pending = self._undo.pop(fault.kind, None)
        if pending is not None:
            pending[1]()
        act = self.perform(fault)
        if act.undo is not None and not act.reason and fault.duration_s > 0:
            self._undo[fault.kind] = (now_s + fault.duration_s, act.undo)
        return act.reason
