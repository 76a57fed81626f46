"""An inventory is read strictly and to the end, and each mistake names file, line and field."""

from pathlib import Path

import pytest

from flight_sw.errors import UserError
from hil.rig.inventory import (
    BoardEntry,
    InventoryError,
    chosen,
    emulated_entry,
    read_inventory,
)
from tests.hil.rig.sound_inventory import GOOD

# What is replaced in GOOD, by what, and what the one line must then say, after the file's name.
MISTAKES = (
    ("fixtures:", "fixture:", ":6: boards.pi5-01.fixture: unknown key; did you mean `fixtures`?"),
    ("baud: 115200", "baud: fast", ":4: boards.pi5-01.port.baud: expected `int | null`, got `str`"),
    ("by_id: usb-FTDI_A50285BI-if00-port0", "path: /dev/ttyUSB0", ":4: boards.pi5-01.port.path: "),
    ("by_id: usb-FTDI_A50285BI-if00-port0", "path: ttyAMA0", "give the whole path"),
    ("{pty: auto}", "{pty: auto, path: /dev/ttyAMA0}", "name one of by_id"),
    ("by_id: usb-FTDI_A50285BI-if00-port0", "url: tcp://rig:4001", "write socket://HOST:PORT"),
    ("profile: raspberry-pi-5", "profile: raspberry-pi-6", ":3: boards.pi5-01.profile: "),
    ("profile: raspberry-pi-5", "profile: emulated", "is emulated here: write {pty: auto}"),
    ("profile: emulated", "profile: raspberry-pi-5", "nothing emulates raspberry-pi-5"),
    ("emu-1:", "pi5-01:", "pi5-01"),
    ("{name}", "{nmae}", ":8: boards.pi5-01.flash.command: {nmae} is unknown"),
    ("uhubctl -l 1-1", "uhubctl 'l 1-1", ":7: boards.pi5-01.power.cycle: not a command line"),
    ("cycle:", "switch_off:", ":7: boards.pi5-01.power: give `cycle`, or both"),
    ("pi5-01:", '"pi 5":', "a name is letters"),
    ("boards:", "board:", "did you mean `boards`?"),
)


def read(tmp_path: Path, text: str) -> tuple[BoardEntry, ...]:
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    return read_inventory(path)


def test_every_part_of_an_entry_is_read(tmp_path: Path):
    """Profile, port, serial number, wiring, hooks, tags and notes reach the rig as written."""
    pi, emulated = read(tmp_path, GOOD)
    assert (pi.name, pi.profile.name, pi.is_emulated) == ("pi5-01", "raspberry-pi-5", False)
    assert (pi.section.port.baud, pi.section.serial_number) == (115200, "10000000abcdef01")
    assert pi.section.fixtures == ("ina219",)
    assert (pi.emulator, emulated.emulator) == ("none", "process")
    assert pi.folder == tmp_path


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_one_mistake_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, said: str):
    """A wrong key, type, port, name or hook is told with file, line, field and remedy."""
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"{tmp_path / 'rig.yaml'}:")
    assert said in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path):
    """Whoever writes an inventory is not sent back for each of them anew."""
    text = GOOD.replace("by_id: usb-FTDI_A50285BI-if00-port0", "path: /dev/ttyUSB0")
    text = text.replace("raspberry-pi-5", "raspberry-pi-6").replace("{name}", "{nmae}")
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, text)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(("what", "value"), [("port", ""), ("serial_number", "ab12")])
def test_two_boards_share_neither_port_nor_serial_number(tmp_path: Path, what: str, value: str):
    """Either would test one board twice and the other never."""
    port = "port: {{path: /dev/ttyAMA{}}}"
    same = what == "port"
    lines = ["boards:"]
    for index in range(2):
        lines += [f"  b{index}:", "    profile: raspberry-pi-4"]
        lines += [f"    {port.format(0 if same else index)}"]
        lines += [f"    serial_number: {value}"] if value else []
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, "\n".join(lines))
    assert f"boards.b1.{what}: " in str(caught.value)
    assert "of b0 already" in str(caught.value)


@pytest.mark.parametrize("text", ["", "boards:", "boards: {}", "- a", "a: [", "boards: {a: 1}"])
def test_an_empty_or_broken_inventory_says_so(tmp_path: Path, text: str):
    """No board, no mapping, no YAML: one line, and no traceback."""
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, text)
    assert "rig.yaml" in str(caught.value)


def test_a_missing_inventory_is_named(tmp_path: Path):
    """A mistyped file is the user's mistake."""
    with pytest.raises(InventoryError, match="cannot read the inventory"):
        read_inventory(tmp_path / "none.yaml")


def test_boards_are_chosen_by_name_or_tag(tmp_path: Path):
    """Selectors add up, and one that means no board is told with what there is."""
    entries = read(tmp_path, GOOD)
    assert [one.name for one in chosen(entries, ["room=lab1", "pi5-01"])] == ["pi5-01", "emu-1"]
    assert [one.name for one in chosen(entries, ["room=lab2"])] == ["pi5-01"]
    with pytest.raises(UserError, match="there are: pi5-01, emu-1"):
        chosen(entries, ["room=lab3"])


def test_an_emulated_board_needs_no_inventory():
    """The entry behind --hil-emulated is private: no lease can stop anybody's tests."""
    entry = emulated_entry()
    assert entry.is_emulated
    assert entry.is_private
    assert entry.profile.name == "emulated"
