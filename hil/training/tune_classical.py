"""Tune the classical fire test on the validation scenes, so that the network meets its best
form.

MOD14's thresholds were set for pixels of 1 km; here pixels are 375 m, where smaller contrasts
matter. Day and night are searched apart because their thresholds do not interact. Prints the
values that `hil.applications.classical_fire.tuned` gives.

    python -m hil.training.tune_classical
"""

from itertools import product

import numpy as np

from hil.applications.classical_fire import MOD14, Ancillary, Thresholds, decide, examine
from hil.applications.score import Counts, count
from hil.environment.scene import Scene, make_scene

VALIDATION_SEEDS = range(1_000_000, 1_000_300)  # those of hil.training.hotspot
CANDIDATES_K = {True: (310.0, 315.0, 320.0, 325.0), False: (285.0, 290.0, 295.0, 305.0)}
DIFFERENCES_K = (4.0, 7.0, 10.0, 13.0, 16.0)
CONTRASTS_K = (4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0)


def main() -> None:
    """Print the thresholds of highest F1 for day and night, beside those of MOD14."""
    scenes = [make_scene(seed) for seed in VALIDATION_SEEDS]
    for is_day in (True, False):
        chosen = [scene for scene in scenes if scene.is_day == is_day]
        figures = {}
        for candidate, difference in product(CANDIDATES_K[is_day], DIFFERENCES_K):
            thresholds = Thresholds(candidate, candidate, difference)
            for contrast, counts in zip(CONTRASTS_K, scores(chosen, thresholds), strict=True):
                figures[candidate, difference, contrast] = round(counts.f1, 4)
        best = max(figures, key=lambda key: figures[key])
        usual = MOD14.candidate_day_k if is_day else MOD14.candidate_night_k
        published = figures[usual, MOD14.candidate_difference_k, MOD14.contrast_k]
        print("day" if is_day else "night", best, figures[best], "published", published)


def scores(scenes: list[Scene], thresholds: Thresholds) -> list[Counts]:
    """Counts over the scored pixels of all scenes, one per contrast."""
    evidence = [
        examine(s.bands, Ancillary(s.is_day, s.water, s.glint_angle_deg), thresholds)
        for s in scenes
    ]
    counted = ~np.stack([scene.unclear for scene in scenes])
    fire = np.stack([scene.fire for scene in scenes])[counted]
    return [
        count(fire, np.stack([decide(e, contrast) for e in evidence])[counted])
        for contrast in CONTRASTS_K
    ]


if __name__ == "__main__":
    main()
