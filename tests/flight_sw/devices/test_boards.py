"""The devices of each board, on trees built from what its documentation says it shows."""

import importlib.util
import os
import socket
from pathlib import Path

import pytest

from flight_sw.devices.board_identity import (
    MemoryErrors,
    is_other_board,
    read_identity,
    read_memory_errors,
    read_reset_cause,
)
from flight_sw.devices.cpu_quota import CpuQuota
from flight_sw.devices.frequency import CpufreqControl
from flight_sw.devices.power_mode import Nvpmodel, PowerModeControl, current_mode, power_modes
from flight_sw.devices.sensors import DevfreqClock, HwmonRail, ThermalZone, ThrottleFlags
from flight_sw.devices.service_manager import ServiceManager
from hil.board_files import board_names, read_board

SPEC = importlib.util.spec_from_file_location(
    "boards", Path(__file__).parents[2] / "board_trees/boards.py"
)
boards = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(boards)

PIS = {
    "raspberry-pi-3": ("Raspberry Pi 3 Model B Rev 1.2", "raspberrypi,3-model-b\0brcm,bcm2837"),
    "raspberry-pi-4": ("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b\0brcm,bcm2711"),
    "raspberry-pi-5": ("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b\0brcm,bcm2712"),
    "raspberry-pi-zero-2w": (
        "Raspberry Pi Zero 2 W Rev 1.0",
        "raspberrypi,model-zero-2-w\0brcm,bcm2837",
    ),
}


@pytest.fixture(params=sorted(PIS))
def pi(request, tmp_path):
    """One Raspberry Pi and its profile."""
    profile = read_board(request.param)
    model, compatible = PIS[request.param]
    levels = profile.frequency.levels_mhz
    return boards.raspberry_pi(tmp_path, model, compatible, levels[0], levels[-1]), profile


@pytest.fixture
def orin(tmp_path):
    """A Jetson Orin Nano developer kit."""
    return boards.jetson_orin_nano(tmp_path)


def test_every_profile_fits_its_own_board_and_no_other(pi):
    """A board that says what it is is accepted by its profile alone."""
    root, profile = pi
    identity = read_identity(root)
    assert identity.serial_number == "10000000abcdef01"
    for name in board_names():
        other = read_board(name)
        if other.identity is not None and name != "qemu-raspberry-pi-3":
            fits = not is_other_board(identity, other.identity.compatible)
            assert fits == (name == profile.name), name


def test_a_raspberry_pi_shows_heat_throttling_and_why_it_started(pi):
    """Zone by type, bits by the firmware's file, the watchdog from the boot loader's own word."""
    root, profile = pi
    assert ThermalZone(root, profile.thermal.zone).read_c() == pytest.approx(48.312)
    assert ThrottleFlags(root).read() == 0x50000
    assert read_reset_cause(root) == "watchdog"
    assert read_memory_errors(root) is None


def test_a_raspberry_pi_is_throttled_and_released(pi):
    """The lowest level's frequency is written to the policy, the board's own limit comes back."""
    root, profile = pi
    levels = profile.frequency.levels_mhz
    limit = root / "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq"
    control = CpufreqControl(root, levels)
    assert control.set_level(0)
    assert limit.read_text() == f"{levels[0] * 1000}\n"
    control.close()
    assert limit.read_text() == f"{levels[-1] * 1000}\n"


def test_a_jetson_shows_its_hottest_zone_rail_gpu_and_memory_errors(orin):
    """Everything by name: the ninth zone, the INA3221's first channel, the sum of two counters."""
    profile = read_board("jetson-orin-nano")
    assert ThermalZone(orin, profile.thermal.zone).read_c() == pytest.approx(49.0)
    reading = HwmonRail(orin, profile.power.rail).read()
    assert reading.power_w == pytest.approx(5.064 * 0.88)
    assert DevfreqClock(orin, "gpu").read_mhz() == 306
    assert read_memory_errors(orin) == MemoryErrors(corrected=4, uncorrected=2)
    assert read_reset_cause(orin) == "power-on"
    assert read_identity(orin).release.startswith("R36")


