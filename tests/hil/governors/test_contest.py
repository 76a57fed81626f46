import json
from dataclasses import replace

import numpy as np
import pytest

from flight_sw.resources.lookahead import Outlook
from hil.bench.governor import judge
from hil.governors import baselines, ours
from hil.governors.contest import FIXED, SCENARIOS, TUNED, figures, half_width, make_field
from hil.governors.oracle import best_on_time
from hil.governors.page import render
from hil.governors.plant import LIMIT_C, make_trace, task_of, true_model
from hil.governors.policy import Sight, Task

NO_OUTLOOK = Outlook(10.0, 1.0, ())


@pytest.fixture(scope="module")
def field():
    """A short contest."""
    return replace(make_field(), duration_s=4000.0)


def seen(temp_c: float, now_s: float = 0.0) -> Sight:
    """One reading."""
    return Sight(now_s, temp_c, 3.0, 0.9, ((60.0, 30.0),), NO_OUTLOOK)


def test_the_same_seed_is_the_same_run(field) -> None:
    """Traces and outcomes repeat; all policies of a seed see the same arrivals."""
    trace = make_trace(3, field.duration_s, field.conditions)
    again = make_trace(3, field.duration_s, field.conditions)
    assert trace.arrivals == again.arrivals
    runs = [field.fly(FIXED["fixed 1400"], "nominal", t) for t in (trace, again)]
    assert runs[0] == runs[1]
    assert field.fly(FIXED["fixed 1000"], "nominal", trace).offered == runs[0].offered


def test_beliefs_are_wrong_by_at_most_a_fifth(field) -> None:
    """What policies believe differs from the truth, differently for each seed."""
    truth = true_model()
    ratios = [
        make_trace(seed, 100.0, field.conditions).believed.idle_w / truth.idle_w
        for seed in range(20)
    ]
    assert 0.8 <= min(ratios) < 0.95
    assert 1.05 < max(ratios) <= 1.2


def test_the_look_ahead_keeps_its_limits_where_others_do_not(field) -> None:
    """On a small radiator the top level overheats and the look-ahead does not."""
    trace = make_trace(5, field.duration_s, field.conditions)
    hot = field.fly(FIXED["fixed 1800"], "small radiator", trace)
    kept = field.fly(TUNED["look-ahead"]["0.3/1.6/0.3"], "small radiator", trace)
    assert hot.above_ks > 100
    assert kept.above_ks == 0
    assert kept.on_time > 0.9 * hot.on_time


def test_no_policy_beats_the_oracle(field) -> None:
    """Neither we nor a policy that breaks the limits a little answers more than the bound allows."""
    pytest.importorskip("scipy", reason="the oracle needs scipy")
    trace = make_trace(5, 2500.0, field.conditions)
    bound = best_on_time(field.vehicles["small radiator"], field.conditions, trace, 2500.0)
    brief = replace(field, duration_s=2500.0)
    for make in (TUNED["look-ahead"]["0/1.6/0.3"], TUNED["step_wise"]["80"], FIXED["fixed 1400"]):
        assert brief.fly(make, "small radiator", trace).on_time <= bound
    assert 0.5 < bound < 1.0


def test_baselines_follow_their_models() -> None:
    """step_wise goes a state deeper per rising poll, the allocator gives less the hotter it is."""
    task = Task(true_model(), LIMIT_C, 0.7)
    step = baselines.StepWise(task, 80.0)
    assert [step.decide(seen(t)).level for t in (79.0, 80.5, 81.0, 81.0, 80.6, 79.0)] == [
        3, 2, 1, 1, 2, 3,
    ]  # fmt: skip
    allocator = baselines.PowerAllocator(task, 80.0, 70.0, 3.8)
    assert allocator.decide(seen(60.0)).level == 3
    assert allocator.decide(seen(85.0)).level == 0
    clamp = baselines.JetsonClamp(task)
    assert [clamp.decide(seen(t)).level for t in (98.0, 99.5, 98.0, 96.0)] == [3, 0, 0, 3]
    bang = baselines.BangBang(task, 80.0, 5.0)
    assert [bang.decide(seen(t)).level for t in (79.0, 80.0, 76.0, 75.0)] == [3, 0, 0, 3]
    assert ours.Staircase(task, 80.0, 74.0).decide(seen(90.0)).level == 0


def test_intervals_are_students() -> None:
    """For twenty values the 95 % half width is 2.093 standard errors."""
    values = list(np.random.default_rng(1).normal(size=20))
    assert half_width(values) == pytest.approx(2.093 * np.std(values, ddof=1) / np.sqrt(20))
    assert half_width([1.0]) == float("inf")


def test_goals_are_judged_from_the_table_and_drawn(field) -> None:
    """A table in which a baseline is far ahead fails its goal; the plot shows every policy."""
    trace = make_trace(1, field.duration_s, field.conditions)
    row = figures([field.fly(FIXED["fixed 1400"], "nominal", trace)] * 2)
    names = ("look-ahead", "step_wise", "fixed 1400", "oracle bound")
    table = {scenario: {name: dict(row) for name in names} for scenario in SCENARIOS}
    assert judge(table)["goals"]["never_far_behind"]
    assert not judge(table)["goals"]["jobs_vs_step_wise"]
    table["nominal"]["fixed 1400"]["on_time"] += 0.05
    assert not judge(table)["goals"]["never_far_behind"]
    assert json.dumps(judge(table))
    page = render({"seeds": 2, **judge(table), "table": table}, 1.10)
    assert all(name in page for name in names)
    assert "nominal: 1.000 times the jobs of step_wise" in page
    assert "so 1.10 is out of reach here" in page
    assert task_of(trace, field.vehicles["nominal"]).top == 3
