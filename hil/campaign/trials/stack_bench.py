"""The stack bench: blocks of trials, one after another on one stack, a fresh one where it is broken.

A block always starts on a fresh stack and its names come from the plan, so a block gives the same trials
whenever and wherever it is run; that is what makes shards idempotent and a single fault repeatable.
"""

from collections.abc import Iterator

import msgspec

from flight_sw.errors import VanAllenError
from flight_sw.inference.job import Protection
from hil.campaign.record import Outcome
from hil.campaign.trials.draw import draw
from hil.campaign.trials.kit import StackKit
from hil.campaign.trials.stack import TrialStack
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

    What failed in a batch is flown again alone. A repair that another one hid is then judged by
    that; any other failure of a batch counts, also where the fault does no harm alone.

    Raises:
        VanAllenError: a fresh stack does not come up, so nothing can be said.
    """
    stack: TrialStack | None = None
    flown, size = 0, batch if fault in BATCHED and kit.protection is not Protection.NONE else 1
    try:
        for first in range(indices.start, indices.stop, size):
            if stack is None:
                stack, flown = _fresh(kit, fault, f"{seed}-{indices.start}-{first}"), 0
            numbers = range(first, min(first + size, indices.stop))
            seen = run_batch(stack, [draw(seed, fault, index) for index in numbers])
            trials = [to_trial(one, kit) for one in seen]
            flown += 1
            if flown >= TRIALS_PER_STACK or not take_back(stack, seen):
                stack.board.clean_up()
                stack = None
            if size > 1:
                trials = [_alone(kit, fault, seed, t) if t.failed else t for t in trials]
            yield from trials
    finally:
        if stack is not None:
            stack.board.clean_up()


def _alone(kit: StackKit, fault: FaultClass, seed: int, trial: Trial) -> Trial:
    """A fault whose report got lost in its batch, flown alone; worse than that stays as it was."""
    is_mute = trial.outcome == Outcome.SILENT.value and trial.wrong == 0
    (again,) = run_stack_trials(kit, fault, seed, range(trial.index, trial.index + 1))
    if again.failed or is_mute:
        return again
    return msgspec.structs.replace(trial, why=f"{trial.why}; in a batch, though not alone")


def _fresh(kit: StackKit, fault: FaultClass, name: str) -> TrialStack:
    pace = PACES.get(fault)
    stack = TrialStack(kit, f"{fault.value}-{name}", pace, coded=fault is FaultClass.LINK)
    if not stack.get_ready():
        stack.board.clean_up()
        raise VanAllenError(f"the unharmed stack does not come up with {kit.profile.name}")
    return stack
