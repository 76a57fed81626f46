"""The board's scrub: how fast the walk goes, what it found, and which answers it has made safe.

Answers stand in line until every page of their model has been seen clean after them. The worker's proof
turns bytes over on purpose, so the walk keeps off a region while it is being proven.
"""

from collections import deque

from flight_sw.board_link import messages as m
from flight_sw.board_models import BoardModels
from flight_sw.radiation.scrub import Scrubber, ScrubHit

ANSWERS_REMEMBERED = 4096
SCRUB_PAGES_MAX = 4096  # per step: 16 MiB, some milliseconds
# A page costs 0.5 to 0.8 us of a desktop core (`vanallen bench inference`): 2 % of it at this pace, and
# 1 GiB within 10.5 s. A slower core pays more, or is given a longer pass.
PAGES_PER_S_MAX = 25_000
HURRY, HURRY_S = 4, 60.0  # so much faster while it is hot, and so long after a hit
PLACES_REMEMBERED = 256


class BoardScrub:
    """The walk over all regions of the board's models."""

    def __init__(self, models: BoardModels) -> None:
        self.scrubber: Scrubber | None = None
        self.lively = False  # the last step checked pages, or none was due
        self._fenced = False
        self._models = models
        self._unconfirmed: dict[int, deque[int]] = {}
        self._at_s: float | None = None
        self._debt = 0.0
        self._was_hit = False
        self._hit_lately: dict[tuple[str, int], float] = {}
        self._hurry_until_s = float("-inf")
        self.survey()

    @property
    def tick(self) -> int:
        """Pages checked since the board booted."""
        return 0 if self.scrubber is None else self.scrubber.tick

    def survey(self) -> None:
        """Take in which models there are now; every page starts as never seen."""
        regions = [model.region for model in self._models.parts.values()]
        tick = self.tick
        self.scrubber = Scrubber(regions) if regions else None
        if self.scrubber is not None:
            self.scrubber.tick = tick
        self._unconfirmed = {
            slot: self._unconfirmed.get(slot, deque(maxlen=ANSWERS_REMEMBERED))
            for slot in self._models.slots
        }

    def answered(self, slot: int, tick_end: int) -> None:
        """An answer went out that is not safe yet."""
        self._unconfirmed[slot].append(tick_end)

    def step(self, now: float, pass_s: float | None, *, hot: bool = False) -> list[m.Message]:
        """Walk as far as the time since the last step asks for; `pass_s` None: stand still.

        Faster while it is hot and for a time after a hit: damage seldom comes alone.
        """
        if self._was_hit:
            self._was_hit, self._hurry_until_s = False, now + HURRY_S
        elapsed_s = 0.0 if self._at_s is None else now - self._at_s
        self._at_s = now
        if self.scrubber is None or pass_s is None:
            self.lively = True
            return []
        pages, before = self.scrubber.pages, self.scrubber.tick
        hurry = HURRY if hot or now < self._hurry_until_s else 1
        pages_per_s = min(pages / pass_s, PAGES_PER_S_MAX) * hurry
        self._debt += elapsed_s * pages_per_s
        budget = min(int(self._debt), SCRUB_PAGES_MAX)
        self._debt = min(self._debt - budget, pages)
        told = self._told(self.scrubber.advance(budget))
        is_rare = not budget and pages_per_s < 1
        # A fence holds for no longer than a load may take; the worker's heartbeat sees to that.
        self.lively = self._fenced or is_rare or self.scrubber.tick != before
        return [*told, *self.safe()]

    def look_at(self, region: str) -> tuple[tuple[ScrubHit, ...], list[m.Message]]:
        """One pass over a region now: what was found, and how to tell it."""
        if self.scrubber is None:
            return (), []
        hits = self.scrubber.full_pass(region)
        return hits, self._told(hits)

    def look_at_all(self, loading: int | None) -> tuple[int, list[m.Message]]:
        """One pass over everything but the part under proof: pages seen, and what to tell."""
        pages, told = 0, []
        for number, model in self._models.parts.items():
            if number != loading:
                told += self.look_at(model.region.name)[1]
                pages += model.region.pages
        return pages, [*told, *self.safe()]

    def fence(self, before: int | None, after: int | None) -> list[m.Message]:
        """Keep the walk off a region while the worker's proof turns its bytes over."""
        if before == after or self.scrubber is None:
            return []
        self._fenced = after is not None
        if before in self._models.parts and before is not None:
            self.scrubber.resume(self._models.parts[before].region.name)
        if after is None:
            return []
        region = self._models.parts[after].region.name
        told = self.look_at(region)[1]
        self.scrubber.pause(region)
        return told

    def safe(self) -> list[m.Message]:
        """What the controller learns once of answers that are safe; in order with hits and answers."""
        told: list[m.Message] = []
        for slot, answered in self._unconfirmed.items():
            if not answered:
                continue
            clean = self._clean_tick(slot)
            if answered[0] < clean:
                told.append(m.Clean(slot, clean))
            while answered and answered[0] < clean:
                answered.popleft()
        return told

    def _told(self, hits: tuple[ScrubHit, ...]) -> list[m.Message]:
        """A run that starts from now on has these behind it."""
        self._heed(hits)
        return [self._models.page_hit(hit, self.tick - 1) for hit in hits]

    def _heed(self, hits: tuple[ScrubHit, ...]) -> None:
        """Hurry after a hit at a new place, and stop at one that fails again.

        That one is stuck, and to look more often would only tell of it more often.
        """
        now = self._at_s or 0.0
        for hit in hits:
            place = (hit.region, hit.page)
            if now - self._hit_lately.get(place, float("-inf")) < HURRY_S:
                self._hurry_until_s = now
            else:
                self._was_hit = True
            self._hit_lately.pop(place, None)
            self._hit_lately[place] = now
        while len(self._hit_lately) > PLACES_REMEMBERED:
            del self._hit_lately[next(iter(self._hit_lately))]

    def _clean_tick(self, slot: int) -> int:
        if self.scrubber is None:
            return 0
        return min(self.scrubber.clean_tick(name) for name in self._models.regions_of(slot))
