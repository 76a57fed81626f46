"""The judge: one outcome word for every planned fault, from what was seen and nothing else.

It never counts in our favour what was not seen: no injection record is void, no event is silent, a
check at the end that could not be made leaves nothing clean, and a result that differs from its
golden twin makes a fault silent whatever the events said. Pure: a recorded flight in, a verdict out.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hil.campaign.record import FAILURES, Answer, Event, Flight, Injection, Outcome, Planned

PROCESS_KINDS = frozenset({"worker-crash", "worker-hang", "node-crash", "board-hang"})
WEIGHT_KINDS = frozenset({"weight-flip", "weight-double-flip", "weight-burst"})
# Which report answers which fault, best first.
ANSWERS: dict[str, tuple[str, ...]] = {
    "weight-flip": ("page-corrected", "page-rebuilt"),
    "weight-double-flip": ("page-corrected", "page-rebuilt"),
    "weight-burst": ("page-corrected", "page-rebuilt"),
    "check-flip": ("check-repaired", "page-rebuilt"),
    "crc-flip": ("check-repaired", "page-rebuilt"),
    "vote-flip": ("vote-repaired",),
    "worker-crash": ("worker-restarted", "board-up"),
    "worker-hang": ("worker-restarted", "board-up"),
    "node-crash": ("recovered", "board-up"),
    "board-hang": ("recovered", "board-up"),
}
CORRECTIONS = frozenset({"page-corrected", "check-repaired", "vote-repaired"})
# A damaged page that cannot be repaired is reported and its model taken out of use.
LOST = frozenset({"page-lost", "page-retired", "vote-lost"})
# A board that boots stages its weights anew; a restarted worker finds them as they were.
RELOADS = frozenset({"board-up"})
# These speak for every open fault they concern; any other report for as many bits as it names.
SWEEPING = frozenset({"page-rebuilt", "board-up", *LOST})
BOUND_S: dict[str, float] = {
    "worker-crash": 10.0,
    "worker-hang": 10.0,
    "node-crash": 30.0,
    "board-hang": 30.0,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One fault's outcome.

    Args:
        why: one sentence for people.
        answered_s: when the event that speaks for the outcome arrived; None without one.
    """

    fault: Planned
    injection: Injection | None
    outcome: Outcome
    why: str
    answered_s: float | None = None

    @property
    def latency_s(self) -> float | None:
        """From the injection to the report on the ground."""
        if self.injection is None or self.answered_s is None:
            return None
        return self.answered_s - self.injection.at_s


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole flight's outcome.

    Args:
        wrong: jobs whose final result differs from the golden twin's, or has no twin.
        unattributed: of these, the ones that no landed fault can explain.
        unanswered: jobs submitted that have neither a valid result nor a reported failure.
    """

    judged: tuple[Judged, ...]
    done: int
    wrong: tuple[int, ...]
    unattributed: tuple[int, ...]
    unanswered: tuple[int, ...]

    def count(self, outcome: Outcome) -> int:
        """How many faults came to this outcome."""
        return sum(one.outcome is outcome for one in self.judged)

    @property
    def injected(self) -> int:
        """Every planned fault."""
        return len(self.judged)

    @property
    def landed(self) -> int:
        """Injected less void, always."""
        return self.injected - self.count(Outcome.VOID)

    @property
    def silent(self) -> int:
        """Silent faults, and wrong results that no fault explains."""
        return self.count(Outcome.SILENT) + len(self.unattributed)

    @property
    def golden_match(self) -> bool:
        """Whether there are results and every final one equals its golden twin."""
        return self.done > 0 and not self.wrong

    @property
    def handled(self) -> bool:
        """Whether no fault was silent, hung or killed the payload, and every job was answered."""
        failed = any(one.outcome in FAILURES for one in self.judged)
        return not failed and not self.wrong and not self.unanswered


def judge(flight: Flight) -> Verdict:
    """Give every planned fault one word and every job its verdict."""
    injections = {one.fault: one for one in flight.injections}
    answered = _match_reports(flight, injections)
    judged = {
        fault.id: _judge_one(flight, fault, injections.get(fault.id), answered.get(fault.id))
        for fault in flight.plan
    }
    finals = final_answers(flight)
    wrong = sorted(job for job, one in finals.items() if flight.golden.get(job) != one.output)
    unattributed = [job for job in wrong if not _blame(flight, judged, finals[job])]
    known = set(finals) | set(flight.jobs.failed)
    unanswered = [job for job in sorted(flight.jobs.submitted) if job not in known]
    return Verdict(
        tuple(judged[fault.id] for fault in flight.plan),
        len(finals),
        tuple(wrong),
        tuple(unattributed),
        tuple(unanswered),
    )


def final_answers(flight: Flight) -> dict[int, Answer]:
    """By job, the last attempt that was not withdrawn; a failed job has none."""
    finals: dict[int, Answer] = {}
    for answer in flight.answers:
        if (answer.job, answer.attempt) in flight.jobs.withdrawn:
            continue
        if answer.job in flight.jobs.failed:
            continue
        best = finals.get(answer.job)
        if best is None or answer.attempt > best.attempt:
            finals[answer.job] = answer
    return finals


def _match_reports(flight: Flight, injections: dict[int, Injection]) -> dict[int, Event]:
    """Give every report to the open faults that it speaks for, oldest first, and no further.

    What the scrubber said about a page goes before a reload, which only explains what is left.
    """
    kinds = {fault.id: fault.kind for fault in flight.plan}
    landed = [one for one in injections.values() if one.landed and one.fault in kinds]
    events = sorted(flight.events, key=lambda one: one.at_s)
    answered: dict[int, Event] = {}
    for speaks in (_names, _reloads):
        for event in events:
            budget = _budget(event)
            for injection in sorted(landed, key=lambda one: one.at_s):
                if injection.fault in answered or injection.at_s > event.at_s or budget <= 0:
                    continue
                if speaks(event, kinds[injection.fault], injection):
                    answered[injection.fault] = event
                    budget -= max(1, injection.bits)
    return answered


def _budget(event: Event) -> float:
    """How many flipped bits, or stopped processes, a report can account for."""
    if event.name in SWEEPING:
        return math.inf
    bits = event.values.get("bits", 1)
    return max(1, bits) if isinstance(bits, int) else 1


def _names(event: Event, kind: str, injection: Injection) -> bool:
    """Whether the report names this very page, record or process."""
    if event.name not in ANSWERS[kind] and event.name not in LOST:
        return False
    if kind in PROCESS_KINDS:
        return event.name in ANSWERS[kind]
    values = event.values
    if kind == "vote-flip":
        return values.get("record") == injection.region
    return values.get("region") == injection.region and values.get("page") == injection.page


def _reloads(event: Event, kind: str, injection: Injection) -> bool:
    """Whether the report tells of a restart that rewrote what this fault had damaged."""
    del injection  # a restart rewrites every region of the weights
    return event.name in RELOADS and kind != "vote-flip" and kind not in PROCESS_KINDS


def _judge_one(
    flight: Flight, fault: Planned, injection: Injection | None, answer: Event | None
) -> Judged:
    if injection is None or not injection.landed:
        why = "not injected" if injection is None else injection.why or "did not land"
        return Judged(fault, injection, Outcome.VOID, why)
    if fault.kind in PROCESS_KINDS:
        return _judge_process(flight, fault, injection, answer)
    if answer is not None and answer.name in LOST:
        return _judge_lost(flight, fault, injection, answer)
    if _still_damaged(flight, injection):
        return Judged(fault, injection, Outcome.SILENT, "still damaged at the end, or not checked")
    if answer is not None:
        word = Outcome.CORRECTED if answer.name in CORRECTIONS else Outcome.RECOVERED
        return Judged(fault, injection, word, answer.name, answer.at_s)
    if fault.kind == "vote-flip":
        return Judged(fault, injection, Outcome.MASKED, "record rewritten before the next vote")
    return Judged(fault, injection, Outcome.SILENT, "gone, but nothing reported it")


def _still_damaged(flight: Flight, injection: Injection) -> bool:
    return flight.damaged is None or (injection.region, injection.page) in flight.damaged


def _judge_process(
    flight: Flight, fault: Planned, injection: Injection, answer: Event | None
) -> Judged:
    if answer is None:
        safe = flight.mode == "SAFE" and _mode_went_safe(flight.events, injection.at_s)
        if safe:
            return Judged(fault, injection, Outcome.SAFE, "the payload went to SAFE and stayed")
        if flight.board != "UP":
            return Judged(fault, injection, Outcome.DEAD, f"the board ended {flight.board}")
        return Judged(fault, injection, Outcome.HANG, "no recovery was reported")
    bound = max(BOUND_S[fault.kind], flight.recovery_s.get(fault.kind, 0.0))
    if answer.at_s - injection.at_s > bound:
        why = f"recovery took longer than its bound of {bound:g} s"
        return Judged(fault, injection, Outcome.HANG, why, answer.at_s)
    return Judged(fault, injection, Outcome.RECOVERED, answer.name, answer.at_s)


def _judge_lost(flight: Flight, fault: Planned, injection: Injection, answer: Event) -> Judged:
    """Damage that was found and could not be repaired: safe only if nothing used it afterwards."""
    if fault.kind == "vote-flip":
        went_safe = _mode_went_safe(flight.events, injection.at_s)
        word = Outcome.SAFE if went_safe else Outcome.SILENT
        return Judged(fault, injection, word, answer.name, answer.at_s)
    slots = {slot for slot, region in flight.regions.items() if region == injection.region}
    used = any(
        one.slot in slots and one.at_s > answer.at_s
        for one in flight.answers
        if (one.job, one.attempt) not in flight.jobs.withdrawn
    )
    word = Outcome.SILENT if used else Outcome.SAFE
    return Judged(fault, injection, word, answer.name, answer.at_s)


def _mode_went_safe(events: Iterable[Event], since_s: float) -> bool:
    return any(
        event.name == "mode-changed"
        and event.values.get("after") == "SAFE"
        and event.at_s > since_s
        for event in events
    )


def _blame(flight: Flight, judged: dict[int, Judged], answer: Answer) -> bool:
    """Mark as silent the faults that can explain a wrong answer: those open when it came, else the
    last one before it in the same weights. False if there is none.
    """
    region = flight.regions.get(answer.slot)
    before = [
        one
        for one in judged.values()
        if one.injection is not None
        and one.injection.landed
        and one.fault.kind in WEIGHT_KINDS
        and one.injection.region == region
        and one.injection.at_s <= answer.at_s
    ]
    if not before:
        return False
    still_open = [one for one in before if one.answered_s is None or one.answered_s > answer.at_s]
    latest = max(before, key=lambda one: one.injection.at_s if one.injection else 0.0)
    for one in still_open or [latest]:
        why = f"result of job {answer.job} differs from the golden twin"
        judged[one.fault.id] = replace(one, outcome=Outcome.SILENT, why=why)
    return True


def tally(verdict: Verdict) -> dict[str, int]:
    """Faults by outcome, in the words of the summary."""
    words = Counter(one.outcome for one in verdict.judged)
    counts = {"injected": verdict.injected, "landed": verdict.landed}
    counts |= {outcome.value: words[outcome] for outcome in Outcome}
    counts["silent"] = verdict.silent
    return counts
