"""The judge's rules, one by one, and what must hold for any flight."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.campaign.judge import ANSWERS, final_answers, judge, tally
from hil.campaign.record import (
    Answer,
    Event,
    Flight,
    Injection,
    JobCounts,
    Outcome,
    Planned,
)

WEIGHTS = "weights.1"
EMPTY = Flight(
    plan=(),
    injections=(),
    events=(),
    answers=(),
    jobs=JobCounts(),
    golden={},
    regions={1: WEIGHTS},
    damaged=frozenset(),
    ended_s=20.0,
    mode="NOMINAL",
    board="UP",
)


def flown(kind, *events, region=WEIGHTS, page=3, bits=1, **changes):
    """A flight with one landed fault at 5 s and the given events."""
    injection = Injection(0, 5.0, True, region, page, bits)
    flight = replace(
        EMPTY,
        plan=(Planned(0, 5.0, kind, 0.5, 0.0, "scenario"),),
        injections=(injection,),
        events=events,
    )
    return replace(flight, **changes)


def page_event(name, at_s=5.5, region=WEIGHTS, page=3, bits=1):
    return Event(at_s, name, {"region": region, "page": page, "bits": bits})


def word(flight):
    return judge(flight).judged[0].outcome


@pytest.mark.parametrize(
    ("kind", "event", "expected"),
    [
        ("weight-flip", page_event("page-corrected"), Outcome.CORRECTED),
        ("weight-flip", page_event("page-rebuilt"), Outcome.RECOVERED),
        ("weight-double-flip", page_event("page-rebuilt"), Outcome.RECOVERED),
        ("check-flip", page_event("check-repaired"), Outcome.CORRECTED),
        ("worker-crash", Event(6.0, "worker-restarted", {"why": "crash"}), Outcome.RECOVERED),
        ("worker-hang", Event(6.0, "worker-restarted", {"why": "hang"}), Outcome.RECOVERED),
        ("board-hang", Event(9.0, "recovered", {"time": 4.0}), Outcome.RECOVERED),
        ("weight-flip", Event(9.0, "board-up", {"boots": 2}), Outcome.RECOVERED),
        ("weight-flip", Event(9.0, "worker-restarted", {"why": "crash"}), Outcome.SILENT),
        ("weight-flip", page_event("page-lost"), Outcome.SAFE),
        ("weight-flip", page_event("page-corrected", at_s=4.9), Outcome.SILENT),
        ("weight-flip", page_event("page-corrected", page=4), Outcome.SILENT),
        ("weight-flip", page_event("page-corrected", region="weights.2"), Outcome.SILENT),
        ("weight-flip", page_event("check-repaired"), Outcome.SILENT),
        ("check-flip", page_event("page-corrected"), Outcome.SILENT),
        ("worker-crash", Event(4.0, "worker-restarted", {"why": "crash"}), Outcome.HANG),
        ("worker-crash", Event(16.0, "worker-restarted", {"why": "crash"}), Outcome.HANG),
        ("board-hang", Event(6.0, "worker-restarted", {"why": "hang"}), Outcome.HANG),
    ],
)
def test_a_fault_gets_the_word_that_its_report_earns(kind, event, expected):
    """A later report that names the very page, record or process decides; no other does."""
    assert word(flown(kind, event)) is expected


def test_a_vote_report_counts_only_for_its_own_record():
    """A repaired record says nothing about another one."""
    repaired = Event(6.0, "vote-repaired", {"record": "mode", "bits": 1})
    assert word(flown("vote-flip", repaired, region="mode", page=-1)) is Outcome.CORRECTED
    other = flown(
        "vote-flip", repaired, region="limits", page=-1, damaged=frozenset({("limits", -1)})
    )
    assert word(other) is Outcome.SILENT


def test_a_voted_flip_that_is_gone_is_masked_and_one_that_stays_is_silent():
    """A record that was rewritten hides its flip; a damaged one at the end was missed."""
    assert word(flown("vote-flip", region="mode", page=-1)) is Outcome.MASKED
    stays = flown("vote-flip", region="mode", page=-1, damaged=frozenset({("mode", -1)}))
    assert word(stays) is Outcome.SILENT


def test_a_fault_that_did_not_land_is_void_whatever_was_reported():
    """Neither a missing injection record nor one that did not land counts for us."""
    flight = flown("weight-flip", page_event("page-corrected"))
    missed = replace(flight, injections=(replace(flight.injections[0], landed=False),))
    assert word(missed) is Outcome.VOID
    assert word(replace(flight, injections=())) is Outcome.VOID
    assert judge(missed).landed == 0


def test_damage_at_the_end_is_silent_even_after_a_repair_report():
    """A report of repair is not believed against the memory itself."""
    flight = flown("weight-flip", page_event("page-corrected"))
    assert word(replace(flight, damaged=frozenset({(WEIGHTS, 3)}))) is Outcome.SILENT


def test_without_the_check_at_the_end_nothing_is_clean():
    """A check that could not be made is no proof."""
    assert word(flown("weight-flip", page_event("page-corrected"), damaged=None)) is Outcome.SILENT


def test_one_report_of_one_bit_answers_one_of_two_flips():
    """A second flip of the same page needs its own bit in a report."""
    flight = flown("weight-flip", page_event("page-corrected", at_s=7.0, bits=1))
    two = replace(
        flight,
        plan=(*flight.plan, Planned(1, 6.0, "weight-flip", 0.5, 0.0, "upset")),
        injections=(*flight.injections, Injection(1, 6.0, True, WEIGHTS, 3, 1)),
    )
    words = [one.outcome for one in judge(two).judged]
    assert words == [Outcome.CORRECTED, Outcome.SILENT]
    both = replace(two, events=(page_event("page-rebuilt", at_s=7.0, bits=2),))
    assert [one.outcome for one in judge(both).judged] == [Outcome.RECOVERED, Outcome.RECOVERED]


def test_one_restart_answers_one_of_two_crashes():
    """Two crashes need two restarts."""
    flight = flown("worker-crash", Event(8.0, "worker-restarted", {}), region="", page=-1)
    two = replace(
        flight,
        plan=(*flight.plan, Planned(1, 7.0, "worker-crash", 0.0, 0.0, "scenario")),
        injections=(*flight.injections, Injection(1, 7.0, True)),
    )
    assert [one.outcome for one in judge(two).judged] == [Outcome.RECOVERED, Outcome.HANG]


def test_a_board_that_stays_away_is_dead_unless_the_payload_went_safe():
    """SAFE with a reason is an answer; a board that just stays away is not."""
    away = flown("board-hang", region="", page=-1, board="SILENT")
    assert word(away) is Outcome.DEAD
    went_safe = Event(9.0, "mode-changed", {"before": "NOMINAL", "after": "SAFE", "why": "board"})
    assert word(replace(away, events=(went_safe,), mode="SAFE")) is Outcome.SAFE


def test_a_lost_page_whose_model_still_answers_is_silent():
    """Reporting damage and computing with it afterwards is worse than not reporting."""
    late = (Answer(9.0, 1, 1, 1, b"x"),)
    flight = flown("weight-flip", page_event("page-lost"), answers=late, golden={1: b"x"})
    assert word(flight) is Outcome.SILENT


def jobs(answers, golden, withdrawn=(), failed=None, submitted=None):
    counts = JobCounts(
        frozenset(golden if submitted is None else submitted), frozenset(withdrawn), failed or {}
    )
    return replace(EMPTY, answers=tuple(answers), golden=golden, jobs=counts)


def test_a_withdrawn_wrong_result_is_no_error_and_its_rerun_counts():
    """Only the last attempt that was not withdrawn is the result."""
    flight = jobs(
        [Answer(6.0, 1, 1, 1, b"bad"), Answer(7.0, 1, 2, 1, b"good")], {1: b"good"}, [(1, 1)]
    )
    verdict = judge(flight)
    assert verdict.golden_match
    assert verdict.handled
    assert final_answers(flight)[1].attempt == 2


def test_a_wrong_final_result_makes_the_open_fault_silent():
    """The events may say corrected: the result that went out was wrong."""
    flight = flown("weight-flip", page_event("page-corrected", at_s=8.0))
    wrong = replace(
        flight,
        answers=(Answer(6.0, 1, 1, 1, b"bad"),),
        golden={1: b"good"},
        jobs=JobCounts(frozenset({1})),
    )
    verdict = judge(wrong)
    assert verdict.judged[0].outcome is Outcome.SILENT
    assert verdict.unattributed == ()
    assert verdict.silent == 1
    assert not verdict.golden_match
    assert not verdict.handled


def test_a_wrong_result_that_no_fault_explains_is_counted_all_the_same():
    """A bug of ours is a silent error too."""
    verdict = judge(jobs([Answer(6.0, 1, 1, 1, b"bad")], {1: b"good"}))
    assert verdict.unattributed == (1,)
    assert verdict.silent == 1
    assert not verdict.handled


def test_a_result_without_a_twin_is_wrong():
    """What cannot be compared is not a match."""
    assert judge(jobs([Answer(6.0, 1, 1, 1, b"x")], {}, submitted=[1])).wrong == (1,)


def test_a_job_without_an_answer_is_not_handled():
    """Neither a result nor a reported failure means a lost job."""
    verdict = judge(jobs([], {1: b"x"}))
    assert verdict.unanswered == (1,)
    assert not verdict.handled
    assert judge(jobs([], {1: b"x"}, failed={1: "DEADLINE_PASSED"})).unanswered == ()


EVENT_NAMES = sorted({name for names in ANSWERS.values() for name in names} | {"page-lost"})


@st.composite
def flights(draw):
    """Any flight: faults on few pages, so that reports collide."""
    kinds = draw(st.lists(st.sampled_from(sorted(ANSWERS)), max_size=8))
    times = st.floats(0, 20, allow_nan=False)
    plan = tuple(Planned(i, draw(times), kind, 0.0, 0.0, "upset") for i, kind in enumerate(kinds))
    injections = tuple(
        Injection(
            one.id, one.at_s, draw(st.booleans()), WEIGHTS, draw(st.integers(0, 2)), 1, "not landed"
        )
        for one in plan
        if draw(st.booleans())
    )
    events = tuple(
        page_event(name, draw(times), page=draw(st.integers(0, 2)))
        for name in draw(st.lists(st.sampled_from(EVENT_NAMES), max_size=8))
    )
    pages = st.tuples(st.just(WEIGHTS), st.integers(0, 2))
    damaged = draw(st.none() | st.frozensets(pages, max_size=2))
    return replace(EMPTY, plan=plan, injections=injections, events=events, damaged=damaged)


@given(flights())
@settings(max_examples=150)
def test_every_fault_gets_one_word_and_landed_is_injected_less_void(flight):
    """The counts of a summary add up for any flight."""
    verdict = judge(flight)
    counts = tally(verdict)
    words = [one.value for one in Outcome]
    assert counts["landed"] == counts["injected"] - counts["void"]
    assert sum(counts[name] for name in words) == counts["injected"] == len(flight.plan)


@given(flights())
@settings(max_examples=100)
def test_without_any_report_no_landed_fault_is_corrected_or_recovered(flight):
    """Good words need evidence."""
    words = {one.outcome for one in judge(replace(flight, events=())).judged}
    assert not words & {Outcome.CORRECTED, Outcome.RECOVERED}


@given(flights())
@settings(max_examples=100)
def test_damage_left_behind_is_never_called_good(flight):
    """Any fault on a page that is damaged at the end is silent, safe or void."""
    damaged = frozenset({(WEIGHTS, page) for page in range(3)})
    for one in judge(replace(flight, damaged=damaged)).judged:
        if one.injection is not None and one.fault.kind.startswith(("weight", "check")):
            assert one.outcome in (Outcome.SILENT, Outcome.SAFE, Outcome.VOID)
