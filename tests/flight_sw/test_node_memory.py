"""The node's answers to dump, check and mend: by name, within bounds, in order."""

import numpy as np
import pytest

from flight_sw.board_link import messages as m
from flight_sw.board_models import BoardModel, BoardModels
from flight_sw.board_scrub import BoardScrub
from flight_sw.node_memory import NodeMemory
from flight_sw.radiation import region_bytes
from flight_sw.radiation.native import PAGE_BYTES, address_of, aligned_bytes, crc32c
from flight_sw.radiation.protected import MemoryRegion, ProtectedRegion

PAGES = 4
NAME = "weights:model"


@pytest.fixture
def golden():
    return np.random.default_rng(3).integers(0, 256, PAGES * PAGE_BYTES, np.uint8).tobytes()


@pytest.fixture
def live(golden):
    live = aligned_bytes(PAGES * PAGE_BYTES)
    live[:] = golden
    return live


@pytest.fixture
def memory(golden, live):
    region = ProtectedRegion(
        "model", live, lambda page: golden[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
    )
    region.encode()
    models = BoardModels([BoardModel(1, "model", "/live", "ab" * 32, region)], 0.99)
    return NodeMemory(models, BoardScrub(models), region.memory_regions)


def test_dump_and_check_read_the_live_bytes(memory, golden):
    """The bytes and their CRC-32C, at any offset."""
    (dump,) = memory.obey(m.ReadRegion(NAME, 4090, 50), None)
    assert dump == m.RegionData(NAME, 4090, golden[4090:4140])
    (told,) = memory.obey(m.CheckRegion(NAME, 10, 9000), None)
    assert told == m.RegionChecked(NAME, 10, 9000, crc32c(golden[10:9010]))


@pytest.mark.parametrize(
    "order",
    [
        m.ReadRegion("nobody", 0, 1),
        m.ReadRegion(NAME, PAGES * PAGE_BYTES, 1),
        m.ReadRegion(NAME, -1, 1),
        m.ReadRegion(NAME, 0, 0),
        m.CheckRegion(NAME, 1, PAGES * PAGE_BYTES),
        m.MendRegion("voted-a:node", rebuild=False),
    ],
)
def test_what_is_not_there_is_refused(memory, order):
    """Unknown names and ranges that leave the region read nothing."""
    assert memory.obey(order, None) == [m.RegionRefused(order.name)]


def test_scrub_reports_its_hits_before_the_answer(memory, live, golden):
    """A flip is corrected, told, and the count is right."""
    live[5000] ^= 4
    hit, done = memory.obey(m.MendRegion(NAME, rebuild=False), None)
    assert (hit.page, hit.tier, hit.slot) == (1, "CORRECTED", 1)
    assert done == m.RegionMended(NAME, PAGES, 1)
    assert bytes(live) == golden


def test_repair_writes_every_wrong_page_from_the_golden_copy(memory, live, golden):
    """Even what no check bytes could tell: a page of zeros under its own right check bytes."""
    live[PAGE_BYTES : 2 * PAGE_BYTES] = bytes(PAGE_BYTES)
    hit, done = memory.obey(m.MendRegion(NAME, rebuild=True), None)
    assert (hit.page, hit.tier, hit.since_tick) == (1, "REBUILT", -1)
    assert done.hits == 1
    assert bytes(live) == golden


def test_slot_under_proof_is_left_alone(memory):
    """While the worker's proof turns the bytes over, nobody mends them."""
    order = m.MendRegion(NAME, rebuild=True)
    (number,) = memory._models.parts
    assert memory.obey(order, number) == [m.RegionRefused(NAME)]


@pytest.mark.parametrize(("offset", "length"), [(0, 17), (16, 1), (-1, 4), (3, 0), (2, -1)])
def test_no_byte_outside_a_region_is_read(offset, length):
    """Bounds are checked where the address is used."""
    data = aligned_bytes(16)
    region = MemoryRegion("x", address_of(data), 16)
    with pytest.raises(ValueError, match="leave region"):
        region_bytes.read(region, offset, length)
