"""One trial: jobs run, a fault strikes, time passes until all is well again or the limits are over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from flight_sw.inference.job import Protection
from hil.campaign.record import FAILURES, Flight, Injection, JobCounts, Outcome, Planned
from hil.campaign.residue import Damage, look, name_of
from hil.campaign.trials.draw import Drawn
from hil.campaign.trials.inject import WAIT_S, Strike, memory_map, strike
from hil.campaign.trials.stack import Notes, TrialStack
from hil.faults.classes import CATALOG, FaultClass
from hil.faults.flip import state_of
from hil.faults.memory import flip_bit
from hil.faults.regions import Region, page_of
from hil.faults.rig_messages import Hit

LEAD_S = 0.6  # between the first job and the fault, at most
FOLLOW_S = 0.3  # from the fault to the next job
SPACING_S = {FaultClass.SPIKE: 1.3}  # between faults of a batch: a spike is over before the next
# How many faults of a class may strike together; check bytes of one page, one number of the profile,
# and a page with a stuck bit, are hit once in a batch.
BATCHED = {
    FaultClass.SEU: 24,
    FaultClass.MBU: 24,
    FaultClass.PROTECTION: 8,
    FaultClass.SEU_STATE: 24,
    FaultClass.SEU_STATE_TWO: 24,
    FaultClass.SEU_PROFILE: 12,
    FaultClass.SPIKE: 8,
    FaultClass.STUCK_BIT: 6,
}
ONE_A_PLACE = frozenset({FaultClass.PROTECTION, FaultClass.SEU_PROFILE, FaultClass.STUCK_BIT})
LOOK_EVERY_S = 0.1
ASK_AGAIN_S = 2.5  # after all causes are gone
PATIENCE_S = 30.0  # beyond the limit, to tell late from never
SETTLING_S = {FaultClass.STORE_IO: 1.1}  # until telemetry tells of records not stored yet
REFUSED_ENOUGH = 3  # boots that ask for a new key: no other comes out differently
USED_UP = frozenset({FaultClass.STORE_BOTH, FaultClass.BOOT_LOOP})  # boots are counted
GAP_S = {FaultClass.PAIR: 1.0, FaultClass.RECOVERY: 8.0}


class Trial(msgspec.Struct, frozen=True):
    """What became of one fault.

    Args:
        layer, bit: tensor that was hit, and which bit of its number; empty and -1 elsewhere.
        wrong: final answers that differ from their golden twins.
        changed: of these, answers that say something else at the card's threshold.
        detect_s, recover_s: from the fault to its report on the ground, and until all was well.
    """

    index: int
    variant: str
    outcome: str
    why: str
    region: str = ""
    layer: str = ""
    bit: int = -1
    wrong: int = 0
    changed: int = 0
    detect_s: float | None = None
    recover_s: float | None = None

    @property
    def failed(self) -> bool:
        """Silent, hang or dead."""
        return Outcome(self.outcome) in FAILURES


@dataclass(frozen=True, slots=True)
class Seen:
    """What the judge is given of one trial.

    Args:
        healed_s: when the stack was whole again; None if it never was.
        settled_s: when the ground knew it, with every answer confirmed.
        damaged: as `hil.campaign.residue` sees it.
        level_rose_blind: the clock went up while no temperature could be believed.
    """

    drawn: Drawn
    strikes: tuple[Strike, ...]
    notes: Notes
    healed_s: float | None
    settled_s: float | None
    ended_s: float
    damaged: Damage | None
    mode: str
    board: str
    answers_ping: bool
    level_rose_blind: bool
    wrong: int
    changed: int
    refused: str
    peak_c: float
    hard_limit_c: float
    in_batch: bool


def run_batch(stack: TrialStack, batch: Sequence[Drawn]) -> list[Seen]:
    """Fly faults of one class that strike one after another, before all are looked after.

    No two are at work in one page or voted record: the later one waits until the ground was told of
    the first. Each is judged by what was seen of it, and all of them by the answers.
    """
    entry, count = CATALOG[batch[0].fault], len(stack.kit.inputs)
    stack.begin()
    groups = _plan(batch)
    everything = tuple(one for strikes in groups for one in strikes)
    stack.submit(batch[0].index % count)
    _strike_all(stack, batch, groups)
    last_s = max(one.at_s for one in everything)
    follow_s, follow = last_s + FOLLOW_S, (batch[0].index + 1) % count
    stack.timeline.call(follow_s, "job", lambda _: stack.submit(follow))
    limit_s = last_s + entry.recover_s + PATIENCE_S
    healed_s, settled_s = _wait(stack, everything, follow_s, limit_s)
    first = _look_at(stack, batch[0], groups[0], (healed_s, settled_s))
    first = replace(first, in_batch=len(batch) > 1)
    rest = zip(batch[1:], groups[1:], strict=True)
    return [first] + [
        replace(first, drawn=drawn, strikes=strikes, damaged=_damage(stack, strikes))
        for drawn, strikes in rest
    ]


def _plan(batch: Sequence[Drawn]) -> list[tuple[Strike, ...]]:
    """The strikes of each fault; each page is hit once, or only after its last hit was told of."""
    fault, taken, groups = batch[0].fault, set[tuple[str, int]](), list[tuple[Strike, ...]]()
    everything: list[Strike] = []
    for drawn in batch:
        strikes = tuple(
            Strike(way, drawn.place[i], drawn.second[i], drawn.level[i], drawn.span[i], i)
            for i, way in enumerate(drawn.variants)
        )
        everything += strikes
        groups.append(strikes)
    for one in everything:
        if fault in ONE_A_PLACE:
            one.taken = taken
        elif len(batch) > 1:
            one.others = everything
    return groups


def _strike_all(
    stack: TrialStack, batch: Sequence[Drawn], groups: Sequence[tuple[Strike, ...]]
) -> None:
    """Fly until the last fault of a batch has struck."""
    start_s = last_s = stack.timeline.now_s
    for place, (drawn, strikes) in enumerate(zip(batch, groups, strict=True)):
        at_s = start_s + 0.02 + drawn.delay * LEAD_S + place * SPACING_S.get(drawn.fault, 0.0)
        for number, one in enumerate(strikes):
            at_s += number * drawn.gap * GAP_S.get(drawn.fault, 0.0)
            stack.timeline.call(at_s, "strike", lambda _, one=one: strike(stack, one))
        last_s = max(last_s, at_s)
    stack.fly(last_s - start_s + WAIT_S / 10)
    while not all(one.struck for strikes in groups for one in strikes):
        stack.fly(WAIT_S)


def _look_at(
    stack: TrialStack,
    drawn: Drawn,
    strikes: tuple[Strike, ...],
    ends: tuple[float | None, float | None],
) -> Seen:
    """What the judge is given of a trial that is over; `ends` are when it healed and settled."""
    alive = ping(stack)
    notes = stack.notes
    wrong, changed = compare(stack, notes)
    return Seen(
        drawn,
        strikes,
        notes,
        *ends,
        stack.timeline.now_s,
        _damage(stack, strikes),
        stack.controller.mode.name if stack.controller_up else "DOWN",
        str(notes.housekeeping.get("board", "")),
        alive,
        notes.rose_blind,
        wrong,
        changed,
        stack.boot_refused,
        stack.board.physics.max_temp_c,
        stack.kit.profile.thermal.hard_limit_c,
        in_batch=False,
    )


def take_back(stack: TrialStack, seen: Sequence[Seen]) -> bool:
    """End what is left of the faults and lead the payload back; False if a fresh stack is needed."""
    for one in [one for each in seen for one in each.strikes]:
        for undo in one.undo:
            undo()
        one.ends_s = min(one.ends_s, stack.timeline.now_s)
        for hit in one.hits:
            votes = hit.region.startswith("voted")  # mends itself; what differs now is a new value
            if stack.board.running and not votes and state_of(hit) == "flipped":
                flip_bit(hit.pid, hit.address, hit.bit)
    if not stack.controller_up or stack.boot_refused or seen[0].drawn.fault in USED_UP:
        return False
    if stack.controller.mode.name == "SAFE":
        stack.order("set-mode", mode="NOMINAL")
    stack.fly(SETTLING_S.get(seen[0].drawn.fault, 0.0))
    for _ in range(200):
        stack.fly(0.1)
        unsaved = stack.notes.housekeeping.get("records_unsaved", 0)
        if stack.works and not unsaved and not _damage(stack, ()):
            return True
    return False


def _wait(
    stack: TrialStack, strikes: Sequence[Strike], first_s: float, limit_s: float
) -> tuple[float | None, float | None]:
    """Fly until all is well or the limit is over; when it was healed, and when all had settled."""
    healed_s, asked = None, False
    stack.fly(max(first_s - stack.timeline.now_s, 0.0) + 0.001)
    while stack.timeline.now_s < limit_s and stack.refusals < REFUSED_ENOUGH:
        if not _is_healed(stack, strikes):
            healed_s = None
        elif healed_s is None:
            healed_s = stack.timeline.now_s
        if healed_s is not None and _is_settled(stack, strikes):
            return healed_s, stack.timeline.now_s
        over_s = stack.timeline.now_s - max(one.ends_s for one in strikes)
        if healed_s is not None and over_s > ASK_AGAIN_S and not asked:
            asked = True  # as the ground does after trouble on its link
            stack.submit(len(stack.notes.submitted) % len(stack.kit.inputs))
        stack.fly(LOOK_EVERY_S)
    return healed_s, None


def _is_healed(stack: TrialStack, strikes: Sequence[Strike]) -> bool:
    """No cause is left, the payload works or went to SAFE, and no bit that was hit is still wrong."""
    now = stack.timeline.now_s
    if any(now < one.ends_s for one in strikes) or not stack.controller_up:
        return False
    if stack.controller.mode.name == "SAFE":
        return True
    is_fresh = stack.controller_boots != stack.controller_boots_at_begin
    if any(one.variant == "profile-flip" and one.hits for one in strikes) and not is_fresh:
        return False
    if not stack.works or stack.board.physics.latch_up_a > 0:
        return False
    if stack.kit.protection is Protection.NONE:
        return True
    fresh = stack.board.boots != stack.boots_at_begin
    hits = [hit for one in strikes for hit in one.hits if not fresh or _is_controllers(hit)]
    return not any(
        not h.region.startswith(("voted", "profile")) and state_of(h) == "flipped" for h in hits
    )


def _is_settled(stack: TrialStack, strikes: Sequence[Strike]) -> bool:
    """The ground knows: SAFE was told, or the last job is answered and every answer confirmed."""
    notes = stack.notes
    if stack.controller.mode.name == "SAFE":
        return any(e.name == "mode-changed" and e.values["after"] == "SAFE" for e in notes.events)
    answered = {answer.job for answer in notes.answers} | set(notes.failed)
    if max(notes.submitted) not in answered:
        return False
    if stack.kit.protection is Protection.NONE:
        return True
    known = notes.confirmed | set(notes.failed)
    if any(one.variant.startswith("space") for one in strikes):  # reports may be lost for good
        answered &= {max(notes.submitted)}
    return answered <= known and not _damage(stack, strikes)


def ping(stack: TrialStack) -> bool:
    """Whether the payload still answers."""
    before = stack.notes.alive
    stack.order("ping")
    for _ in range(30):
        if stack.notes.alive > before:
            return True
        stack.fly(0.1)
    return stack.notes.alive > before


def compare(stack: TrialStack, notes: Notes) -> tuple[int, int]:
    """Final answers that are wrong in any bit, and those that decide otherwise.

    Final is what was confirmed and not taken back; without protection nothing is ever confirmed.
    """
    unprotected = stack.kit.protection is Protection.NONE
    finals = {
        (a.job, a.attempt): a.output
        for a in notes.answers
        if (a.job, a.attempt) not in notes.withdrawn and (unprotected or a.job in notes.confirmed)
    }
    wrong = changed = 0
    for (job, _), output in finals.items():
        golden = stack.kit.golden[stack.jobs[job]]
        if output != golden:
            wrong += 1
            changed += stack.kit.decides(output) != stack.kit.decides(golden)
    return wrong, changed


class _Looker:
    """The stack as the residue's look wants it."""

    def __init__(self, stack: TrialStack, strikes: Sequence[Strike]) -> None:
        self._regions = memory_map(stack)
        self._strikes = strikes

    def regions(self) -> list[Region]:
        return self._regions

    def verify(self, number: int) -> list[str]:
        return [state_of(hit) for hit in self._strikes[number].hits]


