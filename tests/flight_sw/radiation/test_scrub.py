"""The walk is fair, bounded, and its ticks say which results can be trusted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flight_sw.radiation import native
from flight_sw.radiation.native import SLICE_PAGES
from flight_sw.radiation.protected import SLICE_REPAIRS, ProtectedRegion, Tier
from flight_sw.radiation.scrub import Scrubber, ScrubHit


def make_region(name: str, pages: int, *, golden_works: bool = True):
    live = native.aligned_bytes(pages * 4096)
    live[:] = np.random.default_rng(pages).bytes(pages * 4096)
    golden = live[:]

    def read(page: int) -> bytes:
        return golden[page * 4096 : (page + 1) * 4096] if golden_works else b""

    region = ProtectedRegion(name, live, read)
    region.encode()
    return region, live


def test_walk_covers_all_regions_in_turn():
    """Five pages a time over regions of 3 and 4 pages: every page is seen once in a round."""
    scrubber = Scrubber([make_region("a", 3)[0], make_region("b", 4)[0]])
    assert (scrubber.clean_tick("a"), scrubber.clean_tick("b")) == (-1, -1)
    assert scrubber.advance(5) == ()
    assert (scrubber.tick, scrubber.clean_tick("a"), scrubber.clean_tick("b")) == (5, 0, -1)
    assert scrubber.advance(5) == ()
    assert scrubber.tick == 10
    assert scrubber.clean_tick("b") == 3


def test_pages_of_all_regions_are_counted():
    """The scrubber knows how long a round is."""
    assert Scrubber([make_region("a", 3)[0], make_region("b", 4)[0]]).pages == 7


def test_budget_is_capped_at_one_round():
    """A budget beyond all pages checks each page once, not forever."""
    scrubber = Scrubber([make_region("a", 3)[0]])
    scrubber.advance(1000)
    assert scrubber.tick == 3


def test_hit_names_the_tick_since_which_results_are_suspect():
    """A result after the page's last clean look is suspect; one before it is not."""
    region, live = make_region("a", 4)
    scrubber = Scrubber([region])
    scrubber.advance(4)
    live[2 * 4096] ^= 1
    (hit,) = scrubber.advance(4)
    assert hit == ScrubHit("a", 2, Tier.CORRECTED, 1, since_tick=0)
    assert scrubber.clean_tick("a") == 4


def test_result_during_the_look_is_not_confirmed_by_it():
    """The look that began at tick 4 confirms results up to tick 4; the next has a higher tick."""
    scrubber = Scrubber([make_region("a", 4)[0]])
    scrubber.advance(4)
    result_tick = scrubber.tick
    assert not result_tick <= scrubber.clean_tick("a")
    scrubber.advance(3)
    assert not result_tick <= scrubber.clean_tick("a")
    scrubber.advance(1)
    assert result_tick <= scrubber.clean_tick("a")


def test_lost_page_confirms_nothing():
    """While a page is lost, the clean tick of its region stands still and each round reports it."""
    region, live = make_region("a", 3, golden_works=False)
    scrubber = Scrubber([region])
    scrubber.advance(3)
    for page in range(3):  # beyond check lines, P and Q
        live[page * 4096] ^= 1
        live[page * 4096 + 64] ^= 1
    for _ in range(2):
        hits = scrubber.advance(3)
        assert [(hit.tier, hit.since_tick) for hit in hits] == [(Tier.LOST, 0)] * 3
    assert scrubber.clean_tick("a") == 0


def test_work_stops_between_slices_when_asked():
    """A long pass ends at the next slice once `stop` says so, and goes on from there later."""
    region, _ = make_region("a", 3 * SLICE_PAGES)
    scrubber = Scrubber([region])
    answers = iter([False, False, True])
    scrubber.advance(3 * SLICE_PAGES, lambda: next(answers))
    assert scrubber.tick == 2 * SLICE_PAGES
    scrubber.advance(SLICE_PAGES)
    assert scrubber.clean_tick("a") == 0
    assert scrubber.tick == 3 * SLICE_PAGES


