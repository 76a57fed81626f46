"""Named ways to choose a clock level, compared in one plant: see hil.bench.governor."""
