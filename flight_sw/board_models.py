"""The models on a board: every mapped part, what the worker proved of it, and which classes that allows.

A slot holds up to five parts: the plain weights, two guarded forms, two further copies for voting. The
worker knows each under a number of its own; the controller hears of slots and classes only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from flight_sw.board_link import messages as m
from flight_sw.inference.bundle import COPIES, Part, parts_for
from flight_sw.inference.job import Protection
from flight_sw.inference.question import PROMPT_BYTES_MAX
from flight_sw.inference.worker_messages import MAX_SLOTS, Loaded, LoadFailed, TensorSpec
from flight_sw.radiation.protected import ProtectedRegion
from flight_sw.radiation.scrub import ScrubHit

QUESTION_BYTES_MAX = PROMPT_BYTES_MAX + 256  # a prompt and its settings
_PARTS = tuple(Part)


@dataclass(frozen=True, slots=True)
class BoardModel:
    """One staged part of a model; `region` protects the bytes the worker maps.

    `live` are the (offset, length) stretches of it that kernels read; the rest is padding.
    """

    slot: int
    name: str
    directory: str
    digest: str
    region: ProtectedRegion
    part: Part = Part.PLAIN
    live: tuple[tuple[int, int], ...] = ()

    @property
    def number(self) -> int:
        """What the worker calls it: plain parts keep the number of their slot."""
        return _PARTS.index(self.part) * MAX_SLOTS + self.slot


class BoardModels:
    """Parts by worker number, and what the slots offer."""

    def __init__(self, models: Iterable[BoardModel], min_coverage: float) -> None:
        self.ready: dict[int, m.ModelReady] = {}
        self.refused: dict[int, m.ModelRefused] = {}
        self._min_coverage = min_coverage
        self._told: dict[int, Loaded | LoadFailed] = {}
        self._index({model.number: model for model in models})

    def _index(self, parts: dict[int, BoardModel]) -> None:
        self.parts = parts
        self.slots = sorted({model.slot for model in parts.values()})
        self._numbers = {(model.slot, model.part): n for n, model in parts.items()}
        self._by_region = {model.region.name: model for model in parts.values()}

    def replace(self, slot: int, models: Iterable[BoardModel]) -> None:
        """Put these parts in place of all that a slot held; nothing of them is loaded yet."""
        others = {n: model for n, model in self.parts.items() if model.slot != slot}
        self._told = {n: told for n, told in self._told.items() if n in others}
        self.ready.pop(slot, None)
        self.refused.pop(slot, None)
        self._index(others | {model.number: model for model in models})

    @property
    def directories(self) -> dict[int, str]:
        """Where the worker finds each part."""
        return {number: model.directory for number, model in self.parts.items()}

    def proven(self, news: Loaded | LoadFailed | None) -> bool:
        """Whether enough of the weights was shown to be live."""
        return isinstance(news, Loaded) and news.protectable and news.coverage >= self._min_coverage

    def was_proven(self, number: int) -> bool:
        """Whether the part was proven when it was last loaded."""
        return self.proven(self._told.get(number))

    def is_tested(self, number: int) -> bool:
        """Whether a known answer says something of the part: it was proven, or is all there is."""
        told = self._told.get(number)
        return self.proven(told) or (isinstance(told, Loaded) and told.kept != "scrubbed")

    def settle(self, news: Loaded | LoadFailed) -> list[m.Message]:
        """Note how a load ended; what to tell once every part of the slot has been tried."""
        self._told[news.slot] = news
        slot = self.parts[news.slot].slot
        numbers = [n for n, model in self.parts.items() if model.slot == slot]
        if any(number not in self._told for number in numbers):
            return []
        plain = self._told[self._numbers[slot, Part.PLAIN]]
        if isinstance(plain, LoadFailed):
            self.ready.pop(slot, None)
            self.refused[slot] = m.ModelRefused(slot, plain.reason.value)
            return [self.refused[slot]]
        model = self.parts[self._numbers[slot, Part.PLAIN]]
        told = [news for n in numbers if isinstance(news := self._told[n], Loaded)]
        self.refused.pop(slot, None)
        self.ready[slot] = m.ModelReady(
            slot=slot,
            name=model.name,
            coverage=min(news.coverage for news in told),
            protected=self.proven(plain),
            weight_bytes=plain.total_bytes,
            input_bytes=QUESTION_BYTES_MAX if plain.is_text else _tensor_bytes(plain.inputs),
            output_bytes=0 if plain.is_text else _tensor_bytes(plain.outputs),
            digest=model.digest,
            classes=tuple(c.value for c in Protection if self._offers(slot, c)),
            is_text=plain.is_text,
            kept=plain.kept,
        )
        return [self.ready[slot]]

    def numbers_for(self, slot: int, protection: str) -> tuple[int, ...]:
        """The parts that a job of this class runs on, in order; empty if the slot does not offer it."""
        ready = self.ready.get(slot)
        if ready is None or protection not in ready.classes:
            return ()
        return self._wanted(slot, Protection(protection))

    def digest_of(self, number: int) -> str:
        """What names the bytes of a part."""
        return self.parts[number].digest if number in self.parts else ""

    def page_hit(self, hit: ScrubHit, found_tick: int) -> m.PageHit:
        """A hit in the words of the board link."""
        return self.hit(hit.region, hit.page, hit.tier.name, hit.bits, (hit.since_tick, found_tick))

    def hit(
        self, region: str, page: int, tier: str, bits: int, ticks: tuple[int, int]
    ) -> m.PageHit:
        """A hit, with the classes whose runs compute with that region; `ticks` are since and found."""
        model = self._by_region[region]
        classes = tuple(c.value for c in Protection if model.number in self._wanted(model.slot, c))
        return m.PageHit(region, model.slot, page, tier, bits, *ticks, classes)

    def regions_of(self, slot: int) -> list[str]:
        """Names of the regions of a slot's parts."""
        return [model.region.name for model in self.parts.values() if model.slot == slot]

    def _wanted(self, slot: int, protection: Protection) -> tuple[int, ...]:
        installed = frozenset(part for s, part in self._numbers if s == slot)
        return tuple(self._numbers[slot, part] for part in parts_for(protection, installed))

    def _offers(self, slot: int, protection: Protection) -> bool:
        told = [self._told[number] for number in self._wanted(slot, protection)]
        if protection is Protection.NONE:
            return bool(told)
        return bool(told) and all(self.proven(news) for news in told)


def region_name(name: str, part: Part) -> str:
    """Regions are known by the model's name; further parts of it say which."""
    return name if part is COPIES[0] else f"{name}#{part.value}"


def unlike(names: Iterable[str], name: str, slot: int) -> str:
    """A name for the model in a slot that none of the others has: two slots may hold one model."""
    return f"{name}@{slot}" if name in names else name


def _tensor_bytes(specs: tuple[TensorSpec, ...]) -> int:
    return sum(np.dtype(spec.dtype).itemsize * prod(spec.shape) for spec in specs)
