"""What the report's line does again is the same fault, in the same flight."""

import json
from pathlib import Path

import pytest

from flight_sw.errors import UserError
from hil.campaign.trials.engine import LocalEngine
from hil.campaign.trials.plan import Plan, shards_of
from hil.campaign.trials.report import _manner
from hil.campaign.trials.runner import RunOptions, run_campaign
from hil.campaign.trials.session import FlownAs, replay_session
from hil.campaign.trials.shards import read_all

PLAN = Plan(faults=("seu-state",), n=8, model="telemetry-anomaly", batch=6, brisk=True)


def test_a_fault_of_a_batch_is_done_again_in_its_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every figure of the first and of the last batch's faults comes out alike."""
    run_campaign(PLAN, RunOptions(tmp_path), LocalEngine(1), lambda _: None)
    ((shard, file),) = read_all(tmp_path, PLAN.digest, shards_of(PLAN)).items()
    cell = shard.cell
    capsys.readouterr()
    for index in (2, 7):
        name = f"seu-state:{PLAN.seed}:{cell.protection.value}:{PLAN.model}:{PLAN.board}:{index}"
        assert replay_session(name, FlownAs(brisk=True, batch=6, n=8), as_json=True) == 0
        told = json.loads(capsys.readouterr().out)
        first = file.trials[index]
        assert told == {"id": name} | {f: getattr(first, f) for f in first.__struct_fields__}


def test_the_line_tells_how_the_plan_was_flown() -> None:
    """Only what a fault depends on is in it."""
    assert _manner(PLAN) == " --batch 6 --n 8 --brisk"
    assert _manner(Plan(faults=("seu",), n=8)) == ""


def test_a_fault_behind_the_plans_end_is_a_clear_mistake() -> None:
    """Instead of an index error."""
    with pytest.raises(UserError, match="ends at 7"):
        replay_session("seu:1:standard:hotspot:emulated:8", FlownAs(n=8), as_json=True)
