"""The stack bench: blocks of trials, one after another on one stack, a fresh one where it is broken.

A block always starts on a fresh stack and its names come from the plan, so a block gives the same trials
whenever and wherever it is run; that is what makes shards idempotent and a single fault repeatable.
"""

from collections.abc import Iterator
from typing import Self

import msgspec

from flight_sw.errors import VanAllenError
from flight_sw.inference.job import Protection
from hil.campaign.record import Outcome
from hil.campaign.trials.draw import draw
from hil.campaign.trials.kit import StackKit
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.strike import CROWDED
from hil.campaign.trials.trial import (
    BATCHED,
    Trial,
    run_batch,
    take_back,
)
from hil.campaign.trials.verdict import to_trial
from hil.faults.classes import FaultClass
from hil.simulation.pace import Pace

# Minutes of flight for each fault: heartbeats of seconds are fast enough for what they wait for.
PACES = {
    FaultClass.HEAT: Pace(
        heartbeat_s=1.0, scrub_pass_s=10.0, housekeeping_s=10.0, self_test_s=60.0
    ),
    FaultClass.SEU_PROFILE: Pace(1.0, scrub_pass_s=10.0, housekeeping_s=10.0, self_test_s=60.0),
}
TRIALS_PER_STACK = 200  # then a fresh one, so that nothing unseen adds up


def run_stack_trials(
    kit: StackKit, fault: FaultClass, seed: int, indices: range, batch: int = 1
) -> Iterator[Trial]:
    """Fly the trials of one block in order, `batch` at a time where their class can be.

    A fault whose page another one of its batch had hit is flown alone, and so is one that failed. A
    repair whose report another repair hid is then judged by that; any other failure of a batch
    counts, also where the fault does no harm alone.

    Raises:
        VanAllenError: a fresh stack does not come up, so nothing can be said.
    """
    size = 1 if kit.protection is Protection.NONE else min(batch, BATCHED.get(fault, 1))
    with _Flights(kit, fault, seed, indices.start) as flights:
        for first in range(indices.start, indices.stop, size):
            trials = flights.fly(range(first, min(first + size, indices.stop)))
            for trial in trials:
                asks = size > 1 and (trial.failed or trial.why == CROWDED)
                yield flights.again(trial) if asks else trial


class _Flights:
    """Flies trials on one stack for as long as it can be led back; use it as a context."""

    def __init__(self, kit: StackKit, fault: FaultClass, seed: int, start: int) -> None:
        self._kit, self._fault, self._seed, self._start = kit, fault, seed, start
        self._stack: TrialStack | None = None
        self._flown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def fly(self, numbers: range) -> list[Trial]:
        """A batch of trials, or one."""
        if self._stack is None:
            name = f"{self._seed}-{self._start}-{numbers.start}"
            self._stack, self._flown = _fresh(self._kit, self._fault, name), 0
        drawn = [draw(self._seed, self._fault, index) for index in numbers]
        seen = run_batch(self._stack, drawn)
        trials = [to_trial(one, self._kit) for one in seen]
        self._flown += 1
        if self._flown >= TRIALS_PER_STACK or not take_back(self._stack, seen):
            self._drop()
        return trials

    def again(self, trial: Trial) -> Trial:
        """The same fault alone, if that settles it."""
        (alone,) = self.fly(range(trial.index, trial.index + 1))
        is_mute = trial.outcome == Outcome.SILENT.value and trial.wrong == 0
        if alone.failed or is_mute or trial.why == CROWDED:
            return alone
        return msgspec.structs.replace(trial, why=f"{trial.why}; in a batch, though not alone")

    def _drop(self) -> None:
        if self._stack is not None:
            self._stack.board.clean_up()
            self._stack = None


def _fresh(kit: StackKit, fault: FaultClass, name: str) -> TrialStack:
    pace = PACES.get(fault)
    stack = TrialStack(kit, f"{fault.value}-{name}", pace, coded=fault is FaultClass.LINK)
    if not stack.get_ready():
        stack.board.clean_up()
        raise VanAllenError(f"the unharmed stack does not come up with {kit.profile.name}")
    return stack
