"""Silent data corruption by protection class: single bit flips in live weights of the fire detector.

Every fault is one bit, drawn evenly over the bytes that the kernels of that class read, flipped in the
live mapping before a job and mended after it. The job then takes the course of a flight: the worker's
checks (a result that is no number, a checksum alarm), the vote, and for the protected classes a scrub
pass before the answer is final; a hit withdraws it and it runs again.

An answer counts as wrong when its map of fire pixels at the card's threshold differs from the unharmed
one. `at_once` is what would go down before the scrub has been there, `confirmed` what stays.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from flight_sw.inference.bundle import COPIES, Guarding, Part, parts_of
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.job import Protection
from flight_sw.inference.load import split_residual
from flight_sw.inference.runtime import RUNTIME_ERRORS
from flight_sw.radiation.native import crc32c
from hil.applications.models import find_model, read_card
from hil.bench.mapped import Mapped, load_mapped, scratch
from hil.campaign.trials.interval import clopper_pearson
from hil.environment.scene import make_scene
from hil.kernel import stream

MODEL = "hotspot"
FAULTS = 10_000
SEED = 20_260_101
CALIBRATION_SEEDS = range(4_000_000, 4_000_032)
SCENE_SEEDS = range(3_000_000, 3_000_016)  # training and its tests stay below
REDUCTION_MIN = 100.0
# A reduction of 100 times is shown by the bounds of both rates only with more faults.
MORE = {Protection.NONE: 3, Protection.STANDARD: 3}
Answer = bytes | None  # the map of fire pixels as bits; None: no answer, and the job runs again
Course = Callable[[int], Answer]


@dataclass(frozen=True, slots=True)
class _Bench:
    parts: dict[Part, Mapped]
    scenes: list[Any]
    threshold: float

    def answer(self, part: Part, scene: int) -> Answer:
        """What the worker would give: an answer, or None for what it fails."""
        mapped = self.parts[part]
        try:
            outputs = mapped.model.run([self.scenes[scene]])
        except RUNTIME_ERRORS:
            return None
        (found,), residual = split_residual(mapped.model.manifest, outputs)
        if not np.isfinite(found).all() or not residual <= 1:
            return None
        return np.packbits(found >= self.threshold).tobytes()

    def vote(self, scene: int) -> Answer:
        """Two of two, else two of three."""
        first, second = (self.answer(part, scene) for part in COPIES[:2])
        if first is not None and first == second:
            return first
        third = self.answer(COPIES[2], scene)
        return third if third is not None and third in (first, second) else None


def run(faults: int = FAULTS) -> dict[str, Any]:
    """Rates per class with their bounds, and whether the goals hold."""
    source = find_model(MODEL)
    card = read_card(source)
    calibration = tuple([make_scene(seed).bands[None]] for seed in CALIBRATION_SEEDS)
    with scratch() as folder:
        compiled = folder / "compiled"
        manifest, _ = compile_bundle(source, compiled, crc32c, Guarding(calibration, True))
        parts = {
            part: load_mapped(directory, folder / part.value)
            for part, directory in parts_of(compiled, manifest).items()
        }
        scenes = [make_scene(seed).bands[None] for seed in SCENE_SEEDS]
        bench = _Bench(parts, scenes, card.threshold if card else 0.5)
        classes = {c.value: _measure(bench, c, faults * MORE.get(c, 1)) for c in Protection}
    return {
        "model": MODEL,
        "confidence": 0.95,
        "seed": SEED,
        "classes": classes,
        "standard_reduction": _reduction(classes),
        "goals": _goals(classes),
    }


def _measure(bench: _Bench, protection: Protection, faults: int) -> dict[str, Any]:
    targets = {
        Protection.NONE: (Part.PLAIN,),
        Protection.STANDARD: (Part.RANGE,),
        Protection.HIGH: (Part.CHECKSUM,),
        Protection.VOTE: COPIES,
    }[protection]
    course: Course = lambda scene: bench.answer(targets[0], scene)  # noqa: E731
    if protection is Protection.VOTE:
        course = bench.vote
    golden = [course(scene) for scene in range(len(bench.scenes))]
    if None in golden:
        raise ValueError(f"{protection.value}: the unharmed model gives no answer")
    chance = stream(SEED, f"sdc:{protection.value}")
    counts: Counter[str] = Counter()
    for _ in range(faults):
        mapped = bench.parts[targets[int(chance.integers(len(targets)))]]
        byte, bit = _draw(mapped, chance)
        scene = int(chance.integers(len(bench.scenes)))
        mapped.view[byte] ^= 1 << bit
        given = course(scene)
        counts["alarms"] += given is None
        counts["wrong_at_once"] += given is not None and given != golden[scene]
        if protection is Protection.NONE:  # nothing comes after the answer
            mapped.view[byte] ^= 1 << bit
            counts["wrong_confirmed"] += given is not None and given != golden[scene]
            continue
        hits = mapped.region.repair_all()
        counts["hits"] += bool(hits)
        final = course(scene) if hits or given is None else given
        counts["wrong_confirmed"] += final != golden[scene]
    return {
        "faults": faults,
        "hits": counts["hits"],
        "alarms": counts["alarms"],
        "at_once": _rate(counts["wrong_at_once"], faults),
        "confirmed": _rate(counts["wrong_confirmed"], faults),
    }


def _draw(mapped: Mapped, chance: np.random.Generator) -> tuple[int, int]:
    """One bit, evenly over the bytes that kernels read."""
    blobs = mapped.model.manifest.computing_blobs
    place = int(chance.integers(sum(blob.length for blob in blobs)))
    for blob in blobs:
        if place < blob.length:
            return blob.offset + place, int(chance.integers(8))
        place -= blob.length
    raise ValueError("a place outside every blob")


def _rate(events: int, trials: int) -> dict[str, float]:
    low, high = clopper_pearson(events, trials)
    return {"wrong": events, "rate": events / trials, "low": low, "high": high}


def _reduction(classes: dict[str, Any]) -> dict[str, Any]:
    """How many times rarer a wrong final answer is: by the bounds of both, and as counted (None
    where none was left to count).
    """
    bare, kept = classes["none"]["confirmed"], classes["standard"]["confirmed"]
    counted = bare["rate"] / kept["rate"] if kept["rate"] else None
    return {"counted": counted, "at_least": bare["low"] / kept["high"]}


def _goals(classes: dict[str, Any]) -> dict[str, bool]:
    kept = ("standard", "high", "vote")
    found = all(classes[c]["hits"] == classes[c]["faults"] for c in kept)
    return {
        "standard_100_times_lower": _reduction(classes)["at_least"] >= REDUCTION_MIN,
        "high_silent_0": classes["high"]["confirmed"]["wrong"] == 0,
        "vote_silent_0": classes["vote"]["confirmed"]["wrong"] == 0,
        "every_fault_found": found,
    }