@pytest.mark.parametrize("flips", [(0,), (0, 64)])
def test_work_stops_soon_when_every_page_is_damaged(flips):
    """Mending is slow: a damaged slice ends after SLICE_REPAIRS pages, so `stop` is asked in time."""
    region, live = make_region("a", SLICE_PAGES)
    scrubber = Scrubber([region])
    golden = live[:]
    for page in range(SLICE_PAGES):
        for at in flips:  # two of one column are beyond the check lines
            live[page * 4096 + at] ^= 1
    answers = iter([False, True])
    hits = scrubber.advance(SLICE_PAGES, lambda: next(answers))
    assert [hit.page for hit in hits] == list(range(SLICE_REPAIRS))
    assert live[SLICE_REPAIRS * 4096 :] != golden[SLICE_REPAIRS * 4096 :]
    assert len(scrubber.full_pass("a")) == SLICE_PAGES - SLICE_REPAIRS
    assert live[:] == golden


@settings(max_examples=40, deadline=None)
@given(hard=st.sets(st.integers(0, 127), max_size=4), soft=st.sets(st.integers(0, 127)))
def test_short_slices_do_not_take_parity_away(hard, soft):
    """Two wrecked pages of a group come back without storage, however many others have a flip."""
    hard = set(sorted(hard & set(range(64)))[:2]) | set(sorted(hard - set(range(64)))[:2])
    region, live = make_region("a", 128, golden_works=False)
    golden = live[:]
    scrubber = Scrubber([region])
    for page in soft:
        live[page * 4096 + page] ^= 4
    for page in hard:
        live[page * 4096 : (page + 1) * 4096] = bytes(4096)
    hits = scrubber.full_pass("a")
    assert live[:] == golden
    assert {hit.page for hit in hits} == hard | soft
    assert scrubber.full_pass("a") == ()


def test_retired_page_confirms_nothing():
    """A retired page is said once, but the clean tick of its region never moves on."""
    region, _ = make_region("a", 2)
    scrubber = Scrubber([region])
    scrubber.advance(2)
    region.retired.add(1)
    scrubber.advance(2)
    assert scrubber.clean_tick("a") == 0


def test_paused_region_is_skipped_and_resumed():
    """Pausing leaves a region out; with everything paused there is nothing to do."""
    scrubber = Scrubber([make_region("a", 2)[0], make_region("b", 2)[0]])
    scrubber.pause("a")
    scrubber.advance(9)
    assert (scrubber.tick, scrubber.clean_tick("a"), scrubber.clean_tick("b")) == (2, -1, 0)
    scrubber.pause("b")
    assert scrubber.advance(9) == ()
    assert scrubber.tick == 2
    scrubber.resume("a")
    scrubber.advance(9)
    assert scrubber.clean_tick("a") == 2


def test_full_pass_checks_every_page_now():
    """A full pass looks at the whole region at once, paused or not."""
    region, live = make_region("a", 5)
    scrubber = Scrubber([region])
    scrubber.pause("a")
    live[4 * 4096] ^= 2
    (hit,) = scrubber.full_pass("a")
    assert (hit.page, scrubber.clean_tick("a"), scrubber.tick) == (4, 0, 5)


def test_regions_need_names_of_their_own():
    """Two regions of one name, or none at all, are refused."""
    with pytest.raises(ValueError, match="name"):
        Scrubber([make_region("a", 1)[0], make_region("a", 1)[0]])
    with pytest.raises(ValueError, match="at least one"):
        Scrubber([])


class TrustMachine(RuleBasedStateMachine):
    """Hits, results and scrubs in any order: a confirmed result never used a damaged page."""

    def __init__(self):
        super().__init__()
        self.region, self.live = make_region("a", 3)
        self.scrubber = Scrubber([self.region])
        self.golden = self.live[:]
        self.results: list[tuple[int, bool]] = []

    @rule(byte=st.integers(0, 3 * 4096 - 1), bit=st.integers(0, 7))
    def flip(self, byte, bit):
        if (self.live[byte] ^ self.golden[byte]) >> bit & 1:
            return  # the same bit hit twice between two looks leaves no trace for anybody
        self.live[byte] ^= 1 << bit

    @rule()
    def finish_a_result(self):
        self.results = self.results[-20:]
        self.results.append((self.scrubber.tick, self.live[:] == self.golden))

    @rule(budget=st.integers(1, 4))
    def scrub(self, budget):
        for hit in self.scrubber.advance(budget):
            self.results = [result for result in self.results if result[0] <= hit.since_tick]

    @invariant()
    def confirmed_results_are_right(self):
        confirmed = self.scrubber.clean_tick("a")
        assert all(right for tick, right in self.results if tick <= confirmed)


TestTrust = TrustMachine.TestCase
TestTrust.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
