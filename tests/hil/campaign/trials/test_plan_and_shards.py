"""A campaign's plan is fixed, its shards whole, and bad input gets one clear line."""

from pathlib import Path

import msgspec
import pytest

from flight_sw.errors import UserError
from flight_sw.inference.job import Protection
from hil.campaign.trials.draw import PAIRS, draw
from hil.campaign.trials.plan import (
    Plan,
    cells_of,
    made_plan,
    parse_id,
    read_plan,
    shards_of,
)
from hil.campaign.trials.shards import open_folder, read_shard, write_shard
from hil.campaign.trials.trial import Trial
from hil.faults.classes import CATALOG, FaultClass

PLAN = Plan(name="test", faults=("seu", "sefi"), n=120)


def trials_for(first: int, count: int) -> list[Trial]:
    """Trials that went well."""
    return [Trial(first + i, "weight-flip", "corrected", "page-corrected") for i in range(count)]


def test_every_fault_is_in_one_shard() -> None:
    """The shards of a cell cover its faults once, without a gap."""
    shards = [shard for shard in shards_of(PLAN) if shard.cell == cells_of(PLAN)[0]]
    covered = [i for shard in shards for i in range(shard.first, shard.first + shard.count)]
    assert covered == list(range(120))
    assert len({shard.name for shard in shards_of(PLAN)}) == len(shards_of(PLAN))


def test_a_fault_depends_on_seed_class_and_number_alone() -> None:
    """The same three give the same fault; any other of them another one."""
    one = draw(1, FaultClass.SEU, 7)
    assert one == draw(1, FaultClass.SEU, 7)
    assert one.place != draw(1, FaultClass.SEU, 8).place
    assert one.place != draw(2, FaultClass.SEU, 7).place
    assert one.place != draw(1, FaultClass.MBU, 7).place


def test_every_pair_of_classes_has_its_turn() -> None:
    """The faults of class `pair` go through all pairs of two different classes."""
    drawn = {draw(1, FaultClass.PAIR, i).variants for i in range(len(PAIRS))}
    assert drawn == set(PAIRS)
    assert CATALOG[FaultClass.PAIR].long >= len(PAIRS)


def test_catalog_holds_all_rows_of_the_note() -> None:
    """Each of the 23 rows of the reliability note's table is one class, with ways and limits."""
    rows = [entry.row for entry in CATALOG.values() if entry.row is not None]
    assert sorted(rows) == list(range(1, 24))
    assert set(CATALOG) == set(FaultClass)
    assert all(
        entry.variants and entry.noticed_by and entry.mended_by for entry in CATALOG.values()
    )


def test_a_shard_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    """Written again, a shard is the same file; for another plan it does not count."""
    open_folder(tmp_path, PLAN, resume=False)
    shard, trials = shards_of(PLAN)[0], trials_for(0, 50)
    write_shard(tmp_path, PLAN.digest, shard, trials, 1.0)
    before = (tmp_path / "shards" / f"{shard.name}.json").read_bytes()
    write_shard(tmp_path, PLAN.digest, shard, trials, 1.0)
    assert (tmp_path / "shards" / f"{shard.name}.json").read_bytes() == before
    found = read_shard(tmp_path, PLAN.digest, shard)
    assert found is not None
    assert list(found.trials) == trials
    assert read_shard(tmp_path, "another", shard) is None


@pytest.mark.parametrize("damage", ["cut", "gap", "empty"])
def test_a_damaged_shard_does_not_count(tmp_path: Path, damage: str) -> None:
    """A file that is cut, empty or lacks a fault is done again."""
    open_folder(tmp_path, PLAN, resume=False)
    shard = shards_of(PLAN)[0]
    trials = trials_for(0, 50)
    write_shard(tmp_path, PLAN.digest, shard, trials[:-1] if damage == "gap" else trials, 1.0)
    file = tmp_path / "shards" / f"{shard.name}.json"
    if damage != "gap":
        file.write_bytes(file.read_bytes()[:100] if damage == "cut" else b"")
    assert read_shard(tmp_path, PLAN.digest, shard) is None


def test_shards_of_a_changed_plan_are_not_mixed(tmp_path: Path) -> None:
    """A folder takes the plan it was begun with, and no other."""
    open_folder(tmp_path, PLAN, resume=False)
    with pytest.raises(UserError, match="another plan"):
        open_folder(tmp_path, msgspec.structs.replace(PLAN, seed=2), resume=True)
    open_folder(tmp_path, PLAN, resume=True)


def test_going_on_has_to_be_asked_for(tmp_path: Path) -> None:
    """A folder with shards is not added to by accident."""
    open_folder(tmp_path, PLAN, resume=False)
    write_shard(tmp_path, PLAN.digest, shards_of(PLAN)[0], trials_for(0, 50), 1.0)
    with pytest.raises(UserError, match="--resume"):
        open_folder(tmp_path, PLAN, resume=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("faults: [seu, gamma-burst]", "plan.yaml:1: .*gamma-burst"),
        ("n: 5\nfaults:\n  - seu\n  - muon", "plan.yaml:4: .*muon"),
        ("faults: []", "faults"),
        ("", "empty"),
        ("faults: [seu]\nseed: -1", "seed"),
        ("faults: [seu]\nseed: often", "seed"),
        ("faults: [seu]\nn: 0", "n"),
        ("faults: [seu]\nprotections: [total]", "protections"),
        ("faults: [seu]\nstop: {bound: 2.0}", "bound"),
        ("faults: [seu]\nname: ../up", "name"),
        ("faults: !!python/object:os.system [seu]", "YAML"),
        ("faults: [seu]\nrate: 3", "rate"),
    ],
)
def test_a_bad_plan_is_one_clear_line(tmp_path: Path, text: str, told: str) -> None:
    """What is wrong with a plan is named, and nothing is made of it."""
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        read_plan(file)
    assert "\n" not in str(caught.value)


def test_an_unknown_class_on_the_command_line_is_named() -> None:
    """The known classes are listed with the one that is not."""
    with pytest.raises(UserError, match=r"Muon.*one of.*weight|Muon.*one of.*seu"):
        made_plan(("Muon!",), (Protection.STANDARD,))


def test_an_id_names_one_fault() -> None:
    """What the report prints is what replay takes; anything else is refused."""
    text = "seu:1:standard:hotspot:emulated:137"
    assert str(parse_id(text)) == text
    for wrong in ("seu", "seu:1:standard:hotspot:emulated:x", "ray:1:standard:a:b:1", ""):
        with pytest.raises(UserError, match="not the id"):
            parse_id(wrong)
