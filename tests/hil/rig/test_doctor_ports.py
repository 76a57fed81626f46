"""The doctor finds each usual fault and names its cure; ports are listed by names that stay."""

import os
import pty
import threading
import tty
from pathlib import Path

import pytest

from hil.board_files import read_board
from hil.rig.install.doctor import examine
from hil.rig.install.loopback import BYTES, loopback
from hil.rig.ports import serial_ports


def put(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def faults(root, board):
    """What is wrong, by name, with the cure."""
    return {one.what: one.cure for one in examine(root, read_board(board), None) if not one.ok}


def test_a_console_on_the_uart_is_found(tmp_path):
    """The kernel's console on our port, on the boot partition's command line."""
    put(tmp_path, "boot/firmware/cmdline.txt", "console=serial0,115200 root=x\n")
    put(tmp_path, "boot/firmware/config.txt", "enable_uart=1\ndtoverlay=disable-bt\n")
    found = faults(tmp_path, "raspberry-pi-4")
    assert list(found) == ["/boot/firmware/cmdline.txt"]
    assert "board install" in found["/boot/firmware/cmdline.txt"]


def test_a_pi_5_without_its_uart_is_found(tmp_path):
    """The header's UART is off until config.txt switches it on."""
    put(tmp_path, "boot/firmware/config.txt", "# dtparam=uart0=on\n")
    assert "config.txt" in faults(tmp_path, "raspberry-pi-5")


def test_the_wrong_profile_is_found(tmp_path):
    """A Pi 5 looked at with the profile of a Pi 4 is told apart by its device tree."""
    base = "sys/firmware/devicetree/base"
    put(tmp_path, f"{base}/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0")
    put(tmp_path, f"{base}/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    put(tmp_path, "boot/firmware/config.txt", "enable_uart=1\ndtoverlay=disable-bt\n")
    assert "Raspberry Pi 5" in faults(tmp_path, "raspberry-pi-4")["board"]


@pytest.mark.parametrize(("bits", "what"), [("50000", "supply voltage"), ("40000", "throttled")])
def test_low_voltage_and_throttling_are_found(tmp_path, bits, what):
    """The firmware's bits since boot."""
    put(tmp_path, "boot/firmware/config.txt", "enable_uart=1\ndtoverlay=disable-bt\n")
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits}\n")
    assert what in faults(tmp_path, "raspberry-pi-4")


def test_a_login_on_a_jetsons_header_is_found(tmp_path):
    """nvgetty enabled holds the port."""
    unit = tmp_path / "etc/systemd/system/nvgetty.service"
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/etc/systemd/nvgetty.service")
    assert faults(tmp_path, "jetson-orin-nx") == {
        "nvgetty.service": "systemctl mask nvgetty.service"
    }


@pytest.mark.parametrize("joined", [True, False])
def test_the_loopback_test_tells_a_joined_port_from_an_open_one(joined):
    """Every byte comes back, or none does and the test ends by itself."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()

    def echo():
        while not stop.is_set():
            data = os.read(master, 4096)
            if joined and data != b"\0":
                os.write(master, data)

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        lost, sent = loopback(os.ttyname(slave), 921_600)
    finally:
        stop.set()
        os.write(slave, b"\0")
        thread.join()
        os.close(master)
        os.close(slave)
    assert sent == BYTES
    assert lost == (0 if joined else BYTES)


def test_ports_are_listed_once_by_their_steadiest_name(tmp_path):
    """An adapter by its serial number, a UART by its device, an empty ttyS not at all."""
    put(tmp_path, "dev/ttyUSB0", "")
    put(tmp_path, "dev/ttyAMA0", "")
    put(tmp_path, "dev/ttyS0", "")
    put(tmp_path, "sys/class/tty/ttyS0/type", "0\n")
    put(tmp_path, "sys/bus/usb-serial/devices/ttyUSB0/latency_timer", "16\n")
    name = "usb-FTDI_FT232R_A50285BI-if00-port0"
    by_id = tmp_path / "dev/serial/by-id"
    by_id.mkdir(parents=True)
    (by_id / name).symlink_to("../../ttyUSB0")
    ports = serial_ports(tmp_path)
    assert [port.name for port in ports] == [f"/dev/serial/by-id/{name}", "/dev/ttyAMA0"]
    assert all(port.is_stable for port in ports)
    assert [port.latency_ms for port in ports if "FTDI" in port.name] == [16]


def test_a_board_over_ssh_is_installed_and_given_back(tmp_path, monkeypatch):
    """Fetched, planned, sent and verified through ssh and tar alone; uninstall leaves no trace."""
    import importlib.util

    from hil.rig.install.command import Software, Target, install, uninstall

    spec = importlib.util.spec_from_file_location(
        "systems", Path(__file__).parents[2] / "board_trees/systems.py"
    )
    systems = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(systems)
    board = systems.bookworm(tmp_path / "board")
    tools = tmp_path / "bin"
    tools.mkdir()
    # A board over ssh, played by a folder; sudo runs what it is given, but no systemd.
    ssh = f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\ncd {board} && eval "${{3#cd / && }}"\n'
    sudo = '#!/bin/sh\n[ "$1" = sh ] || exec "$@"\n'
    for name, text in (("ssh", ssh), ("sudo", sudo)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    before = systems.snapshot(board)
    target = Target(host="pi@board")
    assert install("raspberry-pi-4", target, Software(), dry_run=True) == 0
    assert systems.snapshot(board) == before
    assert install("raspberry-pi-4", target, Software(), dry_run=False) == 0
    assert "disable-bt" in (board / "boot/firmware/config.txt").read_text()
    again = systems.snapshot(board)
    assert install("raspberry-pi-4", target, Software(), dry_run=False) == 0
    assert systems.snapshot(board) == again
    assert uninstall(target) == 0
    after = systems.snapshot(board)
    folders = {name for name, (kind, *_) in after.items() if kind == "folder"}
    assert {n: v for n, v in after.items() if n not in folders} == {
        n: v for n, v in before.items() if v[0] != "folder"
    }