def _damage(stack: TrialStack, strikes: Sequence[Strike]) -> Damage | None:
    """What is wrong in memory; nothing where the board is off, for it boots from its store."""
    if not stack.board.running:
        return frozenset()
    landed = [(i, one) for i, one in enumerate(strikes) if one.hits and not one.void]
    if stack.board.boots != stack.boots_at_begin:
        landed = [(i, one) for i, one in landed if _is_controllers(one.hits[0])]
    injections = [injection_of(i, one) for i, one in landed]
    numbers = {i: i for i, _ in landed}
    return look(_Looker(stack, strikes), injections, numbers, stack.kit.files)


def _is_controllers(hit: Hit) -> bool:
    return name_of(hit.region) == "payload"


def injection_of(number: int, one: Strike) -> Injection:
    """A strike in the words of the judge."""
    first = one.hits[0] if one.hits else None
    page = -1
    if first is not None and not first.region.startswith(("voted", "profile")):
        page = page_of(first.region, first.offset)
    return Injection(
        number,
        one.at_s,
        not one.void,
        name_of(first.region) if first else "",
        page,
        len(one.hits),
        one.void,
    )


def to_flight(seen: Seen, kinds: Sequence[str]) -> Flight:
    """A trial as the record of a small flight, for the judge of flights; answers are judged apart."""
    notes = seen.notes
    plan = tuple(
        Planned(i, one.at_s, kind, one.place, one.second, "trial")
        for i, (one, kind) in enumerate(zip(seen.strikes, kinds, strict=True))
    )
    injections = tuple(injection_of(i, one) for i, one in enumerate(seen.strikes))
    return Flight(
        plan,
        injections,
        tuple(notes.events),
        (),
        JobCounts(),
        {},
        {},
        seen.damaged,
        seen.ended_s,
        seen.mode,
        seen.board,
    )
