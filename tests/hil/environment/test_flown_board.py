"""A board on its spacecraft: heat and energy against independent integrals, and what it can suffer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import UserError
from hil.environment.conditions import Conditions, conditions_along
from hil.environment.energy import WH_J, Battery
from hil.environment.flown_board import BoardPhysics, FlownBoard
from hil.environment.heat import (
    STEFAN_BOLTZMANN,
    ZERO_C_K,
    HeatModel,
    HeatPath,
    HeatState,
)
from hil.environment.orbit import load_orbit
from hil.environment.power import PowerModel
from hil.environment.thermal import FIRMWARE_TABLE, ThermalNode, firmware_limit_mhz
from hil.environment.vehicle import Vehicle, load_vehicle, parse_vehicle

DAY_S = 86_400.0
PATH = HeatPath(11.9, 15.6, 1600.0, 0.8, 2500.0, 0.05)
PHYSICS = BoardPhysics(PowerModel(), ThermalNode(), FIRMWARE_TABLE)


@pytest.fixture(scope="module")
def day() -> Conditions:
    """One day at 550 km."""
    return conditions_along(load_orbit("leo-550")[1], DAY_S)


def board_on(vehicle: Vehicle, conditions: Conditions, cores: float) -> FlownBoard:
    """A powered board with some cores busy."""
    board = FlownBoard(PHYSICS, vehicle, conditions)
    board.switch(on=True)
    board.busy_cores = cores
    return board


def flow(temps: np.ndarray, die_w: float, radiator_w: float) -> np.ndarray:
    """Kelvin per second of the three nodes, with the radiator's T^4 as it is."""
    die, mount, radiator = temps
    inner = (die - mount) / PATH.die_to_mount_k_per_w
    outer = (mount - radiator) / PATH.mount_to_radiator_k_per_w
    out = STEFAN_BOLTZMANN * PATH.emitting_m2 * (radiator + ZERO_C_K) ** 4
    return np.array(
        [
            (die_w - inner) / PATH.die_j_per_k,
            (inner - outer) / PATH.mount_j_per_k,
            (outer + radiator_w - out) / PATH.radiator_j_per_k,
        ]
    )


def test_heat_follows_an_independent_integration() -> None:
    """Steps of a minute end where Runge-Kutta steps of half a second with T^4 end."""
    model = HeatModel(PATH, HeatState([20.0, 20.0, 20.0]))
    temps, step = np.array([20.0, 20.0, 20.0]), 0.5
    for minute in range(100):
        die_w, radiator_w = (5.0, 20.0) if minute % 50 < 30 else (2.0, 8.0)
        model.advance(60.0, die_w, radiator_w)
        for _ in range(120):
            one = flow(temps, die_w, radiator_w)
            two = flow(temps + step / 2 * one, die_w, radiator_w)
            three = flow(temps + step / 2 * two, die_w, radiator_w)
            four = flow(temps + step * three, die_w, radiator_w)
            temps = temps + step / 6 * (one + 2 * two + 2 * three + four)
        assert model.state.temps_c == pytest.approx(temps, abs=0.01)


@given(
    st.lists(st.tuples(st.floats(0.1, 900), st.floats(0, 15), st.floats(0, 60)), max_size=12),
    st.floats(-60, 90),
)
@settings(max_examples=40, deadline=None)
def test_heat_is_conserved_over_any_gaps(gaps, start_c) -> None:
    """Heat that came in is stored or was radiated, however time is cut."""
    model = HeatModel(PATH, HeatState([start_c] * 3))
    for elapsed_s, die_w, radiator_w in gaps:
        model.advance(elapsed_s, die_w, radiator_w)
    scale = max(model.state.came_in_j, model.started_j)
    assert abs(model.lost_j) < 1e-9 * scale


@pytest.mark.parametrize("vehicle", ["cubesat-12u", "small-radiator", "power-poor"])
def test_a_day_in_orbit_closes_its_books(vehicle: str, day: Conditions) -> None:
    """Over a day heat and energy balance to one part in a million, by integrals of their own."""
    board = board_on(load_vehicle(vehicle), day, 2.0)
    start_j, before = board.battery.energy_j, np.array(board.heat.state.temps_c)
    radiated_j = came_j = 0.0
    for step in range(8640):
        board.advance_to(step * 10.0 + 5.0)
        middle_k = board.heat.state.temps_c[2] + ZERO_C_K
        board.advance_to(step * 10.0 + 10.0)
        radiated_j += STEFAN_BOLTZMANN * board.heat.path.emitting_m2 * middle_k**4 * 10.0
        came_j += (
            board.vehicle.absorbed_w(float(day.lit[step]), float(day.sun_zenith_cosine[step]))
            * 10.0
        )
    came_j += board.energy_j
    sizes = (PATH.die_j_per_k, PATH.mount_j_per_k, PATH.radiator_j_per_k)
    stored_j = float(np.dot(sizes, np.array(board.heat.state.temps_c) - before))
    assert came_j - radiated_j - stored_j == pytest.approx(0.0, abs=2e-6 * came_j)
    assert abs(board.heat.lost_j) < 1e-6 * came_j
    books = board.battery.books
    gained_j = board.battery.energy_j - start_j
    spent_j = books.used_j + books.spilled_j + books.lost_j + gained_j
    assert books.offered_j == pytest.approx(spent_j, rel=1e-6)
    lit_j = board.vehicle.array_w(1.0) * float(day.lit[:8640].sum()) * 10.0
    assert books.offered_j == pytest.approx(lit_j, rel=1e-6)
    assert books.used_j == pytest.approx(
        board.energy_j + board.vehicle.energy.bus_w * DAY_S, rel=1e-6
    )


