"""The pace of the scrub: what it is told, never dearer than its budget, faster when damage is likely."""

import numpy as np

from flight_sw.board_models import BoardModel, BoardModels
from flight_sw.board_scrub import HURRY, HURRY_S, PAGES_PER_S_MAX, SCRUB_PAGES_MAX, BoardScrub
from flight_sw.radiation.native import PAGE_BYTES, aligned_bytes
from flight_sw.radiation.protected import Profile, ProtectedRegion

STEP_S = 0.05


def _scrub(pages):
    live = np.frombuffer(aligned_bytes(pages * PAGE_BYTES), np.uint8)
    region = ProtectedRegion("model", live, lambda _: bytes(PAGE_BYTES), Profile.LIGHT)
    region.encode()
    models = BoardModels((BoardModel(1, "model", "/live", "ab", region),), 0.99)
    scrub = BoardScrub(models)
    scrub.step(0.0, 1.0)
    return scrub, live


def _pages_in(scrub, begin_s, pass_s, *, hot=False, steps=20):
    """Pages seen in a second."""
    before = scrub.tick
    for step in range(1, steps + 1):
        scrub.step(begin_s + step * STEP_S, pass_s, hot=hot)
    return scrub.tick - before


def test_a_pass_takes_the_time_that_was_ordered():
    """All pages once in ten seconds: a tenth of them in one."""
    scrub, _ = _scrub(2000)
    assert abs(_pages_in(scrub, 0.0, 10.0) - 200) <= 1


def test_no_order_makes_it_dearer_than_its_budget():
    """The share of a core is bounded, whatever the size of the models and the pass ordered."""
    scrub, _ = _scrub(2 * PAGES_PER_S_MAX)
    assert _pages_in(scrub, 0.0, 0.05) <= PAGES_PER_S_MAX
    assert PAGES_PER_S_MAX * STEP_S < SCRUB_PAGES_MAX


def test_it_hurries_while_it_is_hot():
    """And no longer."""
    scrub, _ = _scrub(2000)
    assert abs(_pages_in(scrub, 0.0, 10.0, hot=True) - HURRY * 200) <= HURRY
    assert abs(_pages_in(scrub, 1.0, 10.0) - 200) <= 1


def test_it_hurries_for_a_time_after_a_hit():
    """Damage seldom comes alone."""
    scrub, live = _scrub(2000)
    live[100] ^= 4
    assert _pages_in(scrub, 0.0, 10.0) > 2 * 200
    assert live[100] == 0
    assert abs(_pages_in(scrub, 1.0, 10.0) - HURRY * 200) <= HURRY
    for _ in range(5):
        scrub.step(HURRY_S + 2.0, 10.0)  # catches up on the pause
    assert abs(_pages_in(scrub, HURRY_S + 2.0, 10.0) - 200) <= 1


def test_a_stuck_place_that_is_hit_again_and_again_is_no_reason_to_hurry():
    """One stuck bit filled the event log with four reports a second."""
    scrub, live = _scrub(200)
    reports = 0
    for step in range(1, 601):  # thirty seconds, thirty passes
        live[100] |= 4
        reports += sum(
            told.__class__.__name__ == "PageHit" for told in scrub.step(step * STEP_S, 1.0)
        )
    assert 28 <= reports <= 33
