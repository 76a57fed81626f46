"""Heat and power of the emulated board are those of the Raspberry Pi 4B that flew."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.emulator.plant import CAPPED, SINCE_BOOT_SHIFT, THROTTLED, Plant, Surroundings
from hil.environment.power import PowerModel
from hil.environment.thermal import FIRMWARE_TABLE, ThermalNode, firmware_limit_mhz, steps_of

NODE = ThermalNode()
POWER = PowerModel()
MOUNT_C = 9.0  # upper end of the 6 to 9 °C in orbit
IN_ORBIT = {  # cores: steady °C, W at the start of the run, mean MHz (BUPT-1, arXiv 2401.03435)
    1: (56.4, 2.96, 1800),
    2: (70.1, 3.77, 1800),
    3: (82.3, 4.59, 1758),
    4: (83.4, 5.30, 1649),
}


def plant_with(cores: float, mount_c: float = MOUNT_C) -> Plant:
    """A powered board with some cores busy."""
    plant = Plant(POWER, NODE, FIRMWARE_TABLE, Surroundings(mount_c=mount_c))
    plant.boot()
    plant.powered = True
    plant.observe_load(cores, 100.0)
    return plant


@pytest.mark.parametrize("cores", IN_ORBIT)
def test_the_figures_from_orbit_are_met(cores):
    """Power, steady temperature and mean clock are those measured in flight."""
    temp_c, power_w, clock_mhz = IN_ORBIT[cores]
    plant = plant_with(cores)
    plant.advance(1.0)
    assert plant.power_w == pytest.approx(power_w, abs=0.1)
    plant.advance(3600.0)
    assert plant.temp_c == pytest.approx(temp_c, abs=2.5)
    assert plant.clock_mhz == pytest.approx(clock_mhz, rel=0.03)


def test_four_throttled_cores_draw_what_they_drew_in_orbit():
    """At the mean clock that the firmware left, four cores drew 4.82 W."""
    assert POWER.board_w(1649, 4) == pytest.approx(4.82, abs=0.1)
    assert POWER.board_w(1800, 0) == 2.14


@given(
    st.floats(-50, 120), st.floats(-50, 120), st.lists(st.floats(0.01, 500), min_size=1, max_size=9)
)
@settings(max_examples=60)
def test_heat_does_not_depend_on_how_time_is_cut_up(start_c, steady_c, gaps):
    """Many small steps and one long one end at the same temperature."""
    temp_c = start_c
    for gap in gaps:
        temp_c = NODE.after(temp_c, steady_c, gap)
    assert temp_c == pytest.approx(NODE.after(start_c, steady_c, sum(gaps)), abs=1e-9)


def test_heat_balances():
    """What goes in and not out through the mount is what the die has taken up."""
    start_c, power_w, step_s = 20.0, 5.0, 0.01
    temp_c, out_j = start_c, 0.0
    for _ in range(20_000):
        before_c = temp_c
        temp_c = NODE.after(temp_c, NODE.steady_c(MOUNT_C, power_w), step_s)
        out_j += ((before_c + temp_c) / 2 - MOUNT_C) / NODE.resistance_k_per_w * step_s
    stored_j = NODE.capacity_j_per_k * (temp_c - start_c)
    assert stored_j + out_j == pytest.approx(power_w * 20_000 * step_s, rel=1e-6)


def test_the_time_constant_is_that_of_the_fit():
    """After 186 s, 63 % of the way is done."""
    assert NODE.time_constant_s == pytest.approx(186, abs=1)
    assert NODE.after(0, 100, NODE.time_constant_s) == pytest.approx(100 * (1 - 1 / math.e))


@pytest.mark.parametrize(
    ("temp_c", "mhz"), [(20, 1800), (80, 1800), (81, 1774), (82.5, 1713.5), (85, 1651), (200, 600)]
)
def test_the_firmware_follows_its_table(temp_c, mhz):
    """Between the rows it is linear, beyond them constant."""
    assert firmware_limit_mhz(temp_c) == pytest.approx(mhz)


@given(st.floats(-50, 200), st.floats(0, 50))
@settings(max_examples=60)
def test_the_firmware_never_allows_more_when_hotter(temp_c, rise_c):
    """The last resort is monotonic."""
    assert firmware_limit_mhz(temp_c + rise_c) <= firmware_limit_mhz(temp_c)


@given(st.floats(0, 1800), st.floats(0, 1800), st.floats(0, 4))
@settings(max_examples=60)
def test_a_slower_clock_never_draws_more(one_mhz, other_mhz, cores):
    """So that throttling always cools."""
    low, high = sorted((one_mhz, other_mhz))
    assert POWER.board_w(low, cores) <= POWER.board_w(high, cores) + 1e-12


@given(st.floats(0, 1e5))
@settings(max_examples=40)
def test_a_gap_is_cut_into_equal_pieces(elapsed_s):
    """No time is lost between steps."""
    count, step_s = steps_of(elapsed_s)
    assert count * step_s == pytest.approx(elapsed_s)


def test_a_limit_set_by_software_cools_the_board():
    """The governor's actuator reaches the temperature."""
    plant = plant_with(4, mount_c=30)
    plant.advance(3600)
    hot_c = plant.temp_c
    plant.limit_mhz = 600
    plant.advance(3600)
    assert plant.clock_mhz == 600
    assert plant.temp_c < hot_c - 10


def test_other_work_heats_and_heeds_the_clock():
    """Extra load is work: a slower clock makes it cheaper; a latch-up does not care."""
    plant = plant_with(0)
    plant.surroundings = Surroundings(mount_c=MOUNT_C, extra_load_w=1.0)
    plant.advance(0.1)
    assert plant.power_w == pytest.approx(3.14)
    plant.limit_mhz = 600
    plant.advance(0.1)
    assert plant.power_w < 2.5
    plant.surroundings = Surroundings(mount_c=MOUNT_C, latch_up_a=1.0)
    plant.advance(0.1)
    assert plant.power_w == pytest.approx(2.14 + 5.1)
    plant.cut()
    assert plant.surroundings.latch_up_a == 0


def test_flags_tell_now_from_since_boot():
    """As get_throttled does: bits 0 to 3 now, 16 to 19 since boot, cleared by a boot."""
    plant = plant_with(4, mount_c=60)
    plant.advance(1000)
    assert plant.flags & CAPPED
    assert plant.flags & THROTTLED
    plant.surroundings = Surroundings(mount_c=-20)
    plant.observe_load(0, 100.0)
    plant.advance(2000)
    assert plant.flags == (CAPPED | THROTTLED) << SINCE_BOOT_SHIFT
    plant.boot()
    assert plant.flags == 0


def test_a_board_without_power_cools_and_draws_nothing():
    """Off is off."""
    plant = plant_with(4)
    plant.advance(1000)
    plant.cut()
    plant.advance(3600)
    assert plant.power_w == 0
    assert plant.voltage_v == 0
    assert plant.temp_c == pytest.approx(MOUNT_C, abs=0.01)
