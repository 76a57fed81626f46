"""Walks protected regions round and round within a budget, and knows what each pass proves.

`tick` counts pages checked. A result carries the tick at which it finished. For every page the tick
at which its last clean look *began* is kept: a result that finished at that tick or before used the
page as that look found it. So a result is confirmed once its tick is at or below the minimum over all
pages, and suspect when a page is found hit whose last clean look began before the result finished.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight_sw.radiation.native import SLICE_PAGES
from flight_sw.radiation.outcome import Depth
from flight_sw.radiation.protected import PageHit, ProtectedRegion, Tier

NEVER: Final = -1  # before a page's first look nothing is confirmed, not even a result of tick 0


@dataclass(frozen=True, slots=True)
class ScrubHit:
    """A page that was not clean; results of `region` finished after `since_tick` are suspect."""

    region: str
    page: int
    tier: Tier
    bits: int
    since_tick: int


@dataclass(slots=True)
class _Walk:
    """One region and how far the walk has come in it."""

    region: ProtectedRegion
    clean: NDArray[np.int64]  # tick at which the last clean look began, for each page
    next_page: int = 0
    paused: bool = False


class Scrubber:
    """Cyclic scrub over regions with unique names; reads no clock, the caller sets the pace."""

    def __init__(self, regions: Sequence[ProtectedRegion], depth: Depth = Depth.BOTH) -> None:
        self._walks = {
            region.name: _Walk(region, np.full(region.pages, NEVER, np.int64)) for region in regions
        }
        if not regions or len(self._walks) != len(regions):
            raise ValueError("a scrubber needs at least one region, each with a name of its own")
        self._order = tuple(self._walks.values())
        self._depth = depth
        self._turn = 0
        self.tick = 0

    @property
    def pages(self) -> int:
        """Pages of all regions together."""
        return sum(walk.region.pages for walk in self._order)

    def advance(
        self, page_budget: int, stop: Callable[[], bool] = lambda: False
    ) -> tuple[ScrubHit, ...]:
        """Check up to `page_budget` further pages, at most one round; paused regions are skipped.

        `stop` is asked between slices (under 1 ms each, damaged or not): true ends the work there.
        """
        hits: list[ScrubHit] = []
        left = min(page_budget, self._pages_awake())
        while left > 0 and not stop():
            walk = self._order[self._turn]
            if walk.paused:
                self._turn = (self._turn + 1) % len(self._order)
                continue
            count = min(left, walk.region.pages - walk.next_page, SLICE_PAGES)
            found, done = self._check(walk, walk.next_page, count)
            hits += found
            left -= done
            walk.next_page += done
            if walk.next_page == walk.region.pages:
                walk.next_page = 0
                self._turn = (self._turn + 1) % len(self._order)
        return tuple(hits)

    def full_pass(self, region: str) -> tuple[ScrubHit, ...]:
        """Check every page of one region now, paused or not; the walk goes on where it was."""
        walk = self._walks[region]
        hits: list[ScrubHit] = []
        at, end = 0, walk.region.pages
        while at < end:
            found, done = self._check(walk, at, min(SLICE_PAGES, end - at))
            hits += found
            at += done
        return tuple(hits)

    def clean_tick(self, region: str) -> int:
        """Results of `region` finished by this tick are confirmed, but for those a hit withdrew."""
        return int(self._walks[region].clean.min())

    def pause(self, region: str) -> None:
        """Leave a region out, for example while its bytes are being replaced."""
        self._walks[region].paused = True

    def resume(self, region: str) -> None:
        """Take a paused region in again, where its walk stopped."""
        self._walks[region].paused = False

    def _pages_awake(self) -> int:
        return sum(walk.region.pages for walk in self._order if not walk.paused)

    def _check(self, walk: _Walk, first: int, count: int) -> tuple[list[ScrubHit], int]:
        """One slice, and how many pages it got through."""
        before = self.tick
        self.tick += count  # first: a result that finishes during the look must not pass as checked
        found, done = walk.region.scrub_slice(first, count, self._depth)
        hits = [self._hit(walk, hit) for hit in found]
        lost = [hit.page for hit in hits if hit.tier is Tier.LOST]
        lost += walk.region.retired  # memory that keeps no mend confirms nothing either
        held = walk.clean[lost]
        walk.clean[first : first + done] = before
        walk.clean[lost] = held  # a lost page is not clean: nothing since is confirmed
        return hits, done

    def _hit(self, walk: _Walk, hit: PageHit) -> ScrubHit:
        since = int(walk.clean[hit.page])
        return ScrubHit(walk.region.name, hit.page, hit.tier, hit.bits, since)
