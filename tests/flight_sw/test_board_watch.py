"""A silent board is reset, then power-cycled, then given up: one rung each, never a loop."""

import msgspec
import pytest

from flight_sw.board_watch import BoardState, BoardWatch, SupplyOrder
from flight_sw.profile import Heartbeat, Supply

HEARTBEAT = Heartbeat(period_s=0.2, timeout_s=1.0, boot_s=3.0, settle_s=5.0)
SUPPLY = Supply(kind="sysfs", path="auto", off_s=0.5)


class Bench:
    """A watch, a virtual clock and a board that beats while `alive`."""

    def __init__(self) -> None:
        self.watch = BoardWatch(HEARTBEAT, SUPPLY)
        self.now = 0.0
        self.alive = True
        self.orders: list[tuple[float, SupplyOrder]] = []
        self.events: list[str] = []

    def run(self, seconds: float, *, wanted: bool = True) -> None:
        for _ in range(round(seconds * 10)):
            self.now = round(self.now + 0.1, 3)
            if self.alive:
                self.events += [event.definition.name for event in self.watch.beat(self.now)]
            order, events = self.watch.step(self.now, wanted=wanted)
            self.events += [event.definition.name for event in events]
            if order != SupplyOrder():
                self.orders.append((self.now, order))


@pytest.fixture
def bench() -> Bench:
    """A board that is on and beats."""
    bench = Bench()
    bench.run(2.0)
    assert bench.watch.state is BoardState.UP
    bench.orders.clear()
    return bench


def test_healthy_board_is_left_alone(bench):
    """An hour of heartbeats orders nothing."""
    bench.run(360.0)
    assert (bench.orders, bench.events) == ([], [])


def test_silent_board_is_reset_first(bench):
    """Silence longer than the timeout pulls the reset line, once."""
    bench.alive = False
    bench.run(2.0)
    assert [order for _, order in bench.orders] == [SupplyOrder(pulse_reset=True)]
    assert bench.events == ["board-silent", "recovery-step"]


def test_reset_that_does_not_help_is_followed_by_one_power_cycle(bench):
    """After the boot time the power is cut for off_s and restored; then the board is heard again."""
    bench.alive = False
    bench.run(5.0)
    assert [order for _, order in bench.orders[1:]] == [SupplyOrder(on=False), SupplyOrder(on=True)]
    (off_at, _), (on_at, _) = bench.orders[1:]
    assert on_at - off_at == pytest.approx(SUPPLY.off_s, abs=0.11)
    bench.alive = True
    bench.run(1.0)
    assert bench.watch.state is BoardState.UP
    assert bench.events[-1] == "recovered"
    assert (bench.watch.resets, bench.watch.power_cycles) == (1, 1)


def test_dead_board_ends_in_giving_up_not_in_a_loop(bench):
    """Two rungs, then SAFE; an hour later nothing more was tried."""
    bench.alive = False
    bench.run(3600.0)
    assert bench.watch.gave_up
    assert (bench.watch.resets, bench.watch.power_cycles) == (1, 1)


def test_fault_that_returns_soon_climbs_on(bench):
    """A board that dies again within settle_s is power-cycled, not reset again."""
    bench.alive = False
    bench.run(1.5)
    bench.alive = True
    bench.run(1.0)
    bench.alive = False
    bench.run(1.5)
    assert (bench.watch.resets, bench.watch.power_cycles) == (1, 1)


def test_fault_after_a_good_while_starts_at_the_first_rung(bench):
    """Settled means settled: the next fault is answered with a reset again."""
    bench.alive = False
    bench.run(1.5)
    bench.alive = True
    bench.run(10.0)
    bench.alive = False
    bench.run(1.5)
    assert (bench.watch.resets, bench.watch.power_cycles) == (2, 0)


def test_unwanted_board_is_switched_off_and_not_missed(bench):
    """In SAFE the board is off and its silence is no fault."""
    bench.run(0.1, wanted=False)
    bench.alive = False
    bench.run(60.0, wanted=False)
    assert [order for _, order in bench.orders] == [SupplyOrder(on=False)]
    assert bench.events == []


def test_supply_found_off_is_switched_on_again(bench):
    """A switch that nobody turned off is turned on again at once, not after the ladder."""
    order, events = bench.watch.step(bench.now, wanted=True, supply_on=False)
    assert order == SupplyOrder(on=True)
    assert [event.definition.name for event in events] == ["supply-off"]
    order, _ = bench.watch.step(bench.now + 0.1, wanted=True, supply_on=False)
    assert order == SupplyOrder()


def test_ground_may_order_a_power_cycle(bench):
    """A power cycle by telecommand is carried out once."""
    bench.watch.power_cycle()
    bench.run(1.5)
    assert [order for _, order in bench.orders] == [SupplyOrder(on=False), SupplyOrder(on=True)]


def test_profile_sections_are_frozen():
    """Limits cannot be changed behind the watch's back."""
    with pytest.raises((AttributeError, TypeError)):
        HEARTBEAT.timeout_s = 99.0
    assert msgspec.structs.asdict(HEARTBEAT)["timeout_s"] == 1.0


def test_a_beat_that_was_on_the_line_at_the_reset_is_no_recovery(bench):
    """Found on a line that brought single bytes: it was answered with a power cycle, and then SAFE."""
    bench.alive = False
    bench.run(1.2)
    assert bench.orders[-1][1] == SupplyOrder(pulse_reset=True)
    assert bench.watch.beat(bench.now + 0.4) == []
    assert bench.watch.state is BoardState.SILENT
    bench.run(2.5)  # longer than the longest silence, shorter than a boot
    assert len(bench.orders) == 1
    bench.watch.restarted()
    bench.alive = True
    bench.run(0.2)
    assert bench.watch.state is BoardState.UP
    assert bench.events == ["board-silent", "recovery-step", "recovered"]


def test_a_board_that_no_reset_reaches_is_up_when_it_speaks_again(bench):
    """Without a reset line it comes back as it was: no new start, and beats as before."""
    bench.alive = False
    bench.run(1.2)
    bench.alive = True
    bench.run(HEARTBEAT.timeout_s + 0.2)
    assert bench.watch.state is BoardState.UP
    assert len(bench.orders) == 1


def test_a_beat_while_the_power_is_off_is_none(bench):
    """It was on the line before; who speaks later has booted."""
    bench.watch.power_cycle()
    bench.alive = False
    bench.run(0.2)
    bench.watch.beat(bench.now)
    assert bench.watch.state is BoardState.BOOTING
