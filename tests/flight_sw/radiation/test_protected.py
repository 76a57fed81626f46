"""A protected region settles every hit by two witnesses, or says LOST."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import StoreError
from flight_sw.radiation import native
from flight_sw.radiation.native import GROUP_PAGES, PAGE_BYTES
from flight_sw.radiation.outcome import PageOutcome
from flight_sw.radiation.protected import PageHit, Profile, ProtectedRegion, Tier

PAGES = 3
GOLDEN = np.random.default_rng(5).bytes(PAGES * 4096)


def golden_page(page: int) -> bytes:
    return GOLDEN[page * 4096 : (page + 1) * 4096]


def make(golden=golden_page, profile=Profile.FULL):
    live = native.aligned_bytes(PAGES * 4096)
    live[:] = GOLDEN
    region = ProtectedRegion("net", live, golden, profile)
    assert region.encode() == ()
    return region, live


def damage_beyond_parity(live) -> None:
    """Two flips of one column in three pages: too much for check lines and for P and Q."""
    for page in range(3):
        live[page * 4096 + 100] ^= 1
        live[page * 4096 + 164] ^= 1


LOST_EVERYWHERE = tuple(PageHit(page, Tier.LOST, 0) for page in range(3))


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


@pytest.mark.parametrize("profile", list(Profile))
def test_two_wrecked_pages_need_no_golden_copy(profile):
    """P and Q rebuild two pages of a group whatever the damage, without storage."""
    region, live = make(profile=profile)
    region._golden = lambda page: b""
    live[0:4096] = bytes(4096)
    live[8192 : 8192 + 4096] = bytes(4096)
    hits = region.repair_all()
    assert [(hit.page, hit.tier) for hit in hits] == [(0, Tier.REBUILT), (2, Tier.REBUILT)]
    assert live[:] == GOLDEN


@pytest.mark.parametrize("profile", list(Profile))
def test_more_damage_comes_back_from_the_golden_copy(profile):
    """What check lines and parity cannot mend comes from the golden copy, confirmed by the CRC."""
    region, live = make(profile=profile)
    live[:] = bytes(3 * 4096)
    hits = region.repair_all()
    assert [hit.tier for hit in hits] == [Tier.REBUILT] * 3
    assert live[:] == GOLDEN
    assert region.repair_all() == ()


def test_a_slice_cut_short_ends_before_the_page_that_waits_for_parity():
    """In the second group too: the next slice starts at that page, and nothing is passed over."""
    live = native.aligned_bytes(2 * GROUP_PAGES * PAGE_BYTES)
    golden = np.random.default_rng(8).bytes(len(live))
    live[:] = golden
    region = ProtectedRegion("net", live, lambda page: golden[page * PAGE_BYTES :][:PAGE_BYTES])
    assert region.encode() == ()
    first, open_page = GROUP_PAGES, GROUP_PAGES + 6
    for page in range(open_page, 2 * GROUP_PAGES):
        live[page * PAGE_BYTES + 100] ^= 1
    live[open_page * PAGE_BYTES + 164] ^= 1  # in the same column: beyond its check line
    _, done = region.scrub_slice(first, GROUP_PAGES)
    assert done == open_page - first
    hits = region.scrub(first + done, GROUP_PAGES - done)
    assert PageHit(open_page, Tier.REBUILT, 2) in hits
    assert live[:] == golden


def test_light_profile_mends_single_flips_by_parity():
    """Without check lines a flip is found by its CRC and mended by P and Q."""
    region, live = make(profile=Profile.LIGHT)
    live[5000] ^= 4
    assert region.repair_all() == (PageHit(1, Tier.REBUILT, 1),)
    assert live[:] == GOLDEN


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("kind", ["parity", "parity-crc"])
def test_hits_on_parity_are_found_by_the_pass(kind, profile):
    """P and Q pages and their CRCs are scrubbed with their group, not only when needed."""
    region, live = make(profile=profile)
    poke(region, kind, 5, 0x11)
    assert region.repair_all() == (PageHit(0, Tier.CHECK_REPAIRED, 2),)
    assert region.repair_all() == ()
    assert live[:] == GOLDEN


@pytest.mark.parametrize(("profile", "limit"), [(Profile.LIGHT, 0.0323), (Profile.FULL, 0.16)])
def test_protection_costs_what_the_profile_says(profile, limit):
    """For whole groups: 3.2 % of memory for light, under 16 % for full."""
    live = native.aligned_bytes(128 * 4096)
    region = ProtectedRegion("net", live, lambda page: bytes(4096), profile)
    assert region.overhead <= limit


class Bouncing:
    """Stands for memory with a stuck bit: every mend is reported as not taken."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def scrub_slice(self, first, count, depth, limit):
        events, done = self.inner.scrub_slice(first, count, depth, limit)
        return [replace(event, outcome=PageOutcome.STUCK) for event in events], done

    def verify(self, first, count):
        return [first]