@given(st.floats(0, 1), st.lists(st.tuples(st.floats(1, 9000), st.floats(-40, 40)), max_size=20))
@settings(max_examples=60)
def test_a_battery_never_makes_energy(charge, gaps) -> None:
    """Charge stays within 0 and 1 and every joule is accounted for."""
    battery = Battery(40.0, 0.95, charge)
    start_j = battery.energy_j
    for elapsed_s, surplus_w in gaps:
        battery.advance(elapsed_s, 40.0 + surplus_w, 40.0)
        assert -1e-12 <= battery.charge <= 1 + 1e-12
    books = battery.books
    out_j = books.used_j + books.spilled_j + books.lost_j + battery.energy_j - start_j
    assert books.offered_j == pytest.approx(out_j, abs=1e-6 * 40 * WH_J)


def test_flight_run_of_four_cores_throttles_after_ten_minutes(day: Conditions) -> None:
    """The four-core run of BUPT-1 as recorded: a board just switched on at 19.4 °C idles 185 s, then
    works; its firmware first throttles at 80 °C and a little, 614 s after the record begins.

    Constants of die and resistance are the flight fit; the mount node follows that run's telemetry.
    """
    path = HeatPath(11.9, 15.6, 1600.0, 0.8, 1e9, 1e-9)  # a structure that keeps its 1 °C
    heat, power = HeatModel(path, HeatState([19.4, 1.0, 1.0])), PowerModel()
    throttled_s, clocks = None, []
    for second in range(10_800):
        busy = 4.0 if second >= 185 else 0.3
        clock = firmware_limit_mhz(heat.state.temps_c[0])
        if throttled_s is None and clock < 1795.0:  # the telemetry's resolution
            throttled_s, at_c = second, heat.state.temps_c[0]
        heat.advance(1.0, power.board_w(clock, busy), 0.0)
        clocks += [clock] if second > 900 else []
    assert throttled_s == pytest.approx(614, abs=60)
    assert 80.0 <= at_c <= 81.3
    assert heat.state.temps_c[0] == pytest.approx(83.4, abs=2.5)
    assert np.mean(clocks) == pytest.approx(1649, rel=0.03)
    assert heat.state.temps_c[1] == pytest.approx(5.0, abs=1.5)


def test_an_empty_battery_is_a_brown_out(day: Conditions) -> None:
    """Below the cut the board loses power, the switch does not close again before the restart."""
    board = board_on(load_vehicle("power-poor"), day, 4.0)
    dark = next(i for i in range(600) if day.lit[i] == 0)
    board.advance_to(dark * 10.0)
    board.battery.charge = 0.701
    board.advance_to(dark * 10.0 + 600.0)
    assert board.damage.brown_outs == 1
    assert not board.powered
    board.switch(on=True)
    assert not board.powered
    board.battery.charge = 0.9
    board.advance_to(board.now_s + 10.0)
    board.switch(on=True)
    assert board.powered


def test_a_latch_up_heats_and_breaks_unless_power_is_cut(day: Conditions) -> None:
    """A small latch-up draws on for ten minutes and destroys the board; cut in time it is over."""
    saved, lost = (board_on(load_vehicle("cubesat-12u"), day, 1.0) for _ in range(2))
    for board in (saved, lost):
        board.latch_up_a = 0.4
        board.advance_to(300.0)
    assert saved.temp_c > 60
    saved.switch(on=False)
    saved.switch(on=True)
    for board in (saved, lost):
        board.advance_to(700.0)
    assert saved.powered
    assert not saved.damage.broken
    assert lost.damage.broken
    assert not lost.powered


def test_a_large_latch_up_trips_the_switch(day: Conditions) -> None:
    """Above the rail's limit the switch opens by itself."""
    board = board_on(load_vehicle("cubesat-12u"), day, 1.0)
    board.latch_up_a = 4.0
    board.advance_to(10.0)
    assert board.damage.trips == 1
    assert not board.switched_on


def test_vehicles_with_crossed_limits_are_refused() -> None:
    """A restart below the cut would never start again."""
    from importlib import resources

    text = (resources.files("hil") / "vehicles" / "power-poor.yaml").read_text()
    with pytest.raises(UserError, match=r"my.yaml: energy: limits cross"):
        parse_vehicle(text.replace("restart_charge: 0.80", "restart_charge: 0.60"), "my.yaml")
    with pytest.raises(UserError, match="did you mean `power-poor`"):
        load_vehicle("power-pore")