@pytest.mark.parametrize("table", [boards.NVPMODEL_NANO, boards.NVPMODEL_NANO_SUPER])
def test_power_modes_are_chosen_by_name_whatever_their_number(tmp_path, table):
    """`7W` is number 1 in one table and 3 in the other."""
    root = boards.jetson_orin_nano(tmp_path, table)
    asked = []
    control = PowerModeControl(root, ("7W", "15W"), lambda number: not asked.append(number))
    assert control.set_level(0)
    assert asked == [power_modes(root)["7W"]]
    assert current_mode(root) == "15W"


def test_the_former_power_mode_comes_back_also_after_a_kill(orin):
    """A second run finds the first one's note and restores what was there before both."""
    status = orin / "var/lib/nvpmodel/status"

    def select(number):
        status.write_text(f"pmode:{number:04d}\n")
        return True

    PowerModeControl(orin, ("7W", "15W"), select).set_level(0)  # killed: never closed
    assert current_mode(orin) == "7W"
    second = PowerModeControl(orin, ("7W", "15W"), select)
    assert second.set_level(0)
    second.close()
    assert current_mode(orin) == "15W"


def test_a_mode_the_board_does_not_have_is_refused(orin, tmp_path):
    """No such name, no such program: the governor hears that it was not taken."""
    assert not PowerModeControl(orin, ("40W",), lambda _: True).set_level(0)
    assert not Nvpmodel(str(tmp_path / "none")).select(1)


def test_a_share_of_a_core_is_granted_and_given_back(tmp_path):
    """The worker's leaf gets its quota, the node's leaf none; a restart finds the same group."""
    boards.put(tmp_path, "proc/self/cgroup", "0::/system.slice/vanallen-node.service\n")
    group = tmp_path / "sys/fs/cgroup/system.slice/vanallen-node.service"
    for leaf in ("node", "worker"):
        boards.put(group, f"{leaf}/cgroup.procs", "")
        boards.put(group, f"{leaf}/cpu.max", "max 100000\n")
    boards.put(group, "cgroup.subtree_control", "")
    quota = CpuQuota(tmp_path, (250, 500, 1000), threads=2)
    assert quota.set_level(0)
    assert quota.adopt(4711)
    assert (group / "worker/cpu.max").read_text() == "50000 100000\n"
    assert (group / "worker/cgroup.procs").read_text() == "4711\n"
    assert (group / "node/cgroup.procs").read_text() == f"{os.getpid()}\n"
    boards.put(tmp_path, "proc/self/cgroup", "0::/system.slice/vanallen-node.service/node\n")
    again = CpuQuota(tmp_path, (250, 500, 1000), threads=2)
    assert again.set_level(2)
    assert (group / "worker/cpu.max").read_text() == "max 100000\n"
    quota.set_level(0)
    quota.close()
    assert (group / "worker/cpu.max").read_text() == "max 100000\n"


def test_without_control_groups_nothing_is_throttled_and_nothing_breaks(tmp_path):
    """A board that lacks them says so instead of raising."""
    quota = CpuQuota(tmp_path, (250, 1000), threads=1)
    assert not quota.set_level(0)
    assert not quota.adopt(1)
    quota.close()


def test_systemd_hears_ready_alive_and_stopping(tmp_path):
    """Plain datagrams at half the watchdog's period, and none before they are due."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.setblocking(False)
        variables = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "10000000"}
        manager = ServiceManager(variables)
        assert manager.ready("board 1")
        assert manager.watchdog_period_s == 5.0
        assert manager.alive(0.0)
        assert not manager.alive(4.9)
        assert manager.alive(5.0)
        assert manager.stopping()
        manager.close()
        heard = [systemd.recv(200) for _ in range(4)]
    assert heard == [b"READY=1\nSTATUS=board 1", b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize(
    "variables", [{}, {"NOTIFY_SOCKET": "/nowhere"}, {"WATCHDOG_USEC": "x", "WATCHDOG_PID": "1"}]
)
def test_without_systemd_nothing_is_said_and_nothing_breaks(variables):
    """A node started by hand has nobody to report to."""
    manager = ServiceManager(variables)
    assert not manager.ready("")
    assert not manager.alive(0.0)
    manager.close()
