"""Tune the classical fire test on the validation scenes, so that the network meets its best
form.

MOD14's thresholds were set for pixels of 1 km; here pixels are 375 m, where smaller contrasts
matter. Day and night are searched apart because their thresholds do not interact. Prints the
values that `hil.applications.classical_fire.TUNED` holds.

    python -m hil.training.tune_classical
"""

from itertools import product

import numpy as np

from hil.applications.classical_fire import MOD14, Ancillary, Thresholds, detect_fires
from hil.applications.score import count
from hil.environment.scene import Scene, make_scene

VALIDATION_SEEDS = range(1_000_000, 1_000_300)  # those of hil.training.hotspot
CANDIDATES_K = {True: (295.0, 300.0, 305.0, 310.0), False: (280.0, 285.0, 290.0, 295.0, 305.0)}
DIFFERENCES_K = (3.0, 5.0, 7.0, 10.0)
CONTRASTS_K = (2.5, 3.0, 4.0, 5.0, 6.0)


def main() -> None:
    """Print the thresholds of highest F1 for day and night."""
    scenes = [make_scene(seed) for seed in VALIDATION_SEEDS]
    for is_day in (True, False):
        chosen = [scene for scene in scenes if scene.is_day == is_day]
        grid = product(CANDIDATES_K[is_day], DIFFERENCES_K, CONTRASTS_K)
        best = max(grid, key=lambda values: score(chosen, Thresholds(values[0], *values)))
        figure = score(chosen, Thresholds(best[0], *best))
        print("day" if is_day else "night", best, round(figure, 4), round(score(chosen, MOD14), 4))


def score(scenes: list[Scene], thresholds: Thresholds) -> float:
    """F1 over the scored pixels of all scenes."""
    found = np.stack(
        [
            detect_fires(s.bands, Ancillary(s.is_day, s.water, s.glint_angle_deg), thresholds)
            for s in scenes
        ]
    )
    counted = ~np.stack([scene.unclear for scene in scenes])
    return count(np.stack([scene.fire for scene in scenes])[counted], found[counted]).f1


if __name__ == "__main__":
    main()
