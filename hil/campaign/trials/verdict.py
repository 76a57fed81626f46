"""One word for a trial: what the judge of flights says, and what its class asks for besides.

A wrong answer or a broken promise makes a fault silent, whatever was reported. Too late is a hang. What
the judge of flights knows (memory and processes) it judges; the rest is judged here by the same rule:
nothing counts in our favour that was not seen.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from flight_sw.inference.job import Protection
from hil.campaign.judge import PROCESS_KINDS, judge
from hil.campaign.record import FAILURES, Event, Outcome
from hil.campaign.trials.inject import Strike
from hil.campaign.trials.kit import StackKit
from hil.campaign.trials.strike import place_of, place_told
from hil.campaign.trials.trial import Seen, Trial, to_flight
from hil.faults.classes import CATALOG, ClassEntry, FaultClass
from hil.faults.regions import BITS
from hil.faults.rig_messages import Hit

# How the judge of flights calls what it knows.
JUDGED_AS: Final[Mapping[str, str]] = {
    "weight-flip": "weight-flip",
    "weight-burst": "weight-burst",
    "check-flip": "check-flip",
    "crc-flip": "crc-flip",
    "parity-flip": "check-flip",
    "vote-flip": "vote-flip",
    "vote-two-bits": "vote-flip",
    "worker-hang": "worker-hang",
    "worker-crash": "worker-crash",
    "node-crash": "node-crash",
    "board-hang": "board-hang",
    "board-hang-sticky": "board-hang",
}
# Which report tells of the rest; without one they are masked if no harm was done.
TOLD_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "vote-same-bit": ("vote-lost",),
    "stuck-bit": ("page-corrected", "page-rebuilt", "page-lost"),
    "latch-up": ("over-current", "supply-off"),
    "line-cut": ("board-silent", "recovered"),
    "dip": ("board-up", "board-silent"),
    "outage": ("supply-off", "board-silent"),
    "dead": ("throttled-blind",),
    "garbage": ("throttled-blind",),
    "full": ("storage-failed",),
    "read-only": ("storage-failed",),
    "gone": ("storage-failed", "booted"),
    "clock-jump": ("time-suspect",),
    "clock-back": ("time-suspect",),
    "clock-2038": ("time-suspect",),
    "clock-stop": ("time-suspect",),
    "profile-flip": ("profile-damaged",),
    "both-slots": ("booted",),
    "boot-loop": ("boot-plan",),
    "hot-mount": ("throttled", "too-hot"),
    "sensor-hang": ("throttled-blind", "board-silent", "board-up"),
    "forged": ("frames-refused",),
}
_MAY_BE_QUIET: Final = frozenset(
    {"vote-same-bit", "stuck-bit", "line-cut", "dip", "gone", "hot-mount"}
)
MUST_BE_TOLD: Final = frozenset(TOLD_BY) - _MAY_BE_QUIET
# The controller itself may be down meanwhile, or its link cut: told once that is over.
UNHEARD: Final = frozenset(
    {"gone", "both-slots", "boot-loop", "space-noise", "space-loss", "space-stall"}
)
# Of a stopped process: its recovery is told later.
FIRST_SIGNS: Final = frozenset({"board-silent", "worker-restarted", "board-up", "recovered"})
IGNORED: Final = ("throttled", "too-hot", "released")  # what a spike must not cause
PEAK_OVER_K = 2.0  # row 20 of the note
STORM_EVENTS = 12  # reports of one stuck bit; more would fill the event log
Word = tuple[Outcome, str, float | None]


def to_trial(seen: Seen, kit: StackKit) -> Trial:
    """The verdict with what the tables need."""
    entry = CATALOG[seen.drawn.fault]
    outcome, why, told_s = _word(seen, entry, kit.protection)
    first = seen.strikes[0]
    hit = next((hit for one in seen.strikes for hit in one.hits), None)
    layer, bit = _place(hit, kit)
    landed = outcome is not Outcome.VOID
    over_s = max(one.ends_s for one in seen.strikes)
    healed_s = _healed_s(seen, told_s)
    recover_s = round(healed_s - over_s, 4) if landed and healed_s is not None else None
    return Trial(
        seen.drawn.index,
        seen.drawn.name,
        outcome.value,
        why,
        hit.region if hit else "",
        layer,
        bit,
        seen.wrong,
        seen.changed,
        round(told_s - first.at_s, 4) if told_s is not None else None,
        recover_s,
    )


def _word(seen: Seen, entry: ClassEntry, protection: Protection) -> Word:
    """A pair of which one fault did not land is none, unless the other was a failure by itself."""
    void = [one for one in seen.strikes if one.void]
    if len(void) == len(seen.strikes):
        return Outcome.VOID, void[0].void, None
    word = _landed_word(seen, entry, protection)
    if void and word[0] not in FAILURES:
        return Outcome.VOID, f"{void[0].variant}: {void[0].void}", None
    return word


def _landed_word(seen: Seen, entry: ClassEntry, protection: Protection) -> Word:
    if seen.refused:  # by design: old frames could pass again; the link opens with a new key alone
        return Outcome.SAFE, f"refuses its key: {seen.refused}", None
    broken = _broken_promise(seen)
    if broken:
        return Outcome.SILENT, broken, None
    if seen.notes.crash:
        return Outcome.DEAD, f"the controller died: {seen.notes.crash}", None
    if not seen.answers_ping:
        return Outcome.DEAD, "the payload does not answer", None
    if protection is Protection.NONE and seen.settled_s is not None:
        return Outcome.MASKED, "no answer was harmed", None
    words = [_single(seen, number) for number in range(len(seen.strikes))]
    worst = max(words, key=lambda word: _RANK.index(word[0]))
    if len(words) == 1 and worst[0] in _RANK[: _RANK.index(Outcome.SILENT)]:
        return _in_time(seen, entry, worst)
    if seen.settled_s is None:
        return Outcome.HANG, f"neither NOMINAL nor SAFE {entry.recover_s:g} s later", worst[2]
    if seen.mode == "SAFE":
        return Outcome.SAFE, "the payload went to SAFE", worst[2]
    return (worst[0], worst[1], worst[2]) if len(words) == 1 else _both(words)


_RANK = (
    Outcome.VOID,
    Outcome.MASKED,
    Outcome.CORRECTED,
    Outcome.RECOVERED,
    Outcome.SAFE,
    Outcome.SILENT,
    Outcome.HANG,
    Outcome.DEAD,
)


def _both(words: Sequence[Word]) -> Word:
    """Two faults that ended well: the worse word, and the first report of either."""
    good = [word for word in words if _RANK.index(word[0]) < _RANK.index(Outcome.SILENT)]
    word = max(good, key=lambda one: _RANK.index(one[0]), default=None)
    if word is None:  # each hid the other's report, but nothing is wrong and all works
        return Outcome.RECOVERED, "all is well again", None
    told = [one[2] for one in words if one[2] is not None]
    return word[0], word[1], min(told, default=None)


def _single(seen: Seen, number: int) -> Word:
    """What happened to one of the faults."""
    one = seen.strikes[number]
    if one.void:
        return Outcome.VOID, one.void, None
    if one.variant in JUDGED_AS:
        kinds = [JUDGED_AS.get(other.variant, "weight-flip") for other in seen.strikes]
        judged = judge(to_flight(seen, kinds)).judged[number]
        first = [e.at_s for e in seen.notes.events if e.name in FIRST_SIGNS and e.at_s >= one.at_s]
        is_process = judged.fault.kind in PROCESS_KINDS
        told_s = first[0] if is_process and first else judged.answered_s
        return judged.outcome, judged.why, told_s
    return _by_report(seen, one)


def _by_report(seen: Seen, one: Strike) -> Word:
    names = TOLD_BY.get(one.variant, ())
    told = [e for e in seen.notes.events if e.name in names and e.at_s >= one.at_s]
    if one.variant == "stuck-bit":
        told = [e for e in told if _is_of(e, one)]
    if told:
        word = Outcome.SAFE if seen.mode == "SAFE" else Outcome.RECOVERED
        return word, told[0].name, told[0].at_s
    if one.variant in MUST_BE_TOLD:
        return Outcome.SILENT, "gone, but nothing reported it", None
    return Outcome.MASKED, "no harm, nothing to report", None


def _healed_s(seen: Seen, told_s: float | None) -> float | None:
    """When it was over: of a batch what mends a fault tells of it, and a stuck bit goes by itself."""
    lasts = not seen.in_batch or seen.drawn.fault is FaultClass.STUCK_BIT
    return seen.healed_s if lasts else told_s


def _is_of(event: Event, one: Strike) -> bool:
    """Whether an event tells of the page that was hit."""
    return place_told(event.values) in {place_of(hit) for hit in one.hits}


def _in_time(seen: Seen, entry: ClassEntry, word: Word) -> Word:
    """The same word, unless its report or the end of the trouble came too late."""
    outcome, why, told_s = word
    first, over_s = seen.strikes[0].at_s, max(one.ends_s for one in seen.strikes)
    if seen.settled_s is None or seen.healed_s is None:
        return Outcome.HANG, f"not well again {entry.recover_s:g} s later", told_s
    unheard = any(one.variant in UNHEARD for one in seen.strikes)
    if told_s is not None and told_s - (over_s if unheard else first) > entry.detect_s:
        return (
            Outcome.HANG,
            f"told after {told_s - first:.2f} s, limit {entry.detect_s:g} s",
            told_s,
        )
    late_s = (_healed_s(seen, told_s) or over_s) - over_s
    if late_s > entry.recover_s:
        return Outcome.HANG, f"well again after {late_s:.2f} s, limit {entry.recover_s:g} s", told_s
    return outcome, why, told_s


def _broken_promise(seen: Seen) -> str:
    """What makes a fault silent: a wrong answer, or something done that its class forbids."""
    if seen.wrong:
        return f"{seen.wrong} final answers differ from the golden twin"
    events = [e.name for e in seen.notes.events]
    if seen.drawn.fault is FaultClass.SPIKE and any(name in IGNORED for name in events):
        return "the clock was changed on one sample"
    if seen.drawn.fault is FaultClass.HEAT and seen.peak_c > seen.hard_limit_c + PEAK_OVER_K:
        return f"the die reached {seen.peak_c:.1f} °C"
    if seen.level_rose_blind:
        return "the clock went up on a temperature that nobody could believe"
    if seen.drawn.fault is FaultClass.STUCK_BIT:
        mends = [e for e in seen.notes.events if e.name == "page-corrected"]
        count = sum(_is_of(event, seen.strikes[0]) for event in mends)
        return f"{count} reports of one stuck bit" if count > STORM_EVENTS else ""
    return ""


def _place(hit: Hit | None, kit: StackKit) -> tuple[str, int]:
    """Tensor and bit of its numbers that a hit in weights fell into."""
    if hit is None:
        return "", -1
    name = hit.region.partition(":")[2]
    if not hit.region.startswith("weights:"):
        return "", hit.bit
    for blob in kit.blobs[name]:
        inside = hit.offset - blob.offset
        if 0 <= inside < blob.length:
            tensor = blob.name.partition(":packed")[0]
            return kit.layers[name].get(tensor, tensor), inside % 4 * BITS + hit.bit
    return "", hit.bit
