"""Campaigns on a board behind a real port: emulated here, in processes of its own over its pty."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from flight_sw.errors import UserError
from hil.campaign.trials import port_ways
from hil.campaign.trials.draw import draw
from hil.campaign.trials.plan import Plan
from hil.campaign.trials.port_engine import PortEngine, board_entry
from hil.campaign.trials.port_ways import ways_of
from hil.campaign.trials.runner import RunOptions, run_campaign
from hil.faults.classes import CATALOG, FaultClass
from hil.rig.inventory import read_inventory

INVENTORY = """
boards:
  bench-pi:
    profile: raspberry-pi-4
    port: {url: "socket://127.0.0.1:9"}
    power: {cycle: "true"}
  dark-pi:
    profile: raspberry-pi-4
    port: {url: "socket://127.0.0.1:10"}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Two real boards, one of which has a power hook."""
    file = tmp_path / "rig.yaml"
    file.write_text(INVENTORY)
    return file


def test_what_cannot_be_injected_on_a_board_is_refused_by_name(inventory: Path) -> None:
    """A real board takes a power cut by its hook; weights of it nobody reaches."""
    engine = PortEngine(board_entry("bench-pi", inventory))
    engine.check(Plan(faults=("brown-out",)))
    with pytest.raises(UserError, match=r"--fault seu: cannot be injected on board bench-pi"):
        engine.check(Plan(faults=("brown-out", "seu")))


def test_a_board_without_a_hook_takes_nothing(inventory: Path) -> None:
    """Nothing is masked where nothing was done."""
    (entry,) = (one for one in read_inventory(inventory) if one.name == "dark-pi")
    assert not ways_of(entry)
    with pytest.raises(UserError, match="possible there: none"):
        PortEngine(entry).check(Plan(faults=("brown-out",)))


def test_a_board_that_is_not_in_the_inventory_is_told(inventory: Path) -> None:
    """Its name and those there are."""
    with pytest.raises(UserError, match="bench-pi, dark-pi"):
        board_entry("moon", inventory)


def test_every_way_of_the_port_bench_is_one_of_the_catalog() -> None:
    """A way that no class has would never be drawn."""
    known = {way for entry in CATALOG.values() for way in entry.variants}
    assert ways_of(board_entry("emulated", None)) <= known


@pytest.mark.parametrize(("felt", "cuts", "void"), [(1, 1, False), (2, 2, False), (9, 3, True)])
def test_a_cut_that_the_board_did_not_feel_is_made_again(
    monkeypatch: pytest.MonkeyPatch, felt: int, cuts: int, void: bool
) -> None:
    """The controller may have closed the switch before anybody looked; three cuts, then void."""
    monkeypatch.setattr(port_ways, "BOOT_S", -1.0)
    board = BoardThatFeels(felt)
    drawn = replace(draw(1, FaultClass.BROWN_OUT, 0), variants=(port_ways.OUTAGE,))
    struck = port_ways.strike(board, drawn)
    assert board.cuts == cuts
    assert bool(struck.void) is void


class BoardThatFeels:
    """An emulated board and its rig port; the supply is felt from the given cut on."""

    def __init__(self, felt: int) -> None:
        self.entry = board_entry("emulated", None)
        self.hand, self.felt, self.cuts = self, felt, 0

    def power_cycle(self) -> None:
        """One cut."""
        self.cuts += 1

    def plant(self) -> SimpleNamespace:
        """What the rig port tells."""
        return SimpleNamespace(boots=1 + (self.cuts >= self.felt))


@pytest.mark.long
def test_an_emulated_board_is_struck_over_its_real_port(tmp_path: Path) -> None:
    """Weights, node, line and power in real time: nothing fails, what cannot be done is void."""
    faults = (FaultClass.SEU, FaultClass.SEFI, FaultClass.BROWN_OUT, FaultClass.LINK)
    plan = Plan(faults=tuple(one.value for one in faults), n=3, seed=1)
    engine = PortEngine(board_entry("emulated", None))
    engine.check(plan)
    table = run_campaign(plan, RunOptions(tmp_path / "port"), engine, lambda _: None)
    assert table["failures"] == 0, table["cells"]
    assert table["cells"]["seu.standard"]["outcomes"]["corrected"] == 3
    assert table["cells"]["brown-out.standard"]["outcomes"]["void"]
    told = json.loads(msgspec.json.encode(table["cells"]["brown-out.standard"]["void"]))
    # A cut that the board did not feel is void too, and never masked.
    known = ("no injector", "did not start anew")
    assert all(any(one in why for one in known) for why in told)
