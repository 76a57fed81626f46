"""The space link: quick, in order, deaf to noise; and the board link behind it."""

import statistics

import numpy as np
import pytest

from flight_sw.dictionary.reason import Reason
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import event, refused
from hil.suite.jobs import Jobs

pytestmark = pytest.mark.needs(feature="commanding")

PINGS = 40
PING_MS = 250.0  # a 9600 baud radio would need more; a bench line does not
BURST = 60


def test_ping_is_answered_quickly(nominal: RunningBoard, measure: Measures) -> None:
    """Telecommand to verified answer: median and slowest of forty."""
    took_ms = []
    for _ in range(PINGS):
        before_s = nominal.now_s()
        nominal.ground.send("ping").done()
        took_ms.append(1000 * (nominal.now_s() - before_s))
    measure("ping_median", statistics.median(took_ms), "ms", high=nominal.within(PING_MS))
    measure("ping_slowest", max(took_ms), "ms", high=nominal.within(4 * PING_MS))


def test_burst_of_telecommands_is_answered_in_order(nominal: RunningBoard) -> None:
    """Sixty telecommands without a pause: each is verified, none twice."""
    requests = [nominal.ground.send("ping") for _ in range(BURST)]
    for request in requests:
        request.done()
    assert len({request.id for request in requests}) == BURST


def test_largest_telecommand_is_taken_whole(jobs: Jobs) -> None:
    """Sixty thousand bytes in one packet arrive whole: the payload judges their size, not the link."""
    job = jobs.send("hotspot", bytes(60_000))
    refused(job.request, Reason.WRONG_SHAPE)


def test_noise_on_the_uplink_moves_nothing(nominal: RunningBoard) -> None:
    """Random bytes are no frame: no telecommand is lost, refused or carried out because of them."""
    chance = np.random.default_rng(7)
    before = nominal.housekeeping(2).values["tc_accepted"]
    nominal.ground.inject(chance.bytes(4_000))
    sent = 5
    for _ in range(sent):
        nominal.ground.send("ping").done()
    after = nominal.housekeeping(2).values["tc_accepted"]
    assert after - before == sent + 1  # and the request for the sample itself


def test_payload_counts_what_it_accepts(nominal: RunningBoard) -> None:
    """The counters of telecommands rise by just those that were sent."""
    first = nominal.housekeeping(2).values
    nominal.ground.send("ping").done()
    refused(nominal.ground.send("delete-structure", structure=31), Reason.NO_SUCH_ENTRY)
    second = nominal.housekeeping(2).values
    assert second["tc_accepted"] - first["tc_accepted"] == 3
    assert second["boots"] == first["boots"]


@pytest.mark.needs(feature="faults")
def test_noise_on_the_board_link_is_survived(nominal: RunningBoard, measure: Measures) -> None:
    """One bit in a thousand wrong for two seconds: frames are sent again, and the work goes on."""
    assert nominal.hand is not None
    before = nominal.housekeeping(2).values
    nominal.hand.noise(bit_error_rate=1e-3)
    nominal.ground.wait_until(lambda: False, 2.0)
    nominal.hand.noise(bit_error_rate=0.0)
    nominal.to_nominal()
    nominal.ground.send("scrub-now").done()
    after = nominal.housekeeping(2).values
    measure("resyncs", after["link_resyncs"] - before["link_resyncs"], low=1)


@pytest.mark.needs(feature="faults", fixture="line_breaker")
def test_board_link_comes_back_after_it_was_unplugged(nominal: RunningBoard) -> None:
    """The port vanishes and returns under its name: the controller opens it again and goes on."""
    assert nominal.hand is not None
    nominal.hand.noise(unplugged=True)
    event(nominal.ground, "board-silent", nominal.within(10.0))
    nominal.hand.noise(unplugged=False)
    event(nominal.ground, "recovered", nominal.within(nominal.patience.board_up_s))
    nominal.to_nominal()
