"""Installing on copies of Bookworm, Trixie and JetPack trees, and taking it off again."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.errors import UserError
from hil.board_files import find_board, read_board
from hil.rig.install import edits
from hil.rig.install.plan import Order, plan, plan_boot_partition
from hil.rig.install.tree import RECORD, altered, apply, diff, firmware_hash, pending, restore

SPEC = importlib.util.spec_from_file_location(
    "systems", Path(__file__).parents[2] / "board_trees/systems.py"
)
systems = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(systems)

BOARDS = {
    "raspberry-pi-4": systems.bookworm,
    "raspberry-pi-5": systems.trixie,
    "jetson-orin-nano": systems.jetpack,
}


def order_for(name, wheels=()):
    profile = read_board(name)
    return Order(profile, find_board(name).read_bytes(), profile.serial.port, tuple(wheels))


@pytest.fixture(params=sorted(BOARDS))
def board(request, tmp_path):
    """A board's name, its tree and what is to be installed on it."""
    wheel = tmp_path / "vanallen-0.1.0-cp311-abi3-linux_aarch64.whl"
    wheel.write_bytes(b"PK\x03\x04 not text \xff")
    root = BOARDS[request.param](tmp_path / "root")
    return root, order_for(request.param, [wheel])


def test_installing_twice_changes_nothing_the_second_time(board):
    """The second installation finds everything as it shall be."""
    root, order = board
    assert apply(root, order.profile.name, plan(root, order))
    before = systems.snapshot(root)
    assert pending(root, plan(root, order)) == []
    assert diff(root, plan(root, order)) == ""
    assert apply(root, order.profile.name, plan(root, order)) == []
    assert systems.snapshot(root) == before


def test_uninstalling_gives_the_tree_back_byte_for_byte(board):
    """Files, links, modes and folders are as they were, also after a second installation."""
    root, order = board
    before = systems.snapshot(root)
    apply(root, order.profile.name, plan(root, order))
    other = Order(order.profile, order.text + b"# mine\n", order.port)
    assert apply(root, order.profile.name, plan(root, other))
    restore(root)
    assert systems.snapshot(root) == before


def test_a_dry_run_shows_every_change_and_makes_none(board):
    """The diff names each file that an installation then changes."""
    root, order = board
    before = systems.snapshot(root)
    shown = diff(root, plan(root, order))
    assert systems.snapshot(root) == before
    for path in apply(root, order.profile.name, plan(root, order)):
        assert f"/{path}" in shown


def test_the_console_leaves_our_uart_and_no_other(tmp_path):
    """cmdline.txt loses serial0 and keeps tty1; the diff says so line by line."""
    root = systems.bookworm(tmp_path / "root")
    shown = diff(root, plan(root, order_for("raspberry-pi-4")))
    assert "-console=serial0,115200 console=tty1 root=" in shown
    assert "+console=tty1 root=" in shown
    assert "+dtoverlay=disable-bt" in shown


def test_a_pi_5_keeps_the_console_on_its_debug_header(tmp_path):
    """serial0 is the debug header there, so its console is not in the way."""
    root = systems.trixie(tmp_path / "root")
    apply(root, "raspberry-pi-5", plan(root, order_for("raspberry-pi-5")))
    assert (root / "boot/firmware/cmdline.txt").read_text() == systems.TRIXIE_CMDLINE
    assert "dtparam=uart0=on" in (root / "boot/firmware/config.txt").read_text()


def test_a_jetson_loses_the_login_on_its_header(tmp_path):
    """nvgetty is masked and the menu's console on the header is gone."""
    root = systems.jetpack(tmp_path / "root")
    apply(root, "jetson-orin-nano", plan(root, order_for("jetson-orin-nano")))
    assert str((root / "etc/systemd/system/nvgetty.service").readlink()) == "/dev/null"
    menu = (root / "boot/extlinux/extlinux.conf").read_text()
    assert "console=ttyTCU0,115200" in menu
    assert "ttyTHS1" not in menu


def test_what_was_altered_after_the_installation_is_named(board):
    """The check after a flash finds a file that is not as we put it, and the hash changes."""
    root, order = board
    apply(root, order.profile.name, plan(root, order))
    assert altered(root) == []
    assert len(firmware_hash(root)) == 64
    (root / "etc/vanallen/profile.yaml").write_text("name: other\n")
    assert altered(root) == ["etc/vanallen/profile.yaml"]


def test_a_boot_partition_alone_gets_cloud_init(tmp_path):
    """A fresh card needs no mounted root: the rest happens at its first boot."""
    root = systems.trixie(tmp_path / "root")
    boot = root / "boot/firmware"
    before = systems.snapshot(boot)
    apply(boot, "raspberry-pi-5", plan_boot_partition(boot, order_for("raspberry-pi-5")))
    assert "tar -C / -xf" in (boot / "user-data").read_text()
    assert (boot / "vanallen.tar").stat().st_size > 1000
    restore(boot)
    assert systems.snapshot(boot) == before


def test_a_tree_that_is_none_is_refused_by_name(tmp_path):
    """A folder without etc/, a Pi without config.txt, and nothing to uninstall: one line each."""
    with pytest.raises(UserError, match="no root file system"):
        plan(tmp_path, order_for("raspberry-pi-4"))
    (tmp_path / "etc").mkdir()
    with pytest.raises(UserError, match=r"no config\.txt"):
        plan(tmp_path, order_for("raspberry-pi-4"))
    with pytest.raises(UserError, match="nothing of ours"):
        restore(tmp_path)
    assert not (tmp_path / RECORD).exists()


WORDS = st.text("abc=0189,;.-_/", min_size=1, max_size=12)


@given(st.lists(WORDS, min_size=1, max_size=8), st.booleans())
def test_console_edit_done_twice_is_done_once(words, has_line_end):
    """The edit is a fixed point, keeps every other word and the line's ending."""
    line = " ".join([*words, "console=serial0,115200"]) + ("\n" if has_line_end else "")
    once = edits.without_console(line, ["serial0"])
    assert edits.without_console(once, ["serial0"]) == once
    assert once.split() == words
    assert once.endswith("\n") == has_line_end


@given(st.text(st.characters(codec="ascii"), max_size=80))
def test_config_edit_done_twice_is_done_once(text):
    """The block is there once however often it is written, and what was before it stays."""
    once = edits.with_config_lines(text, ["enable_uart=1"])
    assert edits.with_config_lines(once, ["enable_uart=1"]) == once
    assert once.startswith(text)
