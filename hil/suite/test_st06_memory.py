"""ST[06]: memory is read, summed up and mended by the names of its regions, within their bounds."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.radiation.native import crc32c
from hil.ground.reports import RegionReport
from hil.rig.running import RunningBoard
from hil.suite.asking import fire, refused, told

OWN = "voted-a:payload"  # a replica of the controller's own voted record
WEIGHTS = "weights:hotspot"
DUMP_BYTES = 2048

pytestmark = pytest.mark.needs(feature="inference")


@pytest.fixture
def regions(nominal: RunningBoard) -> dict[str, int]:
    """The memory map as the payload reports it."""
    nominal.ground.send("report-regions").done()
    nominal.until(lambda: False, 0.3)
    return {one.name: one.length for one in nominal.ground.reports if isinstance(one, RegionReport)}


def test_memory_map_names_what_is_protected(regions: dict[str, int]) -> None:
    """Weights, their check bytes and the voted records are in it, none of them empty."""
    assert WEIGHTS in regions
    assert any(name.startswith("check:") for name in regions)
    assert any(name.startswith("voted-") for name in regions)
    assert all(length > 0 for length in regions.values())


def test_sum_of_a_range_is_that_of_its_bytes(nominal: RunningBoard) -> None:
    """What is dumped and what is summed up on board are the same bytes."""
    place = {"region": WEIGHTS, "offset": 4096}
    nominal.ground.send("dump-region", length=DUMP_BYTES, **place).done()
    data = told(nominal.ground, "region-dump")["data"]
    nominal.ground.send("check-region", length=DUMP_BYTES, **place).done()
    assert len(data) == DUMP_BYTES
    assert told(nominal.ground, "region-checksum")["crc"] == crc32c(data)


def test_controller_reads_its_own_memory(safe: RunningBoard) -> None:
    """The controller's voted record can be read in SAFE, without a board."""
    safe.ground.send("dump-region", region=OWN, offset=0, length=8).done()
    assert len(told(safe.ground, "region-dump", region=OWN)["data"]) == 8


def test_region_that_is_not_there_is_refused(nominal: RunningBoard) -> None:
    """No name, no memory: nothing on the link can form an address."""
    wrong = nominal.ground.send("dump-region", region="weights:none", offset=0, length=4)
    refused(wrong, Reason.NO_SUCH_REGION)


def test_range_beyond_a_region_is_refused(nominal: RunningBoard) -> None:
    """A range that leaves its region is refused before anything is read."""
    wrong = nominal.ground.send("dump-region", region=OWN, offset=1_000_000, length=4)
    refused(wrong, Reason.BAD_ARGUMENT)


def test_clean_region_needs_no_mending(nominal: RunningBoard) -> None:
    """A scrub on command looks at every page of the region and finds nothing."""
    nominal.ground.send("scrub-region", region=WEIGHTS).done()
    mended = told(nominal.ground, "region-mended", region=WEIGHTS)
    assert mended["hits"] == 0
    assert mended["pages"] > 0


def test_region_is_rewritten_from_its_golden_copy(nominal: RunningBoard) -> None:
    """A repair, armed and fired, leaves the same sum as before."""
    sums = []
    for _ in range(2):
        nominal.ground.send("check-region", region=WEIGHTS, offset=0, length=0).done()
        sums.append(told(nominal.ground, "region-checksum")["crc"])
        if len(sums) == 1:
            fire(nominal.ground, "repair-region", region=WEIGHTS)
            told(nominal.ground, "region-mended", region=WEIGHTS)
    assert sums[0] == sums[1]
