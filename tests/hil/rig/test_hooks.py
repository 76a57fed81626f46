"""Power and flash hooks are commands of the rig's own, run without a shell and noted in a log."""

import sys
from pathlib import Path

import msgspec
import pytest

from hil.rig.hooks import Hooks
from hil.rig.infrastructure import BoardUnavailable
from hil.rig.inventory import emulated_entry
from hil.rig.inventory_sections import FlashSection, PowerSection

PYTHON = sys.executable


def hooks(folder: Path, **sections: object) -> Hooks:
    entry = emulated_entry("bench-1")
    section = msgspec.structs.replace(entry.section, **sections)
    return Hooks(msgspec.structs.replace(entry, section=section, folder=folder), folder / "log")


def test_a_power_hook_gets_the_boards_name(tmp_path: Path):
    """Words in braces are filled in; the call and its answer are in the log."""
    one = hooks(tmp_path, power=PowerSection(cycle=f'{PYTHON} -c "print(7)" {{name}}'))
    assert one.can_cycle
    one.power_cycle()
    log = (tmp_path / "log").read_text()
    assert "bench-1" in log
    assert "\n7\n[code 0]" in log


def test_off_and_on_are_called_in_this_order(tmp_path: Path):
    """With a pause between them, as long as the inventory says."""
    one = hooks(
        tmp_path,
        power=PowerSection(
            switch_off=f'{PYTHON} -c "print(0)"',
            switch_on=f'{PYTHON} -c "print(1)"',
            off_s=0.01,
        ),
    )
    one.power_cycle()
    said = [line for line in (tmp_path / "log").read_text().splitlines() if line in "01"]
    assert said == ["0", "1"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"{PYTHON} -c \"import sys; sys.exit('no such relay')\"", "no such relay"),
        ("no-such-program-here", "No such file"),
        (f'{PYTHON} -c "import time; time.sleep(60)"', r"did not end within 0\.3 s"),
    ],
)
def test_a_hook_that_fails_is_the_benchs_fault(tmp_path: Path, command: str, said: str):
    """A code, a missing program, a hang: BoardUnavailable with the hook's last words."""
    one = hooks(tmp_path, power=PowerSection(cycle=command, timeout_s=0.3))
    with pytest.raises(BoardUnavailable, match=said):
        one.power_cycle()


def test_a_board_that_cannot_tell_its_version_is_flashed(tmp_path: Path):
    """A fresh card has no software of ours that could answer."""
    flash = FlashSection(command=f'{PYTHON} -c "print(99)"', check=f'{PYTHON} -c "exit(1)"')
    assert hooks(tmp_path, flash=flash).flash("if-different", "0.1.0")


def test_without_a_hook_there_is_no_cycle(tmp_path: Path):
    """The text says what the inventory lacks."""
    with pytest.raises(BoardUnavailable, match="has no `power`"):
        hooks(tmp_path).power_cycle()


@pytest.mark.parametrize(
    ("policy", "there", "flashed"),
    [
        ("never", "0.1.0", False),
        ("if-different", "0.1.0", False),
        ("if-different", "0.0.9", True),
        ("always", "0.1.0", True),
    ],
)
def test_flashing_follows_its_policy(tmp_path: Path, policy: str, there: str, flashed: bool):
    """`if-different` asks the board's version first."""
    flash = FlashSection(
        command=f'{PYTHON} -c "print(99)"', check=f"{PYTHON} -c \"print('v', '{there}')\""
    )
    one = hooks(tmp_path, flash=flash)
    assert one.flash(policy, "0.1.0") is flashed
    log = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert ("\n99\n" in log) is flashed
