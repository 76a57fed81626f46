"""What a board can do follows from its entry; a need it does not meet is told in words."""

from pathlib import Path

import pytest

from hil.rig.inventory import emulated_entry, read_inventory
from hil.rig.needs import EMULATED_FIXTURES, FEATURES, as_words, features_of, unmet


def real_entry(tmp_path: Path, more: str = ""):
    path = tmp_path / "rig.yaml"
    path.write_text(
        f"boards:\n  pi:\n    profile: raspberry-pi-4\n    port: {{path: /dev/ttyAMA0}}\n{more}"
    )
    return read_inventory(path)[0]


def test_the_emulated_board_can_do_everything():
    """No test of the suite is skipped in CI."""
    assert features_of(emulated_entry()) == frozenset(FEATURES)
    assert unmet(emulated_entry(), FEATURES, EMULATED_FIXTURES) is None


def test_a_real_board_has_what_is_wired_to_it(tmp_path: Path):
    """Faults are the emulator's; a power hook and a fixture are the inventory's to give."""
    bare = real_entry(tmp_path)
    assert unmet(bare, ["commanding", "inference"], []) is None
    assert "has no faults (the rig can flip bits" in (unmet(bare, ["faults"], []) or "")
    assert unmet(bare, [], ["ina219"]) == "board pi has no fixture ina219"
    more = "    fixtures: [ina219]\n    power: {cycle: relay 1}\n"
    assert unmet(real_entry(tmp_path, more), ["power"], ["ina219"]) is None


def test_a_mistyped_feature_is_the_tests_mistake():
    """It fails for ever, instead of skipping for ever."""
    with pytest.raises(ValueError, match="no feature 'fault'"):
        unmet(emulated_entry(), ["fault"], [])


def test_a_need_is_a_word_or_several():
    """Both ways of writing the marker mean the same."""
    assert as_words(None) == ()
    assert as_words("power") == ("power",)
    assert as_words(["power", "plant"]) == ("power", "plant")
