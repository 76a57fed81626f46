"""Every rung of the recovery ladder is reached by its fault and left again; none leads into a loop."""

import pytest

from flight_sw.board_watch import SupplyOrder
from tests.flight_sw.stack import TICK_S, Stack

LIMIT_S = 60.0  # the answer to any one fault


@pytest.fixture
def flying():
    """A payload in NOMINAL with its model loaded."""
    stack = Stack()
    stack.fly()
    stack.supply.clear()
    return stack


def run_until(stack, condition, within_s=LIMIT_S):
    """Let time pass until it holds."""
    end = stack.now + within_s
    while not condition() and stack.now < end:
        stack.run(TICK_S)
    assert condition(), stack.sentences[-8:]


def is_nominal(stack):
    return stack.controller.mode.name == "NOMINAL"


def works(stack):
    """A job goes up and its answer is the right one."""
    run_until(stack, lambda: is_nominal(stack))
    stack.submit(900)
    run_until(stack, lambda: any(r["job"] == 900 for r in stack.told("result")))
    return is_nominal(stack)


def test_a_flipped_bit_is_answered_by_rewriting(flying):
    """The mildest rung: the page is written anew, and nothing else happens."""
    flying.flip(5000)
    run_until(flying, lambda: "page-corrected" in flying.events)
    assert bytes(flying.weights) == bytes(flying.golden)
    assert flying.supply == []
    assert works(flying)


def test_a_hung_worker_is_answered_by_restarting_it(flying):
    """The board stays up."""
    flying.worker.stopped = True
    run_until(flying, lambda: "worker-restarted" in flying.events)
    assert flying.supply == []
    assert works(flying)


def test_a_silent_board_is_answered_by_its_reset_line(flying):
    """A board that comes back after the reset sees no power cycle."""
    flying.board_frozen = True
    run_until(flying, lambda: SupplyOrder(pulse_reset=True) in flying.supply)
    flying.board_frozen = False
    run_until(flying, lambda: "recovered" in flying.events)
    assert flying.supply == [SupplyOrder(pulse_reset=True)]
    assert works(flying)


def test_a_board_that_no_reset_wakes_is_power_cycled(flying):
    """Off, on, and it is heard again."""
    flying.board_frozen = True  # until its power was away
    run_until(flying, lambda: "recovered" in flying.events)
    assert flying.supply == [
        SupplyOrder(pulse_reset=True),
        SupplyOrder(on=False),
        SupplyOrder(on=True),
    ]
    assert works(flying)


def test_a_board_that_nothing_wakes_ends_in_safe_and_the_ground_leads_out(flying):
    """One reset, one power cycle, SAFE; two minutes later nothing more was tried; then the way back."""
    for _ in range(round(LIMIT_S / TICK_S)):
        flying.board_frozen = True
        flying.run(TICK_S)
    assert flying.controller.mode.name == "SAFE"
    orders = [order for order in flying.supply if order.on is not False]
    assert orders == [SupplyOrder(pulse_reset=True), SupplyOrder(on=True)]
    flying.supply.clear()
    flying.run(120.0)
    assert flying.supply == []
    flying.send("ping")
    flying.run(0.2)
    assert flying.told("alive")
    flying.send("set-mode", mode="NOMINAL")
    assert works(flying)


def test_a_board_that_dies_ever_again_is_given_up_after_a_bounded_number_of_tries(flying):
    """Each time it holds for longer than the settle time: still no endless loop."""
    for _ in range(40):
        flying.board_frozen = True
        flying.run(3.0)
        flying.board_frozen = False
        flying.run(flying.profile.heartbeat.settle_s + 8.0)
        if flying.controller.mode.name == "SAFE":
            break
    assert flying.controller.mode.name == "SAFE"
    assert flying.housekeeping[2]["board_resets"] <= 9
