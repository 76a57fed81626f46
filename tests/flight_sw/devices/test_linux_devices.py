"""Sensors, clock limit, supply switch and watchdog on a tree of files like the kernel's."""

import os
import threading

import pytest

from flight_sw.devices.board_identity import read_reset_cause
from flight_sw.devices.frequency import CpufreqControl, NoFrequencyControl
from flight_sw.devices.sensors import (
    CpuFrequency,
    HwmonRail,
    ThermalZone,
    ThrottleFlags,
)
from flight_sw.devices.supply import NoSupply, SysfsSupply
from flight_sw.devices.watchdog import HardwareWatchdog, NoWatchdog
from flight_sw.errors import PortError

LEVELS = (600, 1000, 1400, 1800)


def put(root, path, text):
    """Write one file of the tree."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def root(tmp_path):
    """Two thermal zones, two hwmon chips, a processor, as a Jetson or Raspberry Pi shows them."""
    put(tmp_path, "sys/class/thermal/thermal_zone0/type", "gpu-thermal\n")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "1000\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", "45678\n")
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "rpi_volt\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/name", "ina3221\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/in2_label", "VDD_IN\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/in2_input", "5100\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/curr2_input", "1200\n")
    cpufreq = "sys/devices/system/cpu/cpu0/cpufreq"
    put(tmp_path, f"{cpufreq}/scaling_cur_freq", "1500000\n")
    put(tmp_path, f"{cpufreq}/scaling_max_freq", "1800000\n")
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")
    return tmp_path


def test_each_sensor_finds_its_file_by_what_it_is(root):
    """Zones are found by type and rails by label, whatever their numbers."""
    assert ThermalZone(root, "cpu-thermal").read_c() == 45.678
    rail = HwmonRail(root, "VDD_IN").read()
    assert (rail.voltage_v, rail.current_a) == (5.1, 1.2)
    assert rail.power_w == pytest.approx(6.12)
    assert CpuFrequency(root).read_mhz() == 1500
    assert ThrottleFlags(root).read() == 0x50005


def test_a_chip_without_labels_is_found_by_name(root):
    """An INA219 labels nothing; its own name is then the rail."""
    put(root, "sys/class/hwmon/hwmon2/name", "ina219\n")
    put(root, "sys/class/hwmon/hwmon2/in1_input", "5000\n")
    put(root, "sys/class/hwmon/hwmon2/curr1_input", "100\n")
    assert HwmonRail(root, "ina219").read().power_w == pytest.approx(0.5)


def test_a_board_without_a_sensor_reads_none(tmp_path):
    """Nothing there is no reading, not an error."""
    assert ThermalZone(tmp_path, "cpu-thermal").read_c() is None
    assert HwmonRail(tmp_path, "VDD_IN").read() is None
    assert CpuFrequency(tmp_path).read_mhz() is None
    assert ThrottleFlags(tmp_path).read() is None


def test_a_file_that_disappears_costs_one_reading(root):
    """When the driver comes back under another number, the sensor finds it again."""
    sensor = ThermalZone(root, "cpu-thermal")
    assert sensor.read_c() is not None
    zones = root / "sys/class/thermal"
    (zones / "thermal_zone1").rename(zones / "thermal_zone7")
    assert sensor.read_c() is None
    assert sensor.read_c() == 45.678


@pytest.mark.parametrize("text", ["", "hot\n", "1e3\n", "\xff\n", "12 34\n"])
def test_nonsense_in_a_sensor_file_is_no_reading(root, text):
    """Only a whole number is a reading."""
    put(root, "sys/class/thermal/thermal_zone1/temp", text)
    assert ThermalZone(root, "cpu-thermal").read_c() is None


def test_a_sensor_that_hangs_costs_its_readings_and_nothing_else(root, eventually):
    """A read that blocks in the kernel is given up; readings resume when it returns."""
    sensor = ThermalZone(root, "cpu-thermal")
    file = root / "sys/class/thermal/thermal_zone1/temp"
    file.unlink()
    os.mkfifo(file)  # opening it blocks like a stuck bus
    threads = threading.active_count()
    for _ in range(20):
        assert sensor.read_c() is None
    assert threading.active_count() <= threads + 1
    with file.open("w") as stuck:
        stuck.write("99000\n")
    file.unlink()
    put(root, "sys/class/thermal/thermal_zone1/temp", "41000\n")
    assert eventually(sensor.read_c, "a reading again") == 41.0


def test_a_watchdog_reset_outranks_what_the_firmware_noted(root):
    """The reason for the last start is told apart."""
    assert read_reset_cause(root) == "unknown"
    put(root, "run/vanallen/reset_cause", "reset-line\n")
    assert read_reset_cause(root) == "reset-line"
    put(root, "sys/class/watchdog/watchdog0/bootstatus", "32\n")
    assert read_reset_cause(root) == "watchdog"
    put(root, "sys/class/watchdog/watchdog0/bootstatus", "16\n")
    assert read_reset_cause(root) == "brown-out"


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("TEGRA_POWER_ON_RESET", "power-on"),
        ("BCCPLEXWDT", "watchdog"),
        ("VREFRO_POWERBAD", "brown-out"),
        ("VMON", "brown-out"),
        ("MAINSWRST", "software"),
        ("SOMETHING_NEW", "something_new"),
    ],
)
def test_a_jetson_says_why_it_started(root, reason, cause):
    """Its power controller's own word, put into ours."""
    put(root, "sys/devices/platform/bus@0/c360000.pmc/reset_reason", f"{reason}\n")
    assert read_reset_cause(root) == cause


