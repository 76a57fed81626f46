"""A protected region settles every hit by two witnesses, or says LOST."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import StoreError
from flight_sw.radiation import native
from flight_sw.radiation.protected import PageHit, ProtectedRegion, Tier

PAGES = 3
GOLDEN = np.random.default_rng(5).bytes(PAGES * 4096)


def golden_page(page: int) -> bytes:
    return GOLDEN[page * 4096 : (page + 1) * 4096]


def make(golden=golden_page):
    live = native.aligned_bytes(PAGES * 4096)
    live[:] = GOLDEN
    region = ProtectedRegion("net", live, golden)
    assert region.encode() == ()
    return region, live


def poke(region, kind: str, byte: int, mask: int) -> None:
    """Flip bits the way an injector does: at the address the region names."""
    place = next(r for r in region.memory_regions() if r.name == f"{kind}:net")
    assert byte < place.length
    ctypes.c_uint8.from_address(place.address + byte).value ^= mask


def test_encode_first_puts_live_bytes_right():
    """A bit flipped between loading and encoding is mended from the golden copy, and named."""
    live = native.aligned_bytes(PAGES * 4096)
    live[:] = GOLDEN
    live[5000] ^= 4
    region = ProtectedRegion("net", live, golden_page)
    assert region.encode() == (1,)
    assert live[:] == GOLDEN


def test_one_flip_is_corrected_in_place():
    """A single data bit is corrected without the golden copy."""
    region, live = make()
    poke(region, "weights", 4096 + 77, 0x08)
    assert region.verify() == [1]
    assert region.repair_all() == (PageHit(1, Tier.CORRECTED, 1),)
    assert live[:] == GOLDEN
    assert region.repair_all() == ()


@pytest.mark.parametrize("kind", ["check", "crc"])
@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_hits_on_the_protection_leave_the_data_alone(kind, mask):
    """Hit check bytes or CRC are recognised and recomputed; data is never 'repaired' for them."""
    region, live = make()
    poke(region, kind, 6, mask)
    (hit,) = region.repair_all()
    assert hit.tier is Tier.CHECK_REPAIRED
    assert live[:] == GOLDEN
    assert region.repair_all() == ()


def test_garbage_lines_are_rebuilt_from_the_golden_copy():
    """What the check lines cannot mend comes from the golden copy, confirmed by the CRC."""
    region, live = make()
    live[4096:8192] = bytes(4096)
    (hit,) = region.repair_all()
    assert (hit.page, hit.tier) == (1, Tier.REBUILT)
    assert hit.bits > 10_000
    assert live[:] == GOLDEN


def test_hit_data_and_crc_are_rebuilt_when_check_lines_confirm_the_golden_copy():
    """Data and CRC both damaged: golden copy and check lines are two witnesses against them."""
    region, live = make()
    live[0] ^= 1
    live[64] ^= 1
    poke(region, "crc", 0, 0x3C)
    assert region.repair_all() == (PageHit(0, Tier.REBUILT, 2),)
    assert live[:] == GOLDEN
    assert region.verify() == []


def test_a_stale_golden_copy_is_not_believed():
    """A golden page that neither CRC nor check lines confirm is refused: LOST, bytes as found."""
    region, live = make()
    region._golden = lambda page: bytes(4096)
    live[100] ^= 1
    live[164] ^= 1
    found = live[:]
    assert region.repair_all() == (PageHit(0, Tier.LOST, 0),)
    assert live[:] == found


@pytest.mark.parametrize("error", [OSError("gone"), StoreError("gone"), None])
def test_storage_that_fails_means_lost(error):
    """A golden copy that cannot be read, or is short, leaves the page LOST, not an exception."""
    region, live = make()

    def broken(page: int) -> bytes:
        if error:
            raise error
        return b"short"

    region._golden = broken
    live[0] ^= 1
    live[64] ^= 1
    assert region.repair_all() == (PageHit(0, Tier.LOST, 0),)


@pytest.mark.parametrize("size", [0, 100, 4097])
def test_a_region_that_is_not_whole_pages_is_refused(size):
    """The owner pads the region: anything else is a ValueError that says so."""
    with pytest.raises(ValueError, match="pad it to whole pages"):
        ProtectedRegion("net", np.zeros(size, np.uint8), golden_page)


@settings(max_examples=150, deadline=None)
@given(
    hits=st.lists(
        st.tuples(st.integers(0, 4608 * 8 + 31), st.integers(1, 255)), min_size=1, max_size=8
    )
)
def test_any_damage_to_one_page_ends_as_golden(hits):
    """Whatever is hit in a page, its check lines and its CRC, the data ends as the golden bytes."""
    region, live = make()
    for bit, mask in hits:
        byte = bit // 8
        kind, at = ("weights", byte) if byte < 4096 else ("check", byte - 4096)
        if byte >= 4608:
            kind, at = "crc", byte - 4608
        poke(region, kind, at, mask)
    after = region.repair_all()
    damaged = any(hit.tier is Tier.LOST for hit in after)
    assert damaged or live[:] == GOLDEN
    assert damaged or region.repair_all() == ()