def test_page_that_takes_no_mend_is_retired_once():
    """A stuck page is reported as RETIRED one time and then left out; encoding anew forgives it."""
    region, live = make()
    region._set = Bouncing(region._set)
    for expected in ((PageHit(1, Tier.RETIRED, 0),), ()):
        live[5000] ^= 4
        assert region.repair_all() == expected
    assert region.retired == {1}
    region.encode()
    assert region.retired == set()


def test_golden_page_that_memory_does_not_take_is_retired():
    """When even rewriting from the golden copy does not stick, the page is retired."""
    region, live = make()
    inner = region._set
    damage_beyond_parity(live)
    region._set = Bouncing(inner)
    region._set.scrub_slice = inner.scrub_slice
    assert {hit.tier for hit in region.repair_all()} == {Tier.RETIRED}
    assert region.retired == {0, 1, 2}


def test_hit_data_and_crc_are_rebuilt_when_check_lines_confirm_the_golden_copy():
    """Data and CRC both damaged: golden copy and check lines are two witnesses against them."""
    region, live = make()
    damage_beyond_parity(live)
    poke(region, "crc", 0, 0x3C)
    assert PageHit(0, Tier.REBUILT, 2) in region.repair_all()
    assert live[:] == GOLDEN
    assert region.verify() == []


def test_a_stale_golden_copy_is_not_believed():
    """A golden page that neither CRC nor check lines confirm is refused: LOST, bytes as found."""
    region, live = make()
    region._golden = lambda page: bytes(4096)
    damage_beyond_parity(live)
    found = live[:]
    assert region.repair_all() == LOST_EVERYWHERE
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
    damage_beyond_parity(live)
    assert region.repair_all() == LOST_EVERYWHERE


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


def test_a_golden_page_that_agrees_with_the_live_bytes_mends_the_witnesses():
    """CRC and check lines wrecked, data whole: the golden copy says so, and they are made anew."""
    region, live = make()
    for page in range(3):
        for byte in range(40):
            poke(region, "check", page * 512 + byte, 0xFF)
        for byte in range(4):
            poke(region, "crc", page * 4 + byte, 0xFF)
    assert all(hit.tier is Tier.CHECK_REPAIRED for hit in region.repair_all())
    assert region.repair_all() == ()
    assert live[:] == GOLDEN


def test_without_check_lines_a_wrecked_crc_leaves_no_witness_for_the_golden_copy():
    """Light profile: the golden copy differs and nothing vouches for it, so the page is lost."""
    region, live = make(profile=Profile.LIGHT)
    damage_beyond_parity(live)
    for page in range(3):
        for byte in range(4):
            poke(region, "crc", page * 4 + byte, 0xFF)
    assert region.repair_all() == LOST_EVERYWHERE


def test_a_region_larger_than_the_cache_is_not_flushed_first(monkeypatch):
    """Its pages come from memory anyway; hits are found just the same."""
    monkeypatch.setattr(native, "cache_bytes", lambda: 4096)
    region, live = make()
    live[5] ^= 1
    assert region.repair_all() == (PageHit(0, Tier.CORRECTED, 1),)
    assert live[:] == GOLDEN
