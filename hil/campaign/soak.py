"""The swarm: the whole stack under random subsets of faults for days, then proof that it comes back.

A flight is cut into rounds. In each a random subset of ways to strike is switched on (runs then differ
in kind, not in dice alone), and faults come at random while jobs run: the *safety* phase, in which no
answer may be wrong and no promise broken. Then every cause is taken away: the *liveness* phase, in which
the payload has 60 s to be NOMINAL, or SAFE with a reason that was told. Same seed, same trace hash.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flight_sw.errors import VanAllenError
from flight_sw.inference.job import Protection
from hil.campaign.trials.inject import strike
from hil.campaign.trials.kit import StackKit, open_kit
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.strike import Strike
from hil.campaign.trials.trial import compare, ping
from hil.kernel import poisson_arrivals, stream
from hil.simulation.pace import Pace

DAY_S = 86_400.0
ROUND_S, LIVENESS_S = 600.0, 60.0
MEAN_GAP_S = 60.0  # between faults of a round
JOB_EVERY_S = 30.0
OPERATOR_S = 60.0  # how often the operator looks whether the payload is in SAFE
LEAD_BACK_S = 60.0  # out of SAFE, by telecommand, until all works
PACE = Pace(heartbeat_s=5.0, scrub_pass_s=20.0, housekeeping_s=60.0, self_test_s=120.0)
WAYS = (
    "weight-flip",
    "weight-burst",
    "check-flip",
    "vote-flip",
    "vote-same-bit",
    "board-hang",
    "board-hang-sticky",
    "node-crash",
    "worker-hang",
    "worker-crash",
    "latch-up",
    "dead",
    "spike",
    "sensor-hang",
    "clock-jump",
    "full",
    "dip",
    "outage",
    "board-noise",
    "board-loss",
    "space-noise",
    "line-cut",
)


@dataclass(slots=True)
class Tally:
    """What happened so far."""

    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    void: int = 0
    answers: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    fresh_stacks: int = 0
    broken: list[str] = field(default_factory=list)


def soak(
    days: float, seed: int, model: str, board: str, show: Callable[[float, Tally], None]
) -> dict[str, Any]:
    """Fly it; `show` is told the share done.

    Raises:
        UserError: model or board cannot be used.
    """
    rounds, tally = max(1, round(days * DAY_S / ROUND_S)), Tally()
    trace = hashlib.sha256()
    with open_kit(model, board, Protection.STANDARD) as kit:
        stack: TrialStack | None = None
        for number in range(rounds):
            if stack is None:
                stack = _fresh(kit, f"soak-{seed}-{number}")
                tally.fresh_stacks += 1
            came_back = _round(stack, stream(seed, f"soak:{number}"), number, tally)
            trace.update(stack.trace_hash.encode())
            show((number + 1) / rounds, tally)
            if not came_back:
                stack.board.clean_up()
                stack = None
        if stack is not None:
            stack.board.clean_up()
    return {
        "days": rounds * ROUND_S / DAY_S,
        "seed": seed,
        "trace_hash": trace.hexdigest(),
        "rounds": tally.rounds,
        "faults": sum(tally.faults.values()),
        "by_way": dict(sorted(tally.faults.items())),
        "void": tally.void,
        "answers": tally.answers,
        "ended_in": dict(sorted(tally.ends.items())),
        "longest_to_recover_s": round(tally.longest_s, 3),
        "fresh_stacks": tally.fresh_stacks,
        "broken": tally.broken,
        "declared": PACE.declared(kit.profile),
    }


def _fresh(kit: StackKit, name: str) -> TrialStack:
    stack = TrialStack(kit, name, PACE)
    if not stack.get_ready():
        raise VanAllenError(f"the unharmed stack does not come up with {kit.profile.name}")
    return stack


def _round(stack: TrialStack, chance: np.random.Generator, number: int, tally: Tally) -> bool:
    """One round; whether the stack works again afterwards."""
    notes, start_s = stack.begin(), stack.timeline.now_s
    ways = [way for way in WAYS if chance.random() < 0.5] or [WAYS[0]]
    end_s = start_s + ROUND_S - LIVENESS_S
    strikes = _planned(ways, chance, start_s, end_s)
    for at_s, one in strikes:
        stack.timeline.call(at_s, "strike", lambda _, one=one: strike(stack, one))
    for at_s in np.arange(start_s + 1.0, end_s, JOB_EVERY_S).tolist():
        stack.timeline.call(at_s, "job", lambda _: stack.submit(number % len(stack.kit.inputs)))
    for at_s in np.arange(start_s + OPERATOR_S, end_s, OPERATOR_S).tolist():
        stack.timeline.call(at_s, "operator", lambda _: _operate(stack))
    stack.fly(end_s - start_s)
    _take_away(stack, [one for _, one in strikes])
    took_s = _liveness(stack)
    mode = stack.controller.mode.name if stack.controller_up else "DOWN"
    wrong, _ = compare(stack, notes)
    tally.rounds += 1
    tally.faults.update(one.variant for _, one in strikes if not one.void)
    tally.void += sum(bool(one.void) for _, one in strikes)
    tally.answers += len(notes.answers)
    tally.ends[mode] += 1
    tally.longest_s = max(tally.longest_s, took_s or LIVENESS_S)
    problems = {
        f"{wrong} wrong answers": wrong > 0,
        f"the controller died: {notes.crash}": bool(notes.crash),
        "the clock rose on a temperature that nobody could believe": notes.rose_blind,
        f"{mode} {LIVENESS_S:g} s after the last fault": took_s is None,
    }
    tally.broken += [f"round {number}: {text}" for text, bad in problems.items() if bad]
    return _lead_back(stack)


def _planned(
    ways: Sequence[str], chance: np.random.Generator, start_s: float, end_s: float
) -> list[tuple[float, Strike]]:
    planned = []
    for at_s in poisson_arrivals(chance, 1 / MEAN_GAP_S, start_s, end_s - 1.0):
        way = ways[int(chance.integers(len(ways)))]
        place, second, level, span = chance.random(4).tolist()
        planned.append((at_s, Strike(way, place, second, level, span)))
    return planned


def _take_away(stack: TrialStack, strikes: Sequence[Strike]) -> None:
    """Faults stop: their causes end; what they broke stays broken until the payload mends it."""
    for one in strikes:
        for undo in one.undo:
            undo()
        one.ends_s = min(one.ends_s, stack.timeline.now_s)


def _liveness(stack: TrialStack) -> float | None:
    """Seconds until NOMINAL, or SAFE with its reason told; None if neither in time."""
    start_s = stack.timeline.now_s
    while stack.timeline.now_s - start_s < LIVENESS_S:
        stack.fly(1.0)
        if not stack.controller_up:
            continue
        is_safe = stack.controller.mode.name == "SAFE"
        told = any(e.name == "mode-changed" and e.values["why"] for e in stack.notes.events)
        if (stack.works or (is_safe and told)) and ping(stack):
            return stack.timeline.now_s - start_s
    return None


def _lead_back(stack: TrialStack) -> bool:
    """The operator's part: out of SAFE again."""
    _operate(stack)
    start_s = stack.timeline.now_s
    while stack.timeline.now_s - start_s < LEAD_BACK_S:
        if stack.works:
            return True
        stack.fly(1.0)
    return False


def _operate(stack: TrialStack) -> None:
    if stack.controller_up and stack.controller.mode.name == "SAFE":
        stack.order("set-mode", mode="NOMINAL")