def limit_of(root):
    return (root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq").read_text().strip()


def test_levels_are_limits_in_khz_and_are_clamped(root):
    """Level 0 is the slowest; a level out of range is the nearest one."""
    control = CpufreqControl(root, LEVELS)
    for level, khz in ((0, "600000"), (2, "1400000"), (9, "1800000"), (-1, "600000")):
        assert control.set_level(level)
        assert limit_of(root) == khz


def test_the_limit_is_restored_at_the_end(root):
    """What was there before comes back."""
    put(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "1400000\n")
    control = CpufreqControl(root, LEVELS)
    control.set_level(0)
    control.close()
    assert limit_of(root) == "1400000"


def test_the_limit_of_a_killed_run_is_not_taken_for_the_boards_own(root):
    """After a kill the next run restores what stood before both."""
    CpufreqControl(root, LEVELS).set_level(0)
    second = CpufreqControl(root, LEVELS)
    second.set_level(1)
    second.close()
    assert limit_of(root) == "1800000"


def test_policies_are_limited_together(root):
    """A board with two clusters gets both limited."""
    for number in (0, 4):
        put(root, f"sys/devices/system/cpu/cpufreq/policy{number}/scaling_max_freq", "2400000\n")
    assert CpufreqControl(root, LEVELS).set_level(0)
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_max_freq"))
    assert [file.read_text().strip() for file in policies] == ["600000", "600000"]


def test_a_board_without_cpufreq_refuses(tmp_path):
    """Refusal is an answer, not an error."""
    assert not CpufreqControl(tmp_path, LEVELS).set_level(1)
    assert not NoFrequencyControl().set_level(1)


def test_the_supply_switch_is_written_and_read_as_files(tmp_path):
    """Switch, reset pulse and measurement go through four files."""
    put(tmp_path, "state", "1\n")
    put(tmp_path, "reset", "0\n")
    put(tmp_path, "curr1_input", "420\n")
    put(tmp_path, "in1_input", "5100\n")
    supply = SysfsSupply(tmp_path)
    supply.check()
    assert supply.can_switch
    assert supply.is_on()
    assert supply.set_on(False)
    assert supply.is_on() is False
    assert supply.pulse_reset()
    assert (tmp_path / "reset").read_text().strip() == "1"
    assert supply.read().power_w == pytest.approx(2.142)


def test_a_missing_switch_is_an_error_at_the_start_only(tmp_path):
    """In flight a switch that is gone refuses; at the start the person is told."""
    supply = SysfsSupply(tmp_path / "none")
    with pytest.raises(PortError, match="no supply switch"):
        supply.check()
    assert not supply.set_on(True)
    assert not supply.pulse_reset()
    assert supply.is_on() is None
    assert supply.read() is None
    assert not NoSupply().can_switch


@pytest.fixture
def dog(tmp_path):
    """A FIFO in the watchdog's place and the end that the hardware holds."""
    path = tmp_path / "watchdog"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    yield path, fd
    os.close(fd)


def test_the_watchdog_is_fed_and_disarmed_with_the_magic_character(dog):
    """A device without ioctl calls is fed all the same."""
    path, fd = dog
    watchdog = HardwareWatchdog(path, 10)
    assert os.read(fd, 16) == b"\0"
    assert watchdog.timeout_s is None
    assert watchdog.time_left_s() is None
    assert watchdog.pet()
    assert os.read(fd, 16) == b"\0"
    watchdog.close()
    assert os.read(fd, 16) == b"V"
    watchdog.close()


def test_a_watchdog_that_takes_nothing_more_does_not_block(dog):
    """A full FIFO refuses instead of stopping the node."""
    watchdog = HardwareWatchdog(dog[0], 10)
    assert not all(watchdog.pet() for _ in range(70_000))


def test_a_watchdog_that_is_not_there_is_one_clear_line(tmp_path):
    """A missing device names itself and the usual reason."""
    with pytest.raises(PortError, match="systemd"):
        HardwareWatchdog(tmp_path / "none", 10)
    assert not NoWatchdog().pet()
