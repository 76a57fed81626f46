"""The stack bench: blocks of trials, one after another on one stack, a fresh one where it is broken.

A block always starts on a fresh stack and its names come from the plan, so a block gives the same trials
whenever and wherever it is run; that is what makes shards idempotent and a single fault repeatable.
"""

from collections.abc import Iterator

from flight_sw.errors import VanAllenError
from hil.campaign.trials.draw import draw
from hil.campaign.trials.kit import StackKit
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.trial import Trial, run_trial, take_back
from hil.campaign.trials.verdict import to_trial
from hil.faults.classes import FaultClass

TRIALS_PER_STACK = 200  # then a fresh one, so that nothing unseen adds up


def run_stack_trials(
    kit: StackKit, fault: FaultClass, seed: int, indices: range
) -> Iterator[Trial]:
    """Fly the trials of one block in order.

    Raises:
        VanAllenError: a fresh stack does not come up, so nothing can be said.
    """
    stack: TrialStack | None = None
    flown = 0
    try:
        for index in indices:
            if stack is None:
                stack, flown = _fresh(kit, fault, f"{seed}-{indices.start}-{index}"), 0
            seen = run_trial(stack, draw(seed, fault, index))
            yield to_trial(seen, kit)
            flown += 1
            if flown >= TRIALS_PER_STACK or not take_back(stack, seen):
                stack.board.clean_up()
                stack = None
    finally:
        if stack is not None:
            stack.board.clean_up()


def _fresh(kit: StackKit, fault: FaultClass, name: str) -> TrialStack:
    stack = TrialStack(kit, f"{fault.value}-{name}", coded=fault is FaultClass.LINK)
    if not stack.get_ready():
        stack.board.clean_up()
        raise VanAllenError(f"the unharmed stack does not come up with {kit.profile.name}")
    return stack
