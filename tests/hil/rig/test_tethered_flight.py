"""First light on a node that is tethered by a pty comes out as on the emulated board."""

import json
import sys
from pathlib import Path

import pytest

import hil.campaign.stack
from hil.campaign.run import run_command
from hil.rig.children import Child

BENCH = Path(__file__).with_name("tethered_bench.py")
SEED = 7


def start_bench(program):
    """In place of the emulator."""
    words = (program.link, program.profile_file, program.models, program.state)
    options = (*words, program.seed, program.time_scale)
    return Child([sys.executable, str(BENCH), *map(str, options)], program.log)


def fly(folder):
    """First light; its summary."""
    assert run_command(scenario="first-light", seed=SEED, out=folder) == 0
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.long
def test_first_light_on_a_tethered_node_reports_the_same_outcomes(tmp_path, monkeypatch):
    """The same faults by the same seed end in the same words, and the same steps happen."""
    emulated = fly(tmp_path / "emulated")
    monkeypatch.setattr(hil.campaign.stack, "start_emulator", start_bench)
    tethered = fly(tmp_path / "tethered")
    assert tethered["golden_match"] is emulated["golden_match"] is True
    assert tethered["faults"] == emulated["faults"]
    assert tethered["faults"]["silent"] == 0 < tethered["faults"]["landed"]
    assert tethered["steps"] == emulated["steps"]
    for count in ("submitted", "done", "confirmed", "failed", "unanswered", "wrong"):
        assert tethered["jobs"][count] == emulated["jobs"][count]
