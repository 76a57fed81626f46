"""`vanallen hil` with nothing to test: mistakes end with one line and 64, recordings replay."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.rig.inventory import read_inventory
from hil.rig.lease import Lease
from hil.rig_commands import hil_app
from tests.hil.rig.test_replay import pings, recorded

USAGE = 64
RIG = "boards: {a: {profile: raspberry-pi-4, port: {path: /dev/ttyAMA0}}}"


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and leases nobody else sees."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VANALLEN_LEASES", str(tmp_path / "leases"))
    monkeypatch.delenv("HIL_ENV", raising=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["accept"], "no inventory: give --hil-env FILE or HIL_ENV"),
        (["accept", "--hil-env", "none.yaml"], "none.yaml: cannot read the inventory"),
        (["accept", "--hil-env", "empty.yaml"], "empty.yaml:1: boards: no board in it"),
        (["accept", "--hil-env", "rig.yaml", "--emulated", "2"], "leave out --hil-env"),
        (["accept", "--hil-env", "rig.yaml", "--hil-board", "b"], "there are: a"),
        (["accept", "--hil-env", "rig.yaml", "--hil-flash", "maybe"], "write never, if-different"),
        (["accept", "--emulated", "1", "--out", "full"], "--out full: is there already"),
        (["accept", "--emulated", "many"], "Invalid value"),
        (["accept", "--emulate"], "--emulate"),
        (["replay", "none.link.jsonl"], "No such file"),
        (["boards", "--hil-env", "wrong.yaml"], "wrong.yaml:1: boards.a.prot: unknown key"),
    ],
)
def test_a_mistake_of_the_user_is_one_line_and_64(tmp_path: Path, arguments, said: str):
    """The file, field or option, and nothing is left behind."""
    (tmp_path / "rig.yaml").write_text(RIG)
    (tmp_path / "empty.yaml").write_text("boards: {}")
    (tmp_path / "wrong.yaml").write_text(RIG.replace("port", "prot"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    done = CliRunner().invoke(hil_app, arguments)
    assert done.exit_code == USAGE
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "runs").exists()


def test_the_sample_is_an_inventory(tmp_path: Path):
    """What a newcomer is given to start from is right in every line."""
    (tmp_path / "rig.yaml").write_text(CliRunner().invoke(hil_app, ["sample"]).output)
    names = [entry.name for entry in read_inventory(tmp_path / "rig.yaml")]
    assert names == ["pi5-01", "orin-01", "emu-1"]


def test_boards_are_listed_with_who_holds_them(tmp_path: Path):
    """Free, or in use by whom."""
    (tmp_path / "rig.yaml").write_text(RIG)
    arguments = ["boards", "--hil-env", "rig.yaml", "--json"]
    (row,) = json.loads(CliRunner().invoke(hil_app, arguments).output)
    assert (row["name"], row["port"], row["held_by"]) == ("a", "/dev/ttyAMA0", None)
    with Lease("/dev/ttyAMA0").take():
        (row,) = json.loads(CliRunner().invoke(hil_app, arguments).output)
        assert "process" in row["held_by"]
        assert "held by" in CliRunner().invoke(hil_app, arguments[:-1]).output


def test_a_recording_replays_by_command(tmp_path: Path):
    """The sum in words and as JSON, 0 if every frame passed and 1 if one did not."""
    path = str(recorded(tmp_path, pings(3)))
    keys = ["--keys", str(tmp_path / "keys")]
    done = CliRunner().invoke(hil_app, ["replay", path, *keys])
    assert done.exit_code == 0
    assert "TC(17,1) ping" in done.output
    assert "3 telecommands, 0 reports, 0 file units, 0 refused" in done.output
    late = str(recorded(tmp_path, pings(3), counter=10**6))
    done = CliRunner().invoke(hil_app, ["replay", late, *keys, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.output)["refused"] == 3
